import Addresses
import ClientCore
import STUNCodec
import Testing
import WireFixtures

/// A relay that answers as RFC 8656 demands, put together byte by byte; and a client whose packets a test may lose.
struct ServerOnPaper {
    static let relayed = SocketAddress(IPAddress(v4: 0xC000_0221), port: 50_000)
    static let peer = SocketAddress(IPAddress(v4: 0x7F00_0001), port: 20_000)
    static let name = "alice"
    static let password = "wonderland"

    var realm = "example.org"
    var nonce = Array("first-nonce".utf8)
    /// What its key is made of; another password makes its answers wrong, and the client's requests too.
    var password = ServerOnPaper.password
    /// The codes that it refuses methods with, before any other rule.
    var refusals: [UInt16: Int] = [:]
    var signsAnswers = true
    var namesRelayed = true
    /// What it was asked, in order.
    private(set) var methods: [UInt16] = []

    private var key: [UInt8] { TestHash.md5.digest(Array("\(Self.name):\(realm):\(password)".utf8)) }

    /// Answers a request.
    mutating func answer(_ request: [UInt8]) throws -> [UInt8] {
        let message = try #require(TakenApart(request, as: .cookie))
        #expect(message.padding.allSatisfy { $0 == 0 })
        methods.append(message.type)
        guard message[0x0008] != nil else { return refusal(message, 401) }
        #expect(message[0x0006] == Array(Self.name.utf8))
        #expect(message[0x0014] == Array(realm.utf8))
        guard Wire.isSigned(request, key: key, type: 0x0008) else { return refusal(message, 401) }
        guard message[0x0015] == nonce else { return refusal(message, 438) }
        if let code = refusals[message.type] { return refusal(message, code) }
        var attributes: [Wire.Attribute] = []
        if message.type == 0x0003, namesRelayed {
            #expect(message[0x0019] == [17, 0, 0, 0])
            attributes.append(.init(0x0016, Wire.veiled(Self.relayed, id: message.id)))
        }
        if message.type == 0x0008 || message.type == 0x0009 {
            #expect(message[0x0012].flatMap { Wire.unveiled($0, id: message.id) } == Self.peer)
        }
        if message.type == 0x0009 { #expect(message[0x000C] == [0x40, 0x07, 0, 0]) }
        if message.type == 0x0004 { #expect(message[0x000D] == [0, 0, 0, 0]) }
        let success = Wire.message(message.type | 0x0100, as: .cookie, id: message.id, attributes)
        return signsAnswers ? Wire.signed(success, key: key) : success
    }

    private func refusal(_ message: TakenApart, _ code: Int) -> [UInt8] {
        var attributes = [Wire.Attribute(0x0009, [0, 0, UInt8(code / 100), UInt8(code % 100)])]
        if code == 401 || code == 438 {
            attributes += [.init(0x0014, Array(realm.utf8)), .init(0x0015, nonce)]
        }
        return Wire.message(message.type | 0x0110, as: .cookie, id: message.id, attributes)
    }
}

/// A client, and what it sends.
struct ClientOnPaper {
    var client: AllocationClient
    var credential = ClientCredential(username: ServerOnPaper.name, password: ServerOnPaper.password)
    var now: UInt64 = 0

    init(withChannel: Bool = true) {
        let channel = AllocationClient.Channel(number: 0x4007, peer: ServerOnPaper.peer)
        client = AllocationClient(number: 7, salt: 0xABCD, channel: withChannel ? channel : nil)
    }

    /// The request that is on its way, from a buffer whose other bytes are 0xAA.
    var request: [UInt8] { written(capacity: 1024) }

    func written(capacity: Int) -> [UInt8] {
        var buffer = [UInt8](repeating: 0xAA, count: capacity)
        var span = buffer.mutableSpan
        let count = client.writeRequest(into: unsafe span.mutableBytes, with: credential)
        return Array(buffer[..<count])
    }

    mutating func take(_ answer: [UInt8]) -> AllocationClient.Step {
        client.receive(answer.raw, at: now, with: &credential)
    }

    /// Exchanges messages with a server until there is nothing more to send; those of which `loses` says so are lost, by
    /// the number of the sending, and time passes until they are sent again.
    mutating func run(
        _ first: AllocationClient.Step,
        with server: inout ServerOnPaper,
        losing loses: (Int) -> Bool = { _ in false }
    ) throws {
        var step = first
        var sendings = 0
        while step == .send || step == .sendAgain {
            sendings += 1
            try #require(sendings < 100)
            // Lost on the way there, or on the way back: the server sees every second of the lost ones.
            let isLost = loses(sendings)
            let bytes = request
            if !isLost || sendings % 2 == 0 {
                let answer = try server.answer(bytes)
                if !isLost {
                    step = take(answer)
                    continue
                }
            }
            repeat {
                now += 10_000_000
                step = client.advance(to: now)
            } while step == .wait
            // RFC 8489 section 6.2.1: the same request, byte by byte.
            if step == .sendAgain { #expect(request == bytes) }
        }
    }
}
