public import Addresses
import Synchronization

/// The way of connections that come to a port of clients and are for the console (HTTPS): TLS ends there, and they go on to a port
/// of the console that only this host reaches.
///
/// Whoever connects says before whose connection it is; the console takes no others at that port.
public final class ConsoleDoor: Sendable {
    private struct State {
        var port: UInt16?
        var clients: [UInt16: IPAddress] = [:]
    }

    private let state = Mutex(State())

    /// Nobody takes connections yet.
    public init() {}

    /// The port at 127.0.0.1 where the console takes them; nil while it does not.
    public var port: UInt16? { state.withLock { $0.port } }

    /// Says where the console takes them from now on; nil for nowhere.
    public func open(at port: UInt16?) { state.withLock { $0.port = port } }

    /// Says whose connection comes from a port of this host, before the console can see it.
    public func note(_ client: IPAddress, from port: UInt16) { state.withLock { $0.clients[port] = client } }

    /// Whose connection comes from a port of this host; nil for one that nobody has told of.
    public func client(from port: UInt16) -> IPAddress? { state.withLock { $0.clients[port] } }

    /// A connection has ended.
    public func forget(from port: UInt16) { state.withLock { $0.clients[port] = nil } }
}
