import STUNCodec
import Testing
import WireFixtures

@Suite("Dialects on one port: by length and cookie (RFC 8489 section 5, RFC 3489 section 11.1, the drafts)")
struct DialectTests {
    /// One datagram and what it is.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let bytes: [UInt8]
        let kind: Demultiplexer.Kind

        init(_ name: String, _ bytes: [UInt8], _ kind: Demultiplexer.Kind) {
            testDescription = name
            self.bytes = bytes
            self.kind = kind
        }
    }

    static let cookie = "21 12 a4 42"

    static let boundaries: [Case] = [
        Case("nothing", [], .notSTUN),
        Case("one byte", [0], .notSTUN),
        Case("seven bytes", hex("00 01 00 00 2b 8c 53"), .notSTUN),
        Case("rosenberg, bare header", hex("00 01 00 00 2b 8c 53 0c"), .message(.rosenberg)),
        Case("rosenberg, length one too large", hex("00 01 00 01 2b 8c 53 0c"), .notSTUN),
        Case("the manual's PDU", hex("00 01 00 08 2b 8c 53 0c 00 03 00 04 00 00 00 00"), .message(.rosenberg)),
        Case(
            "rosenberg, 19 bytes",
            hex("00 01 00 0b 2b 8c 53 0c") + Array(repeating: 0, count: 11),
            .message(.rosenberg)
        ),
        Case("19 bytes without a right sum", Array(repeating: 0, count: 19), .notSTUN),
        Case(
            "rosenberg, 20 bytes",
            hex("00 01 00 0c 2b 8c 53 0c") + Array(repeating: 0, count: 12),
            .message(.rosenberg)
        ),
        Case("classic, bare header", Wire.message(as: .classic), .message(.classic)),
        Case("classic, odd length", Wire.message(as: .classic, padded: false, [.init(6, [1])]), .message(.classic)),
        Case("cookie, bare header", Wire.message(as: .cookie), .message(.cookie)),
        Case("cookie, wrong length is the message's to judge", Wire.message(as: .cookie) + [0], .message(.cookie)),
        Case("cookie in a header cut to 8 bytes", hex("00 01 00 00" + cookie), .notSTUN),
        Case(
            "cookie in a header cut to 19 bytes",
            hex("00 01 00 0b" + cookie) + Array(repeating: 0, count: 11),
            .notSTUN
        ),
        Case(
            "cookie where 8 + length fits 20 bytes",
            hex("00 01 00 0c" + cookie) + Array(repeating: 0, count: 12),
            .message(.cookie)
        ),
        Case(
            "cookie in the wrong byte order",
            hex("00 01 00 0c 42 a4 12 21") + Array(repeating: 0, count: 12),
            .message(.rosenberg)
        ),
        Case("no sum fits, type 1, 20 bytes", hex("00 01 00 04") + Wire.id, .wrongLength),
        Case("no sum fits, type 1, length 65535", hex("00 01 ff ff") + Wire.id, .wrongLength),
        Case("no sum fits, Shared Secret", hex("00 02 00 04") + Wire.id, .notSTUN),
        Case("no sum fits, a response", hex("01 01 00 04") + Wire.id, .notSTUN),
        Case("top bits 01", hex("40 00 00 00") + Wire.id, .channelData),
        Case("top bits 01, a header alone", hex("7f ff 00 00"), .channelData),
        Case("top bits 01, cut off", hex("40 00 00"), .notSTUN),
        Case("top bit 2 set (RTP)", hex("80 01 00 00") + Wire.id, .notSTUN),
        Case("top bits set before a cookie", hex("c0 01 00 00" + cookie) + Array(repeating: 0, count: 12), .notSTUN),
        Case("the highest type", hex("3f ff 00 00") + Wire.id, .message(.classic)),
        Case(
            "length 65535, classic",
            hex("00 01 ff ff") + Wire.id + Array(repeating: 0, count: 65535),
            .message(.classic)
        ),
    ]

    @Test("each boundary is one dialect or none", arguments: boundaries)
    func boundary(_ datagram: Case) {
        #expect(Demultiplexer.classify(datagram.bytes.raw) == datagram.kind)
    }

    @Test("for every count and length field up to 64 the two sums decide, and never both")
    func sums() {
        for count in 0...64 {
            for length in 0...64 {
                var bytes = [UInt8](repeating: 0x55, count: count)
                for (offset, byte) in [0, 2, 0, UInt8(length)].enumerated() where offset < count {
                    bytes[offset] = byte
                }
                let kind = Demultiplexer.classify(bytes.raw)
                let expected: Demultiplexer.Kind =
                    count >= 8 && count == 8 + length
                    ? .message(.rosenberg) : count >= 20 && count == 20 + length ? .message(.classic) : .notSTUN
                #expect(kind == expected, "\(count) bytes, length \(length)")
            }
        }
    }

    @Test("DNS, TLS and DTLS are not STUN; HTTP is ChannelData of a channel that nobody can bind")
    func otherProtocols() {
        let http = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        #expect(Demultiplexer.classify(http.raw) == .channelData)
        #expect(ChannelData(http.raw) == nil)
        let dns = hex("12 34 01 00 00 01 00 00 00 00 00 00 07 65 78 61 6d 70 6c 65 03 6f 72 67 00 00 01 00 01")
        #expect(Demultiplexer.classify(dns.raw) == .notSTUN)
        #expect(
            Demultiplexer.classify(hex("16 03 01 02 00 01 00 01 fc 03 03 55 66 77 88 99 aa bb cc dd").raw)
                == .notSTUN
        )
        #expect(
            Demultiplexer.classify(hex("16 fe fd 00 00 00 00 00 00 00 00 00 7c 01 00 00 70 00 00 00").raw)
                == .notSTUN
        )
    }

    @Test("headers have 8 bytes in the rosenberg drafts and 20 in all others")
    func headerLengths() {
        #expect(Dialect.allCases.map(\.headerLength) == [8, 20, 20])
    }
}
