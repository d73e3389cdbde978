import Addresses
import STUNAuthentication
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

/// A client of drafts -01 and -08, which has a shared secret; its messages are put together byte by byte.
struct SecretClient {
    typealias Secret = (name: [UInt8], password: [UInt8])
    static let cookie = Wire.Attribute(0x000F, [0x72, 0xC6, 0x4B, 0xC6])

    let turn: TURNHarness
    var flow = TURNClient.alice.flow
    let secret: Secret

    /// Gets a secret of the server over TLS (RFC 3489 section 8.2).
    init(_ turn: TURNHarness, number: UInt8 = 1) throws {
        self.turn = turn
        if turn.server.policy.oneTimeSecrets == nil {
            turn.server.policy.oneTimeSecrets = OneTimeSecrets(key: InlineArray { UInt8($0) })
        }
        let tls = ClientFlow(
            source: flow.source,
            destination: flow.destination,
            role: flow.role,
            transport: .tls,
            socket: 7
        )
        let request = Wire.message(0x0002, as: .classic, id: [UInt8](repeating: number, count: 16))
        let answer = try #require(TakenApart(turn.send(request, from: tls).bytes, as: .classic))
        secret = (try #require(answer[6]), try #require(answer[7]))
    }

    /// The bytes of a request: cookie, attributes, user name, integrity.
    func request(
        _ type: UInt16,
        _ attributes: [Wire.Attribute] = [],
        secret: Secret? = nil,
        id: [UInt8] = Wire.id
    ) -> [UInt8] {
        let secret = secret ?? self.secret
        let plain = Wire.message(type, as: .classic, id: id, [Self.cookie] + attributes + [.init(6, secret.name)])
        return Wire.classicSigned(plain, key: secret.password)
    }

    /// Sends a request, and takes the answer apart, which is signed when it is one of success.
    func ask(_ type: UInt16, _ attributes: [Wire.Attribute] = [], secret: Secret? = nil) -> MirrorReply? {
        let outcome = turn.send(request(type, attributes, secret: secret), from: flow)
        return outcome.verdict == .reply ? MirrorReply(outcome.bytes, key: self.secret.password) : nil
    }

    /// Allocate; with TRANSPORT-PREFERENCES as only draft -01 has it.
    func allocate(_ attributes: [Wire.Attribute] = [], is01: Bool = false) -> MirrorReply? {
        ask(0x0003, attributes + (is01 ? [.init(0x000C, [0, 0, 0, 2])] : []))
    }

    /// Send: what leaves for the peer, and the answer.
    func send(_ data: [UInt8], to peer: SocketAddress) -> (outcome: TURNHarness.Outcome, reply: MirrorReply?) {
        let bytes = request(0x0004, [.init(0x0011, Wire.value(peer)), .init(0x0013, data)])
        let outcome = turn.send(bytes, from: flow)
        if outcome.verdict == .reply { return (outcome, MirrorReply(outcome.bytes, key: secret.password)) }
        guard turn.server.hasUnansweredSends else { return (outcome, nil) }
        let (verdict, answer) = withPacket([], headroom: Packet.headroom) { turn.server.answerSend(over: &$0) }
        return (outcome, verdict == .toClient(flow) ? MirrorReply(answer, key: secret.password) : nil)
    }

    /// Set Active Destination.
    func activate(_ peer: SocketAddress) -> MirrorReply? { ask(0x0006, [.init(0x0011, Wire.value(peer))]) }
}

/// An answer of drafts -01 and -08.
struct MirrorReply {
    let type: UInt16
    let types: [UInt16]
    /// MAPPED-ADDRESS.
    let mapped: SocketAddress?
    let lifetime: UInt32?
    let bandwidth: UInt32?
    /// ERROR-CODE.
    let code: Int?
    let isSigned: Bool
    /// Whether the transaction id is the request's.
    let hasID: Bool

    init?(_ bytes: [UInt8], key: [UInt8]) {
        guard let message = TakenApart(bytes, as: .classic) else { return nil }
        func number(_ type: UInt16) -> UInt32? { message[type].map { $0.reduce(0) { $0 << 8 | UInt32($1) } } }
        type = message.type
        types = message.types
        hasID = message.id == Wire.id
        mapped = message[1].flatMap(Wire.address)
        lifetime = number(0x000D)
        bandwidth = number(0x0010)
        code = message[9].map { Int($0[2]) * 100 + Int($0[3]) }
        isSigned = Wire.isClassicSigned(bytes, key: key)
    }
}
