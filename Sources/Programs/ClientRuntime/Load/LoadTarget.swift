public import Addresses

/// Why a load does not run, or ended without figures: a sentence for a person.
public struct LoadFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// What a script is told.
    public enum Kind: Sendable {
        /// The command line asks for something that is not done.
        case usage
        /// The server does not answer, or refuses everything.
        case unavailable
        /// The system refuses something, such as a socket.
        case system
    }

    /// What a script is told.
    public let kind: Kind
    /// What happened and what to do.
    public let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    /// Throws unless a number lies in a range.
    static func check<Number: Comparable>(
        _ value: Number,
        in range: ClosedRange<Number>,
        _ option: String
    ) throws(LoadFailure) {
        guard range.contains(value) else {
            throw LoadFailure(.usage, "\(option) \(value): allowed are \(range.lowerBound) to \(range.upperBound)")
        }
    }
}

/// How the clients of a load come to the server; the way between relay and peers is UDP in any case.
public enum LoadTransport: String, Sendable, CaseIterable {
    case udp
    case tcp
    /// TLS, with whatever certificate the server has.
    case tls
}

/// Whom a load asks, and from where.
public struct LoadTarget: Sendable {
    /// The server.
    public var server: SocketAddress
    /// The address of the load's own sockets.
    public var local: IPAddress
    /// Its ports are taken from here on, below those that the kernel and relays give away.
    public var firstPort: UInt16 = 10_000
    /// The server's process, whose CPU time is read.
    public var process: Int32?
    /// How clients come; only loads with sessions or connections look at it.
    public var transport = LoadTransport.udp
    /// Whether the server may be on another host.
    public var allowsAny = false

    /// Asks from the loopback address of the server's family.
    public init(server: SocketAddress) {
        self.server = server
        local = server.address.family == .v4 ? IPAddress(v4: 0x7F00_0001) : IPAddress(v6High: 0, low: 1)
    }

    /// Throws for what a load must not do or cannot.
    public func check() throws(LoadFailure) {
        guard server.port != 0 else { throw LoadFailure(.usage, "--server \(server): no port") }
        guard local.family == server.address.family else {
            throw LoadFailure(.usage, "--bind \(local) is not of the family of the server \(server)")
        }
        guard firstPort >= 1024, firstPort < PortSequence.end else {
            throw LoadFailure(.usage, "--port-base \(firstPort): allowed are 1024 to \(PortSequence.end - 1)")
        }
        try checkReach(of: server.address, "the server \(server)")
        if let process, process <= 0 || ServerMeter.read(process) == nil {
            throw LoadFailure(.usage, "--pid \(process): there is no such process, or it may not be looked at")
        }
    }

    /// Throws when an address is not of this host alone: a load that leaves it hits somebody.
    func checkReach(of address: IPAddress, _ what: String) throws(LoadFailure) {
        guard allowsAny || address.isLoopback else {
            throw LoadFailure(
                .usage,
                "\(what) is not on loopback: --any allows it, where the network and the server are yours to load"
            )
        }
    }
}
