import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

/// Who sends requests, from where, and how they are signed.
struct TURNClient {
    /// Which password algorithm and integrity a client uses.
    enum Kind: CaseIterable {
        /// RFC 5389: MD5 and HMAC-SHA1, no algorithm named.
        case old
        /// RFC 8489 with MD5: HMAC-SHA256.
        case md5
        /// RFC 8489 with SHA-256.
        case sha256

        var integrityType: UInt16 { self == .old ? 0x0008 : 0x001C }
    }

    static let alice = TURNClient("alice", "wonderland", at: .client)
    static let bob = TURNClient("bob", "builder", at: .otherClient)
    static let alice6 = TURNClient("alice", "wonderland", at: .client6)
    static let carol = TURNClient("carol", "singer", realm: "example.org", at: .otherClient, server: .secondServer)

    var name: String?
    var userHash: [UInt8]?
    var password: String
    var realm: String
    var kind = Kind.old
    /// A nonce of its own choice; nil for the one that the server gives.
    var nonce: [UInt8]?
    var flow: ClientFlow

    init(
        _ name: String,
        _ password: String,
        realm: String = "stund",
        at source: SocketAddress,
        server: IPAddress? = nil
    ) {
        self.name = name
        self.password = password
        self.realm = realm
        let server = server ?? (source.address.family == .v4 ? .server : .server6)
        flow = ClientFlow(source: source, destination: SocketAddress(server, port: 3478), role: .primaryPrimary)
    }

    /// The same client with something changed.
    func with(_ change: (inout TURNClient) -> Void) -> TURNClient {
        var copy = self
        change(&copy)
        return copy
    }

    /// The same client at another address.
    func at(_ source: SocketAddress) -> TURNClient {
        with { $0.flow = ClientFlow(source: source, destination: flow.destination, role: flow.role) }
    }

    /// A client with a timed credential of draft-uberti-behave-turn-rest-00.
    static func timed(_ name: String, secret: String = "north") -> TURNClient {
        let code = TestHash.sha1.hmac(Array(name.utf8), key: Array(secret.utf8))
        return TURNClient(name, base64(code), at: .client)
    }

    /// The long-term key (RFC 8489 section 9.2.2).
    var key: [UInt8] { keyText("alice") }

    private func keyText(_ fallback: String) -> [UInt8] {
        let text = [name ?? fallback, realm, password].joined(separator: ":")
        return (kind == .sha256 ? TestHash.sha256 : .md5).digest(Array(text.utf8))
    }

    /// What stands before the integrity attribute.
    func attributes(nonce: [UInt8]) -> [Wire.Attribute] {
        var list: [Wire.Attribute] = []
        if let name, userHash == nil { list.append(.init(0x0006, Array(name.utf8))) }
        if let userHash { list.append(.init(0x001E, userHash)) }
        list += [.init(0x0014, Array(realm.utf8)), .init(0x0015, nonce)]
        if kind != .old {
            list.append(.init(0x8002, hex("00020000 00010000")))
            list.append(.init(0x001D, kind == .sha256 ? hex("00020000") : hex("00010000")))
        }
        return list
    }
}

/// Base64 with `=`.
private func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    let bits = bytes.flatMap { byte in (0..<8).map { Int(byte >> UInt8(7 - $0) & 1) } }
    var text = ""
    for start in stride(from: 0, to: bits.count, by: 6) {
        text.append(alphabet[(start..<(start + 6)).reduce(0) { $0 * 2 + ($1 < bits.count ? bits[$1] : 0) }])
    }
    while text.count % 4 != 0 { text.append("=") }
    return text
}

/// An attribute of a request, which may depend on the transaction id.
enum TURNAttribute {
    case raw(UInt16, [UInt8])
    case peer(SocketAddress)
    case data([UInt8])
    case lifetime(UInt32)
    case channel(UInt16)
    case family(UInt8)
    case additional(UInt8)
    case evenPort(reserving: Bool)
    case token([UInt8])
    case transport(UInt8)

    static let udp = Self.transport(17)
    static let dontFragment = Self.raw(0x001A, [])
    static let dual = Self.additional(2)

    func wire(id: [UInt8]) -> Wire.Attribute {
        switch self {
        case .raw(let type, let value): .init(type, value)
        case .peer(let address): .init(0x0012, Wire.veiled(address, id: id))
        case .data(let data): .init(0x0013, data)
        case .lifetime(let seconds): .init(0x000D, Wire.bytes(seconds))
        case .channel(let number): .init(0x000C, Wire.bytes(number) + [0, 0])
        case .family(let family): .init(0x0017, [family, 0, 0, 0])
        case .additional(let family): .init(0x8000, [family, 0, 0, 0])
        case .evenPort(let reserving): .init(0x0018, [reserving ? 0x80 : 0])
        case .token(let token): .init(0x0022, token)
        case .transport(let number): .init(0x0019, [number, 0, 0, 0])
        }
    }
}

/// An answer or indication as its receiver reads it; empty when nothing came.
struct TURNReply: Equatable {
    let verdict: Verdict
    let bytes: [UInt8]
    private let message: TakenApart?

    /// Takes an answer apart; what every answer must be is checked at once: whole, its padding zero, and after a
    /// credential with the integrity of the request's own kind.
    init(_ outcome: TURNHarness.Outcome, client: TURNClient?) {
        verdict = outcome.verdict
        bytes = outcome.bytes
        message = TakenApart(outcome.bytes, as: .cookie)
        guard !bytes.isEmpty else { return }
        #expect(message != nil, "\(bytes)")
        #expect(message?.padding.allSatisfy { $0 == 0 } == true, "row 44: \(bytes)")
        if let client, message?[0x0008] != nil || message?[0x001C] != nil {
            #expect(Wire.isSigned(bytes, key: client.key, type: client.kind.integrityType))
        }
    }

    /// Whether this is a success answer of a method, with the integrity of its kind.
    func isSuccess(_ method: UInt16) -> Bool { message?.type == method | 0x0100 && isSigned }
    /// Whether this is any success answer.
    var isSuccess: Bool { message.map { $0.type & 0x0110 == 0x0100 } == true && isSigned }
    /// Whether it has an integrity attribute.
    var isSigned: Bool { self[0x0008] != nil || self[0x001C] != nil }
    /// The code of an error answer.
    var code: Int? {
        guard let message, message.type & 0x0110 == 0x0110, let value = message[0x0009], value.count >= 4 else {
            return nil
        }
        return Int(value[2]) * 100 + Int(value[3])
    }
    var type: UInt16? { message?.type }
    var id: [UInt8] { message?.id ?? [] }
    var types: [UInt16] { message?.types ?? [] }
    var nonce: [UInt8]? { self[0x0015] }
    var lifetime: UInt32? { self[0x000D].map { $0.reduce(0) { $0 << 8 | UInt32($1) } } }
    var token: [UInt8]? { self[0x0022] }
    /// The address of each XOR-RELAYED-ADDRESS.
    var relayed: [SocketAddress] {
        (message?.attributes ?? []).filter { $0.type == 0x0016 }.compactMap { Wire.unveiled($0.value, id: id) }
    }
    var mapped: SocketAddress? { self[0x0020].flatMap { Wire.unveiled($0, id: id) } }
    var peer: SocketAddress? { self[0x0012].flatMap { Wire.unveiled($0, id: id) } }
    /// Family and code of ADDRESS-ERROR-CODE.
    var addressError: [Int]? { self[0x8001].map { [Int($0[0]), Int($0[2]) * 100 + Int($0[3])] } }

    /// The values of all attributes of a type.
    func attributes(_ type: UInt16) -> [[UInt8]] {
        (message?.attributes ?? []).filter { $0.type == type }.map(\.value)
    }

    subscript(_ type: UInt16) -> [UInt8]? { message?[type] }
}

extension IPAddress {
    /// 198.51.100.11, for which clients are challenged with another realm.
    static let secondServer = IPAddress(v4: 0xC633_640B)
    /// 2001:db8::10.
    static let server6 = IPAddress(v6High: 0x2001_0db8_0000_0000, low: 0x10)
}

extension SocketAddress {
    /// 217.230.186.107:30000.
    static let otherClient = SocketAddress(IPAddress(v4: 0xD9E6_BA6B), port: 30000)
    /// 93.184.216.34:5000.
    static let peer = SocketAddress(IPAddress(v4: 0x5DB8_D822), port: 5000)
    /// The same host, another port.
    static let peerOtherPort = SocketAddress(IPAddress(v4: 0x5DB8_D822), port: 5001)
    /// 93.184.216.35:5000.
    static let otherPeer = SocketAddress(IPAddress(v4: 0x5DB8_D823), port: 5000)
    /// 2606:2800:220:1::1, port 5000.
    static let peer6 = SocketAddress(IPAddress(v6High: 0x2606_2800_0220_0001, low: 1), port: 5000)

    /// Another port of the same address.
    func port(_ port: UInt16) -> SocketAddress { SocketAddress(address, port: port) }
}
