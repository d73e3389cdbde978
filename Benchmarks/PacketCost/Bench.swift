// Unsafe: a packet's buffer is a raw span of an array, which counts as unsafe, since the element type may have padding or
// invalid bit patterns. Bytes have neither.

import Addresses
import ClientCore
import STUNAuthentication
import STUNCodec
import ServerCore

/// A server with two clients that have allocations.
///
/// Each datagram lies in a buffer of the caller: a span of one of its own would keep all of it borrowed.
struct Bench {
    private static let dataLength = 160
    /// A millisecond for each datagram: within every rate limit, and within the life of what was asked for.
    private static let step: UInt64 = 1_000_000

    private var server: Server
    private var ports = Ports()
    private var now = Instant(nanoseconds: 1_000_000_000)

    private static func makeBuffer() -> [UInt8] { [UInt8](repeating: 0, count: Packet.headroom + 2048) }

    init() {
        let address = Cast.server.address
        let book = CredentialBook(users: [StoredCredential(username: "u", realm: "stund", password: "p")])
        var turn = TURNPolicy(
            authenticator: LongTermAuthenticator(
                book: book,
                issuer: NonceIssuer(key: InlineArray<32, UInt8>(repeating: 7), lifetime: 600)
            ),
            peers: PeerRules(
                allow: [],
                deny: [],
                lanPeers: false,
                listening: [Cast.server],
                hostAddresses: [address],
                relayAddresses: [address]
            )
        )
        turn.relayV4 = RelayAddress(local: address, external: address)
        var policy = Policy()
        policy.turn = turn
        server = Server(policy: policy, seed: 1, indicationSeed: 2)
        server.advance(to: now, unixMilliseconds: 1_700_000_000_000, ports: &ports)
        allocate(for: Cast.bound, channel: true)
        allocate(for: Cast.permitted, channel: false)
    }

    /// Does it so many times; returns how often the verdict was another one than it should be.
    mutating func run(_ work: Work, _ count: Int) -> Int {
        var buffer = Self.makeBuffer()
        var span = buffer.mutableSpan
        var whole = unsafe Packet(span.mutableBytes, headroom: Packet.headroom, count: 2000)
        let length = Self.write(work, to: &whole)
        var wrong = 0
        for _ in 0..<count {
            now = Instant(nanoseconds: now.nanoseconds &+ Self.step)
            var packet = unsafe Packet(span.mutableBytes, headroom: Packet.headroom, count: length)
            if !work.isExpected(receive(work, &packet)) { wrong += 1 }
        }
        return wrong
    }

    private mutating func receive(_ work: Work, _ packet: inout Packet) -> Verdict {
        switch work {
        case .binding:
            // The answer was written over it.
            Self.writeRequest(.binding, to: &packet)
            return server.receive(&packet, from: Cast.stranger, now: now, ports: &ports)
        case .channelData:
            return server.receive(&packet, from: Cast.bound, now: now, ports: &ports)
        case .sendIndication:
            return server.receive(&packet, from: Cast.permitted, now: now, ports: &ports)
        case .peerChannel:
            return server.receiveFromPeer(&packet, at: RelayID(index: 0), from: Cast.peer, now: now)
        case .peerIndication:
            return server.receiveFromPeer(&packet, at: RelayID(index: 1), from: Cast.peer, now: now)
        case .stranger, .garbage:
            return server.receive(&packet, from: Cast.stranger, now: now, ports: &ports)
        }
    }

    /// Writes the datagram of a work; returns its length.
    private static func write(_ work: Work, to packet: inout Packet) -> Int {
        switch work {
        case .binding:
            writeRequest(.binding, to: &packet)
            return 20
        case .channelData, .stranger:
            packet.write(UInt32(0x4000) << 16 | UInt32(dataLength), at: 0)
            return 4 + dataLength
        case .sendIndication:
            return writeSend(to: &packet)
        case .peerChannel, .peerIndication:
            return dataLength
        case .garbage:
            packet.write(UInt64.max, at: 0)
            return 100
        }
    }

    private static func writeRequest(_ method: Method, to packet: inout Packet) {
        packet.write(UInt32(MessageType(method, .request).rawValue) << 16, at: 0)
        packet.write(UInt64(magicCookie) << 32 | 1, at: 4)
        packet.write(UInt64(2), at: 12)
    }

    private static func writeSend(to packet: inout Packet) -> Int {
        let id = TransactionID(high: UInt64(magicCookie) << 32 | 1, low: 2)
        packet.write(id.high, at: 4)
        packet.write(id.low, at: 12)
        var writer = MessageWriter(
            MessageType(.send, .indication),
            in: .cookie,
            context: AttributeContext(transactionID: id, addressLayout: .standard),
            limit: packet.capacity,
            over: &packet
        )
        let data = [UInt8](repeating: 0, count: dataLength)
        let hasPeer = writer.append(XorPeerAddress(Cast.peer), to: &packet)
        let hasData = unsafe writer.append(.data, data.span.bytes, to: &packet)
        precondition(hasPeer && hasData, "a Send indication fits its buffer")
        writer.finish(&packet)
        return packet.count
    }

    /// Allocates as a client does: challenge, Allocate, CreatePermission, and ChannelBind where it is to have one.
    private mutating func allocate(for flow: ClientFlow, channel: Bool) {
        var credential = ClientCredential(username: "u", password: "p")
        let number = flow.source.address.v4Bits
        var client = AllocationClient(
            number: number,
            salt: 1,
            channel: AllocationClient.Channel(number: 0x4000, peer: Cast.peer)
        )
        var buffer = Self.makeBuffer()
        _ = client.allocate(at: 0)
        while let method = client.state.method, channel || method != .channelBind {
            var span = buffer.mutableSpan
            let length = unsafe client.writeRequest(into: span.mutableBytes, with: credential)
            var packet = unsafe Packet(span.mutableBytes, count: length)
            let verdict = server.receive(&packet, from: flow, now: now, ports: &ports)
            precondition(verdict == .reply, "\(method): \(verdict)")
            _ = client.receive(packet.bytes, at: 0, with: &credential)
        }
        if case .failed(let failure) = client.state { preconditionFailure("\(failure)") }
    }
}
