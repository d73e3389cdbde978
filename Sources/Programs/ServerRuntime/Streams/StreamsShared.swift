import Addresses
import Administration
import ServerSettings
import Synchronization

/// What the connections of all workers share.
struct StreamsShared: Sendable {
    let limits: ConnectionLimits
    let fleet: FleetDoor
    let rules: StreamRules
    let console: ConsoleDoor
}

/// What is taken at the ports of TCP, as the settings have it from the start.
struct StreamRules: Sendable {
    /// Whether STUN is taken without TLS.
    var takesPlain = true
    /// Who is believed when they say whose a connection is.
    var proxies: [IPPrefix] = []
    /// Where HTTP goes, and TLS for a web site; nil for nowhere.
    var webServer: SocketAddress?
    var webTLSServer: SocketAddress?
    /// Whether those are told by the PROXY protocol whose connection they get.
    var tellsWeb = false

    init(_ settings: Settings) {
        takesPlain = settings.tcp
        proxies = settings.proxies
        webServer = settings.webServer
        webTLSServer = settings.webTLSServer
        tellsWeb = settings.webProxyProtocol
    }
}

/// Where connections of the fleet's other servers go: they come to the same port as clients, and another part of the server
/// answers them.
final class FleetDoor: Sendable {
    /// What a server of the fleet sends first; no message of STUN begins so (RFC 8489 section 5).
    static let firstByte: UInt8 = 0xC5

    private let handler = Mutex<(@Sendable (Int32, SocketAddress) -> Void)?>(nil)

    /// Whether somebody answers.
    var isOpen: Bool { handler.withLock { $0 != nil } }

    /// Gives connections to `handler` from now on, which closes them; nil for nobody.
    func open(to handler: (@Sendable (_ descriptor: Int32, _ source: SocketAddress) -> Void)?) {
        self.handler.withLock { $0 = handler }
    }

    /// Passes a connection on; false when nobody answers any more.
    func pass(_ descriptor: Int32, from source: SocketAddress) -> Bool {
        guard let handler = handler.withLock({ $0 }) else { return false }
        handler(descriptor, source)
        return true
    }
}
