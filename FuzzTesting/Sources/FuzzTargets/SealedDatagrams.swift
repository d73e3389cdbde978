import Addresses
import ClusterCore
import STUNAuthentication
import STUNCodec
import ServerCore
import Synchronization

/// Opens bytes as datagrams of other servers, with and without a right tag, and gives them to a server of a fleet.
///
/// The first byte says what the others are: 0 a whole datagram, 1 what follows a right tag of a hand-over, 2 that of a
/// heartbeat, 3 a client's request that is sealed and opened (its flags in the second byte).
@Sendable
public func sealedDatagrams(_ bytes: [UInt8]) throws(Violation) {
    let rest = Array(bytes.dropFirst())
    switch (bytes.first ?? 0) & 3 {
    case 0: try Fleet.refuses(rest)
    case 1: try Fleet.takes(Fleet.tagged(rest, by: Fleet.handOver, for: Fleet.own))
    case 2: try Fleet.takes(Fleet.tagged(rest, by: Fleet.heartbeat))
    default: try Fleet.carries(Array(rest.dropFirst()), flags: rest.first ?? 0)
    }
}

private enum Fleet {
    static let secret: [UInt8] = Array(0x20..<0x40)
    static let key = ClusterKey(secret: secret)
    static let handOver = SealingKey(secret: secret).key(for: "stund hand-over")
    static let heartbeat = SealingKey(secret: secret).key(for: "stund heartbeat")
    /// One in the middle of what 48 bits can say, so that the fuzzer finds both sides.
    static let time: UInt64 = 0x0101_0101_0101
    static let own: UInt64 = 0x0202_0202_0202_0202

    /// One filter for all inputs, since making one costs more than anything here; each use is later than it remembers.
    static let filter = ReplayFilter()
    static let uses = Atomic<UInt64>(0)
    static func later() -> UInt64 { uses.wrappingAdd(1, ordering: .relaxed).newValue &* 20_000_000_000 }

    static let peer = PeerEndpoints(address: IPAddress(v4: 0xC633_6414), port1: 3478, port2: 3479)
    static let peer6 = PeerEndpoints(address: IPAddress(v6High: 1, low: 20), port1: 3478, port2: 3479)

    /// Copied for each input.
    static let template: Server = {
        var policy = Policy()
        policy.v4.primary = IPAddress(v4: 0xC633_640A)
        policy.v6.primary = IPAddress(v6High: 1, low: 10)
        return Server(policy: policy, seed: 0x5EED)
    }()

    /// A sealed datagram with a right tag, whatever follows it.
    static func tagged(_ sealed: [UInt8], by key: SealingKey, for receiver: UInt64? = nil) -> [UInt8] {
        let text = (receiver.map(bytes) ?? []) + sealed
        let tag = key.tag(of: text.raw)
        return [0xC5, 0x53, 0x54, 0x44] + bytes(tag.high) + bytes(tag.low) + sealed
    }

    static func bytes(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) }
    }

    static func open(
        _ bytes: [UInt8],
        at now: UInt64
    ) -> (result: Result<HandOver, SealedDatagramError>, datagram: [UInt8]) {
        let receiver = HandOver.Receiver(
            instance: own,
            unixMilliseconds: time,
            monotonicNanoseconds: now
        )
        return withPacket(bytes, headroom: Packet.headroom, capacity: max(2048, bytes.count)) { packet in
            do throws(SealedDatagramError) {
                return .success(try HandOver.open(&packet, as: receiver, with: key, remembering: filter))
            } catch {
                return .failure(error)
            }
        }
    }

    /// No bytes have a right tag by chance.
    static func refuses(_ bytes: [UInt8]) throws(Violation) {
        let opened = open(bytes, at: later())
        guard case .failure(let error) = opened.result else { throw Violation(description: "opened: \(bytes)") }
        try Violation.unless(error == .notOurs || error == .forged, "\(error) before the tag was right")
        try Violation.unless(opened.datagram == bytes, "what is refused was changed")
        if (try? Heartbeat.readPing(bytes.raw, at: time, with: key)) != nil {
            throw Violation(description: "a ping: \(bytes)")
        }
        if (try? Heartbeat.readPong(bytes.raw, with: key)) != nil { throw Violation(description: "a pong: \(bytes)") }
        guard case .drop = serve(bytes, from: SocketAddress(peer.address, port: 3478)).verdict else {
            if SealedDatagram.isMeant(bytes.raw) { throw Violation(description: "an answer to a forgery: \(bytes)") }
            return
        }
    }

    /// What has a right tag is taken once, and does no harm.
    static func takes(_ bytes: [UInt8]) throws(Violation) {
        let now = later()
        let first = open(bytes, at: now)
        let second = open(bytes, at: now)
        if case .success(let handOver) = first.result {
            guard case .failure(.replayed) = second.result else {
                throw Violation(description: "taken twice: \(bytes)")
            }
            let size = handOver.client.address.family == .v4 ? 56 : 80
            try Violation.unless(first.datagram.count + size == bytes.count, "the request lost or won bytes")
            try Violation.unless(handOver.other.address.family == handOver.client.address.family, "two families")
        } else {
            try Violation.unless(first.datagram == bytes, "what is refused was changed")
        }
        for source in [SocketAddress(peer.address, port: 3478), SocketAddress(peer6.address, port: 5)] {
            let served = serve(bytes, from: source)
            switch served.verdict {
            case .drop: break
            case .reply:
                try Violation.unless(served.datagram.count == bytes.count, "a pong of another length")
                let (ping, pong) = (bytes, served.datagram)
                guard let read = try? Heartbeat.readPong(pong.raw, with: key) else {
                    throw Violation(description: "no pong: \(pong)")
                }
                let id = ping[36..<44].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                try Violation.unless(read.id == id && read.state.instance == own, "a wrong pong: \(pong)")
            case .replyFor(let client, _):
                guard case .success(let handOver) = first.result else {
                    throw Violation(description: "answered, but not opened: \(bytes)")
                }
                try Violation.unless(client.address == handOver.client.address, "an answer to somebody else")
                let isServer =
                    [peer.address, peer6.address].contains(client.address)
                    && (3478...3479).contains(handOver.client.port)
                try Violation.unless(!isServer, "an answer to a server of the fleet")
                let tenths = client.address.family == .v4 ? 34 : 58
                let request = first.datagram.count
                try Violation.unless(served.datagram.count * 10 <= request * tenths, "an answer that is too large")
            case .handOver, .replyFrom, .toPeer, .toClient, .connect, .bound, .attempt:
                throw Violation(description: "\(served.verdict) to \(bytes)")
            }
        }
    }

    /// What is sealed is opened with all its values; with one byte changed it is not.
    static func carries(_ request: [UInt8], flags: UInt8) throws(Violation) {
        let isV4 = flags & 1 == 0
        let port = UInt16(flags) << 8 | 1
        let handOver = HandOver(
            client: SocketAddress(isV4 ? IPAddress(v4: 9) : IPAddress(v6High: 9, low: UInt64(flags)), port: port),
            other: SocketAddress(isV4 ? IPAddress(v4: .max) : IPAddress(v6High: .max, low: 8), port: ~port),
            cameToSecondPort: flags & 2 != 0
        )
        let (isSealed, datagram) = withPacket(request, headroom: Packet.headroom, capacity: request.count + 18) {
            packet in
            var sender = HandOver.Sender(instance: 5, seed: later())
            return handOver.seal(&packet, from: &sender, for: own, at: time, with: key)
        }
        try Violation.unless(isSealed, "no room for an envelope")
        let opened = open(datagram, at: later())
        guard case .success(let read) = opened.result else { throw Violation(description: "not opened: \(datagram)") }
        try Violation.unless(read == handOver && opened.datagram == request, "opened as something else")
        var changed = datagram
        changed[Int(flags) % changed.count] ^= 1 << (flags & 7)
        guard case .failure = open(changed, at: later()).result else {
            throw Violation(description: "opened although it was changed: \(changed)")
        }
    }

    /// What a server of the fleet does with a datagram.
    static func serve(_ bytes: [UInt8], from source: SocketAddress) -> (verdict: Verdict, datagram: [UInt8]) {
        var server = template
        var state = ServerState()
        state.instance = own
        let view = ClusterView(
            peers: [ClusterPeer(id: 1, kind: .sealed, v4: peer, v6: peer6, isHealthy: true)],
            own: state
        )
        var ports = NoRelayPorts()
        let now = Instant(nanoseconds: later())
        server.adopt(view, trust: ClusterTrust(key: key, filter: filter))
        server.advance(to: now, unixMilliseconds: time, ports: &ports)
        let isV4 = source.address.family == .v4
        let flow = ClientFlow(
            source: source,
            destination: SocketAddress(isV4 ? IPAddress(v4: 0xC633_640A) : IPAddress(v6High: 1, low: 10), port: 3478),
            role: .primaryPrimary
        )
        let result = withPacket(bytes, headroom: Packet.headroom, capacity: max(2048, bytes.count)) { packet in
            server.receive(&packet, from: flow, now: now, ports: &ports)
        }
        return (result.result, result.datagram)
    }
}
