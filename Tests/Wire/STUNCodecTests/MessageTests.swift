import STUNCodec
import Testing
import WireFixtures

@Suite("Message framing (RFC 8489 sections 5 and 14)")
struct MessageTests {
    @Test("a header alone is a message", arguments: Dialect.allCases)
    func bare(dialect: Dialect) throws {
        #expect(try read(Wire.message(0x0111, as: dialect), as: dialect) == Read(type: 0x0111, attributes: []))
    }

    @Test("every prefix of a message is refused", arguments: Dialect.allCases)
    func prefixes(dialect: Dialect) {
        let whole = Wire.message(as: dialect, [.init(6, [1, 2, 3]), .init(0x8022, [])])
        for count in 0..<whole.count {
            let expected: MalformedMessage = count < dialect.headerLength ? .tooShort : .wrongLength
            #expect(throws: expected) { try read(Array(whole[..<count]), as: dialect) }
        }
    }

    @Test("bytes behind the message are refused", arguments: Dialect.allCases)
    func trailing(dialect: Dialect) {
        let whole = Wire.message(as: dialect, [.init(6, [1, 2, 3, 4])])
        #expect(throws: MalformedMessage.wrongLength) { try read(whole + [0], as: dialect) }
        #expect(throws: MalformedMessage.wrongLength) { try read(whole + whole, as: dialect) }
    }

    @Test("with the cookie the length must be a multiple of four")
    func cookieLength() {
        for extra in 1...3 {
            let bytes = Wire.message(as: .cookie, padded: false, [.init(6, Array(repeating: 0, count: extra))])
            #expect(throws: MalformedMessage.wrongLength) { try read(bytes, as: .cookie) }
        }
    }

    @Test("in the older dialects an odd length tells that nothing is padded", arguments: [Dialect.rosenberg, .classic])
    func unpadded(dialect: Dialect) throws {
        let attributes: [Wire.Attribute] = [.init(1, Array(1...7)), .init(3, [0, 0, 0, 6])]
        let bytes = Wire.message(as: dialect, padded: false, attributes)
        #expect(try read(bytes, as: dialect) == Read(type: 1, attributes: attributes))
    }

    @Test("row 45: an attribute that claims more than the message holds is an overrun", arguments: Dialect.allCases)
    func overrun(dialect: Dialect) {
        for claimed in [5, 8, 9, 400, 0x7FFF, 0xFFFC, 0xFFFD, 0xFFFF] as [UInt16] {
            let bytes = Wire.message(as: dialect, [.init(6, [1, 2, 3, 4], claiming: claimed)])
            #expect(throws: MalformedMessage.attributeOverrun, "\(claimed)") { try read(bytes, as: dialect) }
        }
    }

    @Test("one to three bytes that cannot be an attribute are an overrun", arguments: [Dialect.rosenberg, .classic])
    func leftover(dialect: Dialect) {
        for count in 1...3 {
            var bytes = Wire.message(as: dialect) + Array(repeating: 0, count: count)
            bytes[3] = UInt8(count)
            #expect(throws: MalformedMessage.attributeOverrun) { try read(bytes, as: dialect) }
        }
    }

    @Test("padding that the message does not hold is an overrun")
    func missingPadding() {
        var bytes = Wire.message(as: .cookie, [.init(6, [1, 2, 3, 4]), .init(0x8022, [1, 2, 3, 4])])
        bytes[31] = 5
        #expect(throws: MalformedMessage.attributeOverrun) { try read(bytes, as: .cookie) }
    }

    @Test("row 43: a message reads the same at all 8 buffer offsets", arguments: Dialect.allCases)
    func offsets(dialect: Dialect) throws {
        let padded = Wire.message(0x0101, as: dialect, [.init(0x8022, [1]), .init(6, [1, 2, 3, 4, 5])])
        for offset in 0..<8 {
            let buffer = Array(repeating: 0xAA, count: offset) + padded
            let message = try Message(parsing: buffer.raw.extracting(offset..<buffer.count), as: dialect)
            #expect(read(message) == Read(type: 0x0101, attributes: [.init(0x8022, [1]), .init(6, [1, 2, 3, 4, 5])]))
            let id = message.transactionID
            #expect(
                id.high
                    == (dialect == .rosenberg
                        ? 0xB0B1_B2B3 : dialect == .classic ? 0xB0B1_B2B3_B4B5_B6B7 : 0x2112_A442_B4B5_B6B7)
            )
            #expect(id.low == (dialect == .rosenberg ? 0 : 0xB8B9_BABB_BCBD_BEBF))
        }
    }

    @Test("the first of two attributes of one number counts (section 14)")
    func firstWins() throws {
        let bytes = Wire.message(as: .cookie, [.init(0x27, [1, 1, 0, 0]), .init(0x27, [2, 2, 0, 0])])
        let message = try Message(parsing: bytes.raw, as: .cookie)
        let port = message[ResponsePort.self]
        #expect(port == ResponsePort(0x0101))
        let absent = message[OtherAddress.self]
        #expect(absent == nil)
    }

    @Test(
        "the messages of RFC 5769 and of appendix B.1 are read whole",
        arguments: [
            ("rfc5769/rfc5769-2.1-request.bin", 0x0001, [0x8022, 0x0024, 0x8029, 0x0006, 0x0008, 0x8028]),
            ("rfc5769/rfc5769-2.2-response-ipv4.bin", 0x0101, [0x8022, 0x0020, 0x0008, 0x8028]),
            ("rfc5769/rfc5769-2.3-response-ipv6.bin", 0x0101, [0x8022, 0x0020, 0x0008, 0x8028]),
            ("rfc5769/rfc5769-2.4-request-long-term.bin", 0x0001, [0x0006, 0x0015, 0x0014, 0x0008]),
            ("rfc8489/rfc8489-B.1-corrected.bin", 0x0001, [0x001E, 0x0015, 0x0014, 0x001C]),
        ] as [(String, UInt16, [UInt16])]
    )
    func vectors(path: String, type: UInt16, types: [UInt16]) throws {
        let bytes = try Fixtures.bytes(path)
        #expect(Demultiplexer.classify(bytes.raw) == .message(.cookie))
        let message = try read(bytes, as: .cookie)
        #expect(message.type == type)
        #expect(message.attributes.map(\.type) == types)
        let texts = message.attributes.filter { [0x8022, 0x0014].contains($0.type) }
        #expect(
            texts.allSatisfy {
                ["STUN test client", "test vector", "example.org"].contains(String(decoding: $0.value, as: UTF8.self))
            }
        )
    }

    @Test("appendix B.1 as printed has a length that is 20 too large, and is refused")
    func printedVector() throws {
        let bytes = try Fixtures.bytes("rfc8489/rfc8489-B.1-request-sha256-userhash.bin")
        #expect(throws: MalformedMessage.wrongLength) { try read(bytes, as: .cookie) }
    }

    @Test("a message of 65535 bytes of empty attributes is read to its end")
    func manyAttributes() throws {
        let attributes = Array(repeating: Wire.Attribute(0x7777, []), count: 16383)
        #expect(try read(Wire.message(as: .cookie, attributes), as: .cookie).attributes.count == 16383)
    }

    @Test("a wrong length is salvaged: whole attributes within datagram and claim, never beyond (message 1008)")
    func salvage() {
        let attributes: [Wire.Attribute] = [.init(6, [1, 2, 3, 4]), .init(3, [0, 0, 0, 2])]
        let whole = Wire.message(as: .classic, attributes)
        for claimed in 0...255 {
            for count in 20...whole.count {
                var bytes = Array(whole[..<count])
                bytes[3] = UInt8(claimed)
                let salvaged = read(Message(salvaging: bytes.raw))
                let available = min(count - 20, claimed)
                #expect(salvaged == Read(type: 1, attributes: Array(attributes.prefix(available / 8))))
            }
        }
    }
}

/// A message's parts as values, which expectations can hold.
struct Read: Equatable {
    let type: UInt16
    let attributes: [Wire.Attribute]
}

/// Reads all that a message holds.
func read(_ bytes: [UInt8], as dialect: Dialect) throws(MalformedMessage) -> Read {
    read(try Message(parsing: bytes.raw, as: dialect))
}

/// Reads all that a message holds.
func read(_ message: borrowing Message) -> Read {
    var attributes: [Wire.Attribute] = []
    var offset = message.dialect.headerLength
    while let location = message.nextAttribute(&offset) {
        let value = message.value(location)
        attributes.append(.init(location.type.rawValue, (0..<value.byteCount).map { value.uint8(at: $0) }))
    }
    return Read(type: message.type.rawValue, attributes: attributes)
}
