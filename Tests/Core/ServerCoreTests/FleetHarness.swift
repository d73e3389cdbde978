import Addresses
import ClusterCore
import STUNCodec
import WireFixtures

@testable import ServerCore

/// Several servers that know each other, and a network that carries what they send.
struct FleetHarness {
    static let key = ClusterKey(secret: Array(0x20..<0x40))
    static let unixMilliseconds: UInt64 = 1_795_900_000_000

    var servers: [ServerHarness] = []

    /// Servers 198.51.100.10, .20 and so on with the same ports, each with one address a family.
    init(_ count: Int = 3) {
        for number in 0..<count {
            var policy = Policy.oneAddress
            policy.v4.primary = Self.address(number)
            policy.v6.primary = Self.address(number, .v6)
            servers.append(ServerHarness(policy: policy))
            introduce(number, Self.view(of: count, seenBy: number))
        }
        setClocks()
    }

    static func address(_ number: Int, _ family: IPAddress.Family = .v4) -> IPAddress {
        family == .v4
            ? IPAddress(v4: 0xC633_640A + UInt32(number) * 10)
            : IPAddress(v6High: 0x2001_0db8_0000_0000, low: 0x10 + UInt64(number) * 0x10)
    }

    /// What one of the servers knows of the others, all of them healthy.
    static func view(of count: Int, seenBy own: Int) -> ClusterView {
        let peers = (0..<count).filter { $0 != own }.map { number in
            var said = ServerState()
            said.instance = UInt64(100 + number)
            return ClusterPeer(
                id: UInt16(number),
                kind: .sealed,
                v4: PeerEndpoints(address: address(number), port1: 3478, port2: 3479),
                v6: PeerEndpoints(address: address(number, .v6), port1: 3478, port2: 3479),
                isHealthy: true,
                state: said
            )
        }
        var state = ServerState()
        state.instance = UInt64(100 + own)
        state.port2 = 3479
        return ClusterView(peers: peers, own: state)
    }

    mutating func introduce(_ number: Int, _ view: ClusterView?) {
        servers[number].server.adopt(view, trust: ClusterTrust(key: Self.key, filter: ReplayFilter()))
    }

    /// Changes what a server knows of the others.
    mutating func change(_ number: Int = 0, _ body: (inout ClusterPeer) -> Void) {
        guard var view = servers[number].server.cluster?.view else { return }
        for index in view.peers.indices { body(&view.peers[index]) }
        introduce(number, view)
    }

    /// Sets all clocks; `offset` is how many milliseconds a server's is ahead.
    mutating func setClocks(_ offset: (Int) -> Int64 = { _ in 0 }) {
        for number in servers.indices {
            let (now, time) = (servers[number].now, UInt64(Int64(Self.unixMilliseconds) + offset(number)))
            var ports = servers[number].ports
            servers[number].server.advance(to: now, unixMilliseconds: time, ports: &ports)
        }
    }

    /// Lets time pass everywhere.
    mutating func wait(milliseconds: UInt64) {
        for number in servers.indices {
            let now = servers[number].now.nanoseconds + milliseconds * 1_000_000
            servers[number].now = Instant(nanoseconds: now)
        }
    }

    /// A datagram on its way.
    struct Datagram: Equatable {
        var source: SocketAddress
        var destination: SocketAddress
        var bytes: [UInt8]
    }

    /// What a datagram of a client leads to.
    struct Journey {
        /// The verdicts of the servers that it came to.
        var verdicts: [Verdict] = []
        /// What servers sent to each other.
        var between: [Datagram] = []
        /// What left for anybody else.
        var answer: Datagram?
    }

    /// Carries a datagram to the server it is for, and what that sends to the next one, until something leaves the fleet.
    mutating func send(
        _ bytes: [UInt8],
        from client: SocketAddress = .client,
        to number: Int = 0,
        on role: SocketRole = .primaryPrimary
    ) -> Journey {
        let port = role.isOnAlternatePort ? UInt16(3479) : 3478
        let address = Self.address(number, client.address.family)
        return carry(Datagram(source: client, destination: SocketAddress(address, port: port), bytes: bytes))
    }

    mutating func carry(_ first: Datagram) -> Journey {
        var journey = Journey()
        var next: Datagram? = first
        while let datagram = next, journey.verdicts.count < 10 {
            let number = servers.indices.first {
                Self.address($0, datagram.destination.address.family) == datagram.destination.address
                    && (3478...3479).contains(datagram.destination.port)
            }
            guard let number else {
                journey.answer = datagram
                break
            }
            if !journey.verdicts.isEmpty { journey.between.append(datagram) }
            let role = datagram.destination.port == 3479 ? SocketRole.primaryAlternate : .primaryPrimary
            let outcome = servers[number].send(datagram.bytes, from: datagram.source, on: role)
            journey.verdicts.append(outcome.verdict)
            next = outcome.answer.flatMap { Self.leaving($0, outcome.verdict, datagram) }
        }
        return journey
    }

    /// The datagram that a verdict lets leave, as the worker would send it.
    private static func leaving(_ bytes: [UInt8], _ verdict: Verdict, _ came: Datagram) -> Datagram? {
        func socket(_ role: SocketRole) -> SocketAddress {
            SocketAddress(came.destination.address, port: role.isOnAlternatePort ? 3479 : 3478)
        }
        switch verdict {
        case .reply:
            return Datagram(source: came.destination, destination: came.source, bytes: bytes)
        case .replyFrom(let role, let port):
            let client = SocketAddress(came.source.address, port: port ?? came.source.port)
            return Datagram(source: socket(role), destination: client, bytes: bytes)
        case .replyFor(let client, let role):
            return Datagram(source: socket(role), destination: client, bytes: bytes)
        case .handOver(let server, _):
            return Datagram(source: came.destination, destination: server, bytes: bytes)
        case .drop, .toPeer, .toClient, .connect, .bound, .attempt:
            return nil
        }
    }
}

extension FleetHarness.Journey {
    /// The answer taken apart.
    func read(_ dialect: Dialect) -> TakenApart? { answer.flatMap { TakenApart($0.bytes, as: dialect) } }
}
