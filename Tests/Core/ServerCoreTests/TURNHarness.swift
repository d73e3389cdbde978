import Addresses
import STUNAuthentication
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

/// A relay under test with an integer clock and relay sockets that are only numbers.
///
/// What clients send and get is put together and taken apart byte by byte, without the code under test.
final class TURNHarness {
    static let unixStart: UInt64 = 1_700_000_000
    static let realms = [
        CredentialRealm("stund"), CredentialRealm("example.org", serverAddresses: [.secondServer]),
    ]
    static let users = [
        StoredCredential(username: "alice", realm: "stund", password: "wonderland"),
        StoredCredential(username: "bob", realm: "stund", password: "builder"),
        StoredCredential(username: "carol", realm: "example.org", password: "singer"),
    ]

    var server: Server
    var ports = FakeRelayPorts()
    /// The time; nothing is told of it but by the datagrams themselves and `advance`.
    var now = Instant(nanoseconds: 1_000_000_000_000)
    let ledger: AccountLedger
    private var nonces: [IPAddress: [UInt8]] = [:]
    private var requests: UInt64 = 0

    init(nonceLifetime: UInt32 = 1_000_000, secrets: [String] = [], _ change: (inout TURNPolicy) -> Void = { _ in }) {
        let issuer = NonceIssuer(key: [32 of UInt8](repeating: 7), lifetime: nonceLifetime)
        let book = CredentialBook(
            realms: Self.realms,
            users: Self.users,
            secrets: secrets.compactMap { SharedSecret(name: $0, secret: Array($0.utf8)) }
        )
        let authenticator = LongTermAuthenticator(book: book, issuer: issuer)
        var turn = TURNPolicy(authenticator: authenticator, peers: Self.rules())
        turn.relayV4 = RelayAddress(local: .relay, external: .relay)
        turn.relayV6 = RelayAddress(local: .relay6, external: .relay6)
        change(&turn)
        var policy = Policy.oneAddress
        policy.challengeRate = Rate(perSecond: 1_000_000_000, burst: 1_000_000_000)
        policy.turn = turn
        ledger = AccountLedger(capacity: 1024)
        server = Server(policy: policy, seed: 0x5EED, indicationSeed: 0x1D, ledger: ledger)
        advance(seconds: 0)
    }

    /// Rules as the defaults are, for a host with the addresses of these tests.
    static func rules(
        allow: [String] = [],
        deny: [String] = [],
        relayAddresses: [IPAddress] = [.relay, .relay6]
    ) -> PeerRules {
        PeerRules(
            allow: allow.compactMap { IPPrefix($0) },
            deny: deny.compactMap { IPPrefix($0) },
            lanPeers: false,
            listening: [.server, .relay, .server6, .relay6].flatMap { address in
                [3478, 3479].map { SocketAddress(address, port: $0) }
            },
            hostAddresses: [.server, .server6],
            relayAddresses: relayAddresses
        )
    }
}

// MARK: Time

extension TURNHarness {
    /// Unix time as the server knows it.
    var unixSeconds: UInt64 { Self.unixStart + now.nanoseconds / 1_000_000_000 - 1_000 }

    /// Lets time pass without the server's timers having run.
    func wait(seconds: UInt32 = 0, nanoseconds: UInt64 = 0) {
        now = Instant(nanoseconds: now.nanoseconds + UInt64(seconds) * 1_000_000_000 + nanoseconds)
    }

    /// Lets time pass, and the server's timers run.
    func advance(seconds: UInt32) {
        wait(seconds: seconds)
        server.advance(to: now, unixMilliseconds: unixSeconds * 1000, ports: &ports)
    }
}

// MARK: Bytes in, bytes out

extension TURNHarness {
    /// What one datagram leads to.
    struct Outcome: Equatable {
        let verdict: Verdict
        /// What leaves; empty when nothing does.
        let bytes: [UInt8]
    }

    /// Sends a datagram of a client through the server, in a buffer whose other bytes are 0xAA.
    func send(_ datagram: [UInt8], from flow: ClientFlow) -> Outcome {
        let (verdict, bytes) = withPacket(datagram, headroom: Packet.headroom) { packet in
            server.receive(&packet, from: flow, now: now, ports: &ports)
        }
        if case .drop = verdict { return Outcome(verdict: verdict, bytes: []) }
        return Outcome(verdict: verdict, bytes: bytes)
    }

    /// Sends a request with a client's credential and returns the answer; a client without a nonce asks for one first.
    ///
    /// `behind` stands after the integrity attribute, which does not cover it.
    func request(
        _ method: UInt16,
        _ attributes: [TURNAttribute] = [],
        by client: TURNClient = .alice,
        id: [UInt8]? = nil,
        behind: [TURNAttribute] = []
    ) -> TURNReply {
        let datagram = signed(method, attributes, by: client, id: id, behind: behind)
        return TURNReply(send(datagram, from: client.flow), client: client)
    }

    /// The bytes of a request with a client's credential.
    func signed(
        _ method: UInt16,
        _ attributes: [TURNAttribute] = [],
        by client: TURNClient = .alice,
        id: [UInt8]? = nil,
        behind: [TURNAttribute] = []
    ) -> [UInt8] {
        let id = id ?? nextID()
        let nonce = client.nonce ?? nonce(for: client)
        let list = attributes.map { $0.wire(id: id) } + client.attributes(nonce: nonce)
        let plain = Wire.message(method, as: .cookie, id: id, list)
        let signed = Wire.signed(plain, key: client.key, type: client.kind.integrityType)
        return behind.reduce(signed) { Wire.appending($1.wire(id: id), to: $0) }
    }

    /// The nonce that the server gives to a client's address.
    func nonce(for client: TURNClient) -> [UInt8] {
        if let known = nonces[client.flow.source.address] { return known }
        let nonce = challenge(client).nonce ?? []
        nonces[client.flow.source.address] = nonce
        return nonce
    }

    /// The answer to an Allocate without a credential.
    func challenge(_ client: TURNClient = .alice) -> TURNReply {
        let request = Wire.message(0x0003, as: .cookie, [TURNAttribute.udp.wire(id: Wire.id)])
        return TURNReply(send(request, from: client.flow), client: nil)
    }

    /// A transaction id that was not used yet.
    func nextID() -> [UInt8] {
        requests += 1
        return [0x21, 0x12, 0xA4, 0x42, 0xC0, 0xDE, 0, 0]
            + (0..<8).map { UInt8(truncatingIfNeeded: requests >> (56 - 8 * $0)) }
    }
}

// MARK: What clients do

extension TURNHarness {
    /// Allocate for UDP.
    func allocate(
        _ attributes: [TURNAttribute] = [],
        by client: TURNClient = .alice,
        id: [UInt8]? = nil
    ) -> TURNReply {
        request(0x0003, [.udp] + attributes, by: client, id: id)
    }

    /// Allocate for both families; returns the relayed addresses, IPv4 first.
    func allocateBoth() throws -> [SocketAddress] {
        let relayed = allocate([.dual]).relayed
        try #require(relayed.map(\.address.family) == [.v4, .v6])
        return relayed
    }

    /// Refresh; without a lifetime no LIFETIME is sent.
    func refresh(
        _ lifetime: UInt32? = nil,
        _ attributes: [TURNAttribute] = [],
        by client: TURNClient = .alice
    ) -> TURNReply {
        request(0x0004, lifetime.map { [.lifetime($0)] + attributes } ?? attributes, by: client)
    }

    /// CreatePermission.
    @discardableResult
    func permit(_ peers: SocketAddress..., by client: TURNClient = .alice) -> TURNReply {
        request(0x0008, peers.map { .peer($0) }, by: client)
    }

    /// ChannelBind.
    @discardableResult
    func bind(_ number: UInt16, to peer: SocketAddress, by client: TURNClient = .alice) -> TURNReply {
        request(0x0009, [.channel(number), .peer(peer)], by: client)
    }

    /// A Send indication with data, and with other attributes before it.
    func sendIndication(
        to peer: SocketAddress,
        _ data: [UInt8] = [1, 2, 3],
        _ attributes: [TURNAttribute] = [],
        by client: TURNClient = .alice
    ) -> Outcome {
        indication(attributes + [.peer(peer), .data(data)], by: client)
    }

    /// A Send indication of any attributes.
    func indication(_ attributes: [TURNAttribute], by client: TURNClient = .alice) -> Outcome {
        let id = nextID()
        return send(Wire.message(0x0016, as: .cookie, id: id, attributes.map { $0.wire(id: id) }), from: client.flow)
    }

    /// ChannelData, followed by padding of 0xEE.
    func channelData(
        _ number: UInt16,
        _ data: [UInt8] = [1, 2, 3],
        padding: Int = 0,
        by client: TURNClient = .alice
    ) -> Outcome {
        let padding = [UInt8](repeating: 0xEE, count: padding)
        return send(Wire.bytes(number) + Wire.bytes(UInt16(data.count)) + data + padding, from: client.flow)
    }

    /// A datagram of a peer to a relayed transport address, which must be open.
    func fromPeer(_ peer: SocketAddress, to relayed: SocketAddress, _ data: [UInt8] = [1, 2, 3]) -> Outcome? {
        guard let relay = relay(at: relayed) else { return nil }
        let (verdict, bytes) = withPacket(data, headroom: Packet.headroom) { packet in
            server.receiveFromPeer(&packet, at: relay, from: peer, now: now)
        }
        if case .drop = verdict { return Outcome(verdict: verdict, bytes: []) }
        return Outcome(verdict: verdict, bytes: bytes)
    }

    /// An ICMP error for what a relayed transport address, which must be open, has sent to a peer.
    func icmp(_ error: ICMP, to peer: SocketAddress, from relayed: SocketAddress) -> Outcome? {
        guard let relay = relay(at: relayed) else { return nil }
        let (verdict, bytes) = withPacket([], headroom: Packet.headroom) { packet in
            server.receiveError(error, &packet, at: relay, to: peer, now: now)
        }
        if case .drop = verdict { return Outcome(verdict: verdict, bytes: []) }
        return Outcome(verdict: verdict, bytes: bytes)
    }

    /// The open relay socket of a relayed transport address.
    func relay(at relayed: SocketAddress) -> RelayID? {
        ports.open.first { $0.value == relayed }.map { RelayID(index: $0.key) }
    }

    /// How many datagrams were dropped for a reason.
    func drops(_ reason: DropReason) -> UInt64 { server.counters.dropped[reason.rawValue] }

    /// Everything that requests of strangers must leave as it is.
    var state: [Int] {
        [
            server.table.count, server.table.allocations.count, server.table.permissions.count,
            server.table.channels.count, server.effects.count, ports.open.count, ports.reserved.count,
            ledger.count, ledger.total.allocations,
        ]
    }
}

extension TURNHarness {
    /// An authenticator with other realms, in which nobody is known.
    static func authenticator(realms: [String]) -> LongTermAuthenticator {
        LongTermAuthenticator(
            book: CredentialBook(realms: realms.map { CredentialRealm($0) }),
            issuer: NonceIssuer(key: [32 of UInt8](repeating: 7), lifetime: 600)
        )
    }
}
