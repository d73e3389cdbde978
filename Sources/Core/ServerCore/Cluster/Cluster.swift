import Addresses
import ClusterCore
import STUNCodec

/// The other servers as one worker sees them, and what it has handed to them.
struct Cluster: Sendable {
    private(set) var view: ClusterView
    private(set) var trust: ClusterTrust?
    private var choice: PeerChoice
    private var sender: HandOver.Sender
    private var nextStalePong = Instant.start

    /// How long after one pong to a server whose clock is off another one may follow, in nanoseconds.
    private static let stalePongInterval: UInt64 = 100_000_000

    init(_ view: ClusterView, _ trust: ClusterTrust?, seed: UInt64) {
        self.view = view.owned
        self.trust = trust
        choice = PeerChoice(seed: seed)
        sender = HandOver.Sender(instance: view.own.instance, seed: ~seed)
    }

    /// Takes over what is known now; what was counted stays.
    mutating func adopt(_ view: ClusterView, _ trust: ClusterTrust?) {
        self.view = view.owned
        self.trust = trust
        sender.instance = view.own.instance
    }

    /// Whether servers of ours are configured, in whatever health.
    var hasSealedPeers: Bool {
        for index in view.peers.indices where view.peers[index].kind == .sealed { return true }
        return false
    }

    /// Whether an IP address is one of a configured server of ours.
    func isPeer(_ address: IPAddress) -> Bool {
        for index in view.peers.indices where view.peers[index].kind == .sealed {
            if view.peers[index].endpoints(address.family)?.address == address { return true }
        }
        return false
    }

    /// Whether another server listens at a transport address.
    func listens(at address: SocketAddress) -> Bool {
        for index in view.peers.indices {
            guard let there = view.peers[index].endpoints(address.address.family) else { continue }
            if there.address == address.address, there.port1 == address.port || there.port2 == address.port {
                return true
            }
        }
        return false
    }

    /// What a client is told to be the other address, and which server has it.
    ///
    /// It is the other port of that server, as with a second address; the first when its second is not read.
    func named(for flow: ClientFlow, _ dialect: Dialect) -> (index: Int, address: SocketAddress)? {
        guard let index = PeerChoice.named(for: flow.source.address, dialect.need, in: view),
            let there = view.peers[index].endpoints(flow.source.address.family)
        else { return nil }
        let port = flow.role.isOnAlternatePort ? there.port1 : there.port2 ?? there.port1
        return (index, SocketAddress(there.address, port: port))
    }

    /// Where a request goes.
    struct Target {
        let peer: UInt16
        let kind: ClusterPeer.Kind
        let address: SocketAddress
        /// The start of the process there, which alone opens an envelope.
        let instance: UInt64
    }

    /// The server that a request goes to, if one is healthy; `named` is the one that the client is told of.
    mutating func target(for flow: ClientFlow, _ dialect: Dialect, named: Int, now: Instant) -> Target? {
        let family = flow.source.address.family
        let index =
            dialect == .rosenberg
            ? choice.nextInTurn(family, in: view)
            : choice.target(for: flow.source, dialect.need, first: named, in: view, at: now.nanoseconds)
        guard let index, let there = view.peers[index].endpoints(family) else { return nil }
        let (id, kind, instance) = (view.peers[index].id, view.peers[index].kind, view.peers[index].state.instance)
        // An envelope says itself which port the request came to; a foreign server sees it by its own.
        let toSecond = kind == .classic && flow.role.isOnAlternatePort
        let port = toSecond ? there.port2 ?? there.port1 : there.port1
        return Target(peer: id, kind: kind, address: SocketAddress(there.address, port: port), instance: instance)
    }

    /// Puts the envelope around a request; false when there is no room or no key.
    mutating func seal(
        _ handOver: HandOver,
        _ packet: inout Packet,
        for receiver: UInt64,
        at unixMilliseconds: UInt64
    ) -> Bool {
        guard let key = trust?.key else { return false }
        return handOver.seal(&packet, from: &sender, for: receiver, at: unixMilliseconds, with: key)
    }

    /// Whether a server whose clock is off may be told so now.
    mutating func mayAnswerStale(now: Instant) -> Bool {
        guard now >= nextStalePong else { return false }
        nextStalePong = Instant(nanoseconds: now.nanoseconds &+ Self.stalePongInterval)
        return true
    }
}

extension ClusterView {
    /// The same with memory of its own: workers that all looked at one array would wait for each other at its count of
    /// references.
    fileprivate var owned: ClusterView {
        var copy = self
        copy.peers.reserveCapacity(peers.count + 1)
        return copy
    }
}

extension Dialect {
    /// What a request of this dialect needs of the server that it is handed to.
    fileprivate var need: PeerChoice.Need { self == .cookie ? .bothPorts : .any }
}
