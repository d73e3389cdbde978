import STUNCodec
import Testing
import WireFixtures

@Suite("CHANGE-REQUEST (RFC 5780 section 7.2) and FLAGS (the drafts)")
struct ChangeRequestTests {
    @Test("flags count from the bottom, in the rosenberg drafts from the top")
    func flags() {
        for bits in UInt32(0)..<8 {
            let attribute = ChangeRequest(changesIP: bits & 4 != 0, changesPort: bits & 2 != 0, discards: bits & 1 != 0)
            let low: [UInt8] = [0, 0, 0, UInt8(bits)]
            let high: [UInt8] = [UInt8(bits) << 5, 0, 0, 0]
            #expect(read(ChangeRequest.self, low) == attribute)
            #expect(write(attribute, .standard) == low)
            for layout in [AddressLayout.draft00, .draft01] {
                #expect(read(ChangeRequest.self, high, layout) == attribute)
                #expect(write(attribute, layout) == high)
                #expect(read(ChangeRequest.self, low, layout) == ChangeRequest(changesIP: false, changesPort: false))
            }
        }
    }

    @Test("unknown flags are passed over, any other length is refused")
    func unknownFlags() {
        #expect(read(ChangeRequest.self, hex("ff ff ff f8")) == ChangeRequest(changesIP: false, changesPort: false))
        #expect(
            read(ChangeRequest.self, hex("1f ff ff ff"), .draft01)
                == ChangeRequest(changesIP: false, changesPort: false)
        )
        for count in 0...64 where count != 4 {
            #expect(read(ChangeRequest.self, Array(repeating: 0xFF, count: count)) == nil)
        }
    }
}

@Suite("ERROR-CODE (RFC 8489 section 14.8)")
struct ErrorCodeTests {
    @Test("300 to 699 are written as class and number, without a reason")
    func codes() {
        for code in UInt16.min...1000 {
            let attribute = ErrorCode(code)
            #expect((attribute != nil) == (300...699).contains(code))
            guard let attribute else { continue }
            let bytes: [UInt8] = [0, 0, UInt8(code / 100), UInt8(code % 100)]
            #expect(write(attribute, .standard) == bytes)
            #expect(read(ErrorCode.self, bytes) == attribute)
            #expect(read(ErrorCode.self, bytes + Array("Reason".utf8)) == attribute)
        }
    }

    @Test("less than four bytes, number above 99 or class outside 3 to 6 is no code (row 46)")
    func malformed() {
        for count in 0..<4 { #expect(read(ErrorCode.self, Array(repeating: 4, count: count)) == nil) }
        for number in UInt8(100)...255 { #expect(read(ErrorCode.self, [0, 0, 4, number]) == nil) }
        for hundreds in [0, 1, 2, 7] as [UInt8] { #expect(read(ErrorCode.self, [0, 0, hundreds, 0]) == nil) }
    }

    @Test("the 21 reserved bits are passed over")
    func reserved() {
        #expect(read(ErrorCode.self, [0xFF, 0xFF, 0xFC, 20]) == .unknownAttribute)
    }
}

@Suite("UNKNOWN-ATTRIBUTES (RFC 8489 section 14.13)")
struct UnknownAttributesTests {
    @Test("numbers are listed once, in order, and never more than 16 (row 48)")
    func bound() {
        var list = UnknownAttributes()
        for number in UInt16(0x7000)..<0x7020 {
            list.insert(AttributeType(rawValue: number))
            list.insert(AttributeType(rawValue: number))
        }
        #expect(list.count == 16)
        #expect(list.length(in: context(.standard)) == 32)
        let expected = (UInt16(0x7000)..<0x7010).flatMap(Wire.bytes)
        #expect(write(list, .standard) == expected)
        #expect(list.contains(AttributeType(rawValue: 0x700F)))
        #expect(!list.contains(AttributeType(rawValue: 0x7010)))
    }

    @Test("for RFC 3489 an odd list is filled by repeating its last number (RFC 3489 section 11.2.10)")
    func repeated() {
        var list = UnknownAttributes()
        list.isFilledByRepeating = true
        #expect(write(list, .standard) == [])
        list.insert(AttributeType(rawValue: 0x7001))
        #expect(write(list, .standard) == [0x70, 0x01, 0x70, 0x01])
        list.insert(AttributeType(rawValue: 0x7002))
        #expect(write(list, .standard) == [0x70, 0x01, 0x70, 0x02])
        list.insert(AttributeType(rawValue: 0x7003))
        #expect(write(list, .standard) == [0x70, 0x01, 0x70, 0x02, 0x70, 0x03, 0x70, 0x03])
        list.isFilledByRepeating = false
        #expect(write(list, .standard) == [0x70, 0x01, 0x70, 0x02, 0x70, 0x03])
    }

    @Test("any even length is read, as far as there is room")
    func lengths() {
        for count in 0...64 {
            let list = read(UnknownAttributes.self, (0..<count).map { UInt8($0) })
            #expect(list?.count == (count % 2 == 0 ? min(count / 2, 16) : nil))
        }
    }

    @Test("lists are equal when they hold the same numbers in the same order")
    func equality() {
        let list = read(UnknownAttributes.self, [1, 2, 3, 4])
        #expect(list == read(UnknownAttributes.self, [1, 2, 3, 4, 1, 2]))
        #expect(list != read(UnknownAttributes.self, [3, 4, 1, 2]))
        #expect(list != read(UnknownAttributes.self, [1, 2]))
    }
}

@Suite("RESPONSE-PORT and PADDING (RFC 5780 sections 7.5 and 7.6)")
struct ResponsePortTests {
    @Test("a port is read from 2 bytes or 4, and written as 2")
    func lengths() {
        for count in 0...64 {
            let bytes: [UInt8] = ([0x12, 0x34] + Array(repeating: 0xFF, count: 62)).prefix(count) + []
            #expect(read(ResponsePort.self, bytes) == (count == 2 || count == 4 ? ResponsePort(0x1234) : nil))
        }
        #expect(write(ResponsePort(0x1234), .standard) == [0x12, 0x34])
    }

    @Test("padding has any length and is written as zeros")
    func padding() {
        for count in 0...64 {
            #expect(read(Padding.self, Array(repeating: 0xFF, count: count)) == Padding(count: count))
            #expect(write(Padding(count: count), .standard) == Array(repeating: 0, count: count))
        }
    }
}

@Suite("FINGERPRINT (RFC 8489 section 14.7)")
struct FingerprintTests {
    @Test("the fingerprints of RFC 5769 and of other servers' messages are right", arguments: fingerprinted())
    func vectors(path: String) throws {
        let bytes = try Fixtures.bytes(path)
        let message = try Message(parsing: bytes.raw, as: .cookie)
        #expect(check(message) == .valid)
    }

    @Test("no change of a single bit goes unseen")
    func everyBit() throws {
        let whole = try Fixtures.bytes("rfc5769/rfc5769-2.2-response-ipv4.bin")
        for bit in 0..<(whole.count * 8) {
            var bytes = whole
            bytes[bit / 8] ^= 1 << (bit % 8)
            guard let message = try? Message(parsing: bytes.raw, as: .cookie) else { continue }
            #expect(check(message) != .valid, "bit \(bit)")
        }
    }

    @Test("it must be the last attribute and four bytes long (row 48)")
    func position() throws {
        let good = Wire.fingerprinted()
        #expect(try check(good) == .valid)
        #expect(try check(Wire.message(as: .cookie)) == .absent)
        #expect(try check(Wire.fingerprinted(followedBy: [.init(0x8022, [])])) == .invalid)
        #expect(try check(Wire.fingerprinted(followedBy: [.init(0x8028, [0, 0, 0, 0])])) == .invalid)
        for count in [0, 1, 3, 5, 8] {
            let bytes = Wire.message(as: .cookie, [.init(0x8028, Array(repeating: 0, count: count))])
            #expect(try check(bytes) == .invalid)
        }
    }

    @Test("the writer's own fingerprint is that of a bit by bit CRC")
    func written() throws {
        for count in 0..<40 {
            let attributes = [Wire.Attribute(0x0026, Array(repeating: 0, count: count))]
            let expected = Wire.fingerprinted(0x0101, attributes)
            let answer = answer(to: Wire.message(as: .cookie), as: .cookie, limit: 1000) { writer, packet in
                writer.append(Padding(count: count), to: &packet) && writer.finishWithFingerprint(&packet)
            }
            #expect(answer == expected)
        }
    }
}

/// The fixtures that carry a right FINGERPRINT, as their origins say.
private func fingerprinted() -> [String] {
    let turn = ["AllocateResponse", "ChannelBindResponse", "CreatePermissionResponse", "RefreshResponse"]
    return (1...3).map { number in
        "rfc5769/rfc5769-2.\(number)-\(["request", "response-ipv4", "response-ipv6"][number - 1]).bin"
    } + turn.map { "turn-rs-samples/\($0).bin" } + ["6", "7", "input_reqstc"].map { "coturn-fuzz-corpus/\($0).raw" }
}

private func check(_ bytes: [UInt8]) throws -> Message.FingerprintCheck {
    check(try Message(parsing: bytes.raw, as: .cookie))
}

private func check(_ message: borrowing Message) -> Message.FingerprintCheck {
    guard let location = message.first(.fingerprint) else { return .absent }
    return message.checkFingerprint(at: location)
}
