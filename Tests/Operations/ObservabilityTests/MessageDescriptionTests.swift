import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import Observability

@Suite("A message in words")
struct MessageDescriptionTests {
    @Test("the manual's PDU: a draft's request, with its flags")
    func manual() {
        let pdu: [UInt8] = [0, 1, 0, 8, 0x2B, 0x8C, 0x53, 0x0C, 0, 3, 0, 4, 0, 0, 0, 0]
        #expect(
            MessageDescription(pdu)?.lines == [
                "rosenberg Binding request, 8 bytes after the header, transaction 2b8c530c",
                "CHANGE-REQUEST: nothing changed",
            ]
        )
        let change = Wire.message(as: .classic, [.init(0x0003, [0, 0, 0, 6])])
        #expect(MessageDescription(change)?.lines.last == "CHANGE-REQUEST: another address, another port")
    }

    @Test("addresses are unveiled, in both families")
    func addresses() throws {
        for text in ["192.0.2.1:5", "[2001:db8::1]:65535"] {
            let address = try #require(SocketAddress(text))
            let message = Wire.message(
                0x0103,
                as: .cookie,
                [
                    .init(0x0016, Wire.veiled(address, id: Array(Wire.message(as: .cookie)[4...]))),
                    .init(0x0001, Wire.value(address)),
                ]
            )
            let lines = try #require(MessageDescription(message)?.lines)
            #expect(lines[0].hasPrefix("rfc8489 Allocate success response, "))
            #expect(lines[1...] == ["XOR-RELAYED-ADDRESS: \(text)", "MAPPED-ADDRESS: \(text)"])
        }
    }

    @Test(
        "attributes have their names and meanings",
        arguments: [
            (0x0009, [0, 0, 4, 1] + Array("Un\u{1B}[2J".utf8), "ERROR-CODE: 401 \"Un\\u{1b}[2J\""),
            (0x000D, [0, 0, 2, 0x58], "LIFETIME: 600 s"), (0x8022, Array("a<b>\n".utf8), "SOFTWARE: \"a<b>\\u{a}\""),
            (0x0006, [0xFF, 0x41], "USERNAME: \"\\\\xffA\""),
            (0x000A, [0x77, 0x77, 0, 6], "UNKNOWN-ATTRIBUTES: attribute 0x7777, USERNAME"),
            (0x000C, [0x40, 1, 0, 0], "CHANNEL-NUMBER: 0x4001"), (0x0019, [17, 0, 0, 0], "REQUESTED-TRANSPORT: UDP"),
            (0x0017, [2, 0, 0, 0], "REQUESTED-ADDRESS-FAMILY: IPv6"),
            (0x0018, [0x80], "EVEN-PORT: and keep the next port"),
            (0x001A, [], "DONT-FRAGMENT"), (0x8002, [0, 2, 0, 0, 0, 1, 0, 0], "PASSWORD-ALGORITHMS: SHA-256, MD5"),
            (0x8001, [2, 0, 4, 40], "ADDRESS-ERROR-CODE: 440 for IPv6"), (0x0024, [0, 0, 1, 0], "PRIORITY: 256"),
            (0x8004, [0, 0, 6, 4, 0, 0, 5, 0xDC], "ICMP: type 3, code 4, data 1500"),
            (0x7777, [1, 2, 0xAB], "attribute 0x7777: 01 02 ab"),
            // A value that the attribute cannot have is shown as it is.
            (0x000D, [1, 2], "LIFETIME: 01 02"), (0x0020, [9, 9], "XOR-MAPPED-ADDRESS: 09 09"),
        ] as [(UInt16, [UInt8], String)]
    )
    func attributes(type: UInt16, value: [UInt8], line: String) {
        #expect(MessageDescription(Wire.message(as: .cookie, [.init(type, value)]))?.lines.last == line)
    }

    @Test("long values and many attributes are cut")
    func bounds() throws {
        let long = Wire.message(
            as: .cookie,
            [.init(0x0013, [UInt8](repeating: 7, count: 500)), .init(0x0006, [UInt8](repeating: 0x41, count: 500))]
        )
        let lines = try #require(MessageDescription(long)?.lines)
        #expect(lines[1].hasSuffix(" ... (500 bytes)") && lines[1].count < 130)
        #expect(lines[2] == "USERNAME: \"" + String(repeating: "A", count: 128) + "...\"")
        let many = Wire.message(as: .cookie, (0..<300).map { _ in .init(0x8022, []) })
        #expect(try #require(MessageDescription(many)?.lines).count == 66)
        #expect(MessageDescription(many)?.lines.last == "more attributes, which are not shown")
    }

    @Test("a message of which only the beginning was kept says so")
    func cut() throws {
        let whole = Wire.message(
            as: .cookie,
            [.init(0x0024, [0, 0, 0, 1]), .init(0x0013, [UInt8](repeating: 7, count: 40))]
        )
        let lines = try #require(MessageDescription(Array(whole.prefix(40)), length: whole.count)?.lines)
        #expect(lines[1...] == ["PRIORITY: 1", "DATA: 40 bytes, its end was not kept"])
        #expect(!lines[0].contains("wrong length"))
        #expect(MessageDescription(Array(whole.prefix(28)), length: whole.count)?.lines.last == "the rest was not kept")
        #expect(
            MessageDescription(Array(whole.prefix(40)))?.lines[0].contains("a wrong length: the datagram has 40")
                == true
        )
    }

    @Test("ChannelData has a line, and what is no STUN none")
    func others() {
        #expect(MessageDescription([0x40, 1, 0, 2, 9, 9])?.lines == ["ChannelData on channel 0x4001, 2 bytes of data"])
        #expect(MessageDescription([0x40, 1, 0, 3, 9, 9]) == nil)
        for bytes: [UInt8] in [[], [0], [0, 1, 0], [0x80, 1, 0, 0, 0, 0, 0, 0], Array("GET / HTTP/1.1\r\n".utf8)] {
            #expect(MessageDescription(bytes) == nil)
        }
    }

    @Test("any bytes can be described: 30,000 random ones, and messages that were changed and cut")
    func anything() {
        var generator = SeededGenerator.announced("messages in words")
        let types: [UInt16] = (0...0x2C).map { $0 } + (0x8000...0x8030).map { $0 } + [0x7777, 0xC057]
        for _ in 0..<30_000 {
            var bytes: [UInt8]
            if Bool.random(using: &generator) {
                bytes = (0..<Int.random(in: 0...120, using: &generator)).map { _ in
                    UInt8.random(in: 0...255, using: &generator)
                }
            } else {
                let attributes = (0..<Int.random(in: 0...6, using: &generator)).map { _ in
                    let count = Int.random(in: 0...24, using: &generator)
                    let value = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
                    return Wire.Attribute(types.randomElement(using: &generator) ?? 0, value)
                }
                let dialect = Dialect.allCases.randomElement(using: &generator) ?? .cookie
                bytes = Wire.message(as: dialect, padded: Bool.random(using: &generator), attributes)
                if Bool.random(using: &generator), let index = bytes.indices.randomElement(using: &generator) {
                    bytes[index] ^= 1 << UInt8.random(in: 0...7, using: &generator)
                }
                if Bool.random(using: &generator) {
                    bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &generator)))
                }
            }
            let length =
                bytes.count + (Bool.random(using: &generator) ? Int.random(in: 0...2000, using: &generator) : 0)
            let lines = MessageDescription(bytes, length: length)?.lines ?? []
            #expect(lines.count <= 66 && lines.allSatisfy { $0.utf8.count < 2000 && !$0.contains("\n") })
        }
    }
}
