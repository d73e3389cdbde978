import STUNCodec
import Testing
import WireFixtures

@Suite("A stream is cut where its length fields say (RFC 8489 section 6.2.2, RFC 8656 section 12.5)")
struct StreamFramerTests {
    @Test("a message with the cookie is a frame of its whole length, whatever follows it")
    func message() {
        let binding = Wire.message(as: .cookie, [.init(0x8022, Array("client".utf8))])
        #expect(binding.frame == .whole(count: 32, padded: 32))
        #expect((binding + [0xFF, 0xFF]).frame == .whole(count: 32, padded: 32))
    }

    @Test("padding of ChannelData is taken off the stream and does not count as data", arguments: 0...9)
    func channelData(length: Int) {
        let padded = (4 + length + 3) / 4 * 4
        let data = Wire.channelData(length)
        #expect((data + [UInt8](repeating: 0, count: 8)).frame == .whole(count: 4 + length, padded: padded))
        #expect(Array((data + [0, 0, 0]).prefix(padded)).frame == .whole(count: 4 + length, padded: padded))
        if padded > 4 + length { #expect(data.frame == .incomplete(needed: padded)) }
    }

    @Test("numbers that nobody can bind are framed too, so that the server can drop them one by one")
    func reservedChannel() {
        #expect(hex("7FFF 0001 AA000000").frame == .whole(count: 5, padded: 8))
    }

    @Test("a first byte from 128 on begins no frame", arguments: [UInt8(0x80), 0x90, 0xC5, 0xFF])
    func firstByte(byte: UInt8) {
        #expect([byte].frame == .invalid)
    }

    @Test("a length that is no multiple of four ends the connection, also with the cookie", arguments: 1...3)
    func oddLength(length: UInt8) {
        #expect(([0, 1, 0, length] + hex("2112A442")).frame == .invalid)
        #expect([0, 1, 0, length].frame == .invalid)
    }

    @Test("the first byte of a wrong cookie ends the connection")
    func wrongCookie() {
        #expect(hex("0001 0000 21").frame == .incomplete(needed: 20))
        #expect(hex("0001 0000 22").frame == .invalid)
        #expect(hex("0001 0000 2112A443").frame == .invalid)
    }

    @Test("of the classic dialect there is the Shared Secret request alone, and a short one")
    func classic() {
        #expect(Wire.message(0x0002, as: .classic).frame == .whole(count: 20, padded: 20))
        #expect(
            Wire.message(0x0002, as: .classic, [.init(0x8022, [1, 2, 3, 4])]).frame == .whole(count: 28, padded: 28)
        )
        #expect((hex("0002 0200") + [UInt8](repeating: 9, count: 4)).frame == .incomplete(needed: 532))
        #expect((hex("0002 0204") + [UInt8](repeating: 9, count: 4)).frame == .invalid)
        for type: UInt16 in [0x0001, 0x0003, 0x0101, 0x0102, 0x0112] {
            #expect(Wire.message(type, as: .classic).frame == .invalid, "\(type)")
        }
        #expect(Wire.message(as: .rosenberg).frame == .invalid)
    }

    @Test("row 42: no length from 65,516 to 65,535 wraps, and what does not fit ends the connection")
    func longest() {
        for length in 65_516...65_535 {
            let field = Wire.bytes(UInt16(length))
            let message = [0, 0x16] + field + hex("2112A442") + Wire.id.dropFirst(4)
            let smuggled = message + Wire.message(as: .cookie) + Wire.message(as: .cookie)
            let fits = length == 65_516
            for count in 4...smuggled.count {
                let expected: StreamFrame = fits ? .incomplete(needed: 65_536) : .invalid
                #expect(Array(smuggled.prefix(count)).frame == expected, "\(length) cut at \(count)")
            }
            let channel = [0x40, 0] + field + Wire.message(as: .cookie)
            let padded = (4 + length + 3) / 4 * 4
            let expected: StreamFrame = padded <= 65_536 ? .incomplete(needed: padded) : .invalid
            for count in 4...channel.count {
                #expect(Array(channel.prefix(count)).frame == expected, "\(length) cut at \(count)")
            }
        }
    }

    @Test("row 42: the longest frames are found whole")
    func longestWhole() {
        let message = hex("0016 FFEC 2112A442") + [UInt8](repeating: 1, count: 65_528)
        #expect(message.frame == .whole(count: 65_536, padded: 65_536))
        #expect(Array(message.dropLast()).frame == .incomplete(needed: 65_536))
        #expect(Wire.channelData(65_532).frame == .whole(count: 65_536, padded: 65_536))
        #expect(Wire.channelData(65_529).frame == .incomplete(needed: 65_536))
    }

    @Test("every real message, cut at every byte, is incomplete and asks for more than is there")
    func everyCut() throws {
        var whole = 0
        for (path, bytes) in try Fixtures.datagrams() where bytes.count < 2_000 {
            guard case .whole(_, let padded) = bytes.frame else { continue }
            whole += 1
            for count in 0..<padded {
                guard case .incomplete(let needed) = Array(bytes.prefix(count)).frame else {
                    Issue.record("\(path) cut at \(count)")
                    continue
                }
                #expect(needed > count && needed <= padded, "\(path) cut at \(count)")
            }
        }
        #expect(whole > 20, "fixtures with the cookie are there")
    }

    @Test("random frames in one stream are found again, however the stream comes in pieces")
    func pieces() {
        var random = SeededGenerator.announced("StreamFramerTests.pieces")
        for _ in 0..<300 {
            let frames = (0..<Int.random(in: 1...12, using: &random)).map { _ in Self.frame(&random) }
            var stream: [UInt8] = []
            for frame in frames { stream += frame + [UInt8](repeating: 0xEE, count: (4 - frame.count % 4) % 4) }
            var found: [[UInt8]] = []
            var buffer: [UInt8] = []
            while !stream.isEmpty {
                let count = min(
                    stream.count,
                    Int.random(in: 1...(Bool.random(using: &random) ? 3 : 900), using: &random)
                )
                buffer += stream.prefix(count)
                stream.removeFirst(count)
                while case .whole(let count, let padded) = buffer.frame {
                    found.append(Array(buffer.prefix(count)))
                    buffer.removeFirst(padded)
                }
            }
            #expect(found == frames)
            #expect(buffer.isEmpty)
        }
    }

    @Test("random bytes never trap, and a frame is never longer than what is there")
    func garbage() {
        var random = SeededGenerator.announced("StreamFramerTests.garbage")
        for _ in 0..<20_000 {
            var bytes = random.bytes(Int.random(in: 0...40, using: &random))
            if bytes.count >= 8, Bool.random(using: &random) { bytes.replaceSubrange(4..<8, with: hex("2112A442")) }
            switch bytes.frame {
            case .incomplete(let needed): #expect(needed > bytes.count && needed <= StreamFramer.limit)
            case .whole(let count, let padded): #expect(count <= padded && padded <= bytes.count && padded & 3 == 0)
            case .invalid: break
            }
        }
    }

    /// A message with the cookie, a Shared Secret request, or ChannelData, without padding behind it.
    private static func frame(_ random: inout SeededGenerator) -> [UInt8] {
        let length = Int.random(in: 0...600, using: &random)
        switch UInt8.random(in: 0...3, using: &random) {
        case 0: return Wire.message(0x0002, as: .classic, id: random.bytes(16))
        case 1:
            let type = UInt16.random(in: 0...0x3FFF, using: &random)
            return Wire.message(type, as: .cookie, id: random.bytes(16), [.init(0x8022, random.bytes(length))])
        default:
            let number = UInt16.random(in: 0x4000...0x7FFF, using: &random)
            return Wire.bytes(number) + Wire.bytes(UInt16(length)) + random.bytes(length)
        }
    }
}

extension [UInt8] {
    fileprivate var frame: StreamFrame { StreamFramer.first(in: raw) }
}

extension Wire {
    /// ChannelData of channel 0x4000 without padding.
    fileprivate static func channelData(_ length: Int) -> [UInt8] {
        [0x40, 0] + bytes(UInt16(length)) + [UInt8](repeating: 0xDA, count: length)
    }
}
