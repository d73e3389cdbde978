// Unsafe: asks the C library for dates, as the standard that the own arithmetic must agree with.
import Addresses
import Foundation
import Glibc
import Observability
import Testing

@Suite("The log's text form (manual, section 5.1)")
struct TextFormTests {
    @Test("a received message looks as the manual prints it")
    func manualExample() throws {
        let address = try #require(SocketAddress("217.230.186.106:29508"))
        let entry = LogEntry(.messageReceived, address: address, pdu: manualPDU, at: manualTime)
        #expect(
            entry.formatted(.text) == """
                [8] Tue Aug 13 15:30:48 2002: Received pdu from 217.230.186.106:29508
                00 01 00 08 2b 8c 53 0c 00 03 00 04 00 00 00 00
                """
        )
        let answer = LogEntry(.responseSent, address: address, at: manualTime)
        #expect(
            answer.formatted(.text) == "[8] Tue Aug 13 15:30:48 2002: Send response to 217.230.186.106:29508"
        )
    }

    @Test("a message fills lines of 16 bytes, and one that was cut tells its true length")
    func hexDump() throws {
        let lines = { (count: Int) in
            let entry = LogEntry(.messageReceived, pdu: Array(repeating: 0xAB, count: count), at: 0)
            return entry.formatted(.text).split(separator: "\n").dropFirst().map { $0.split(separator: " ").count }
        }
        #expect(lines(0) == [])
        #expect(lines(17) == [16, 1])
        #expect(lines(32) == [16, 16])
        let cut = LogEntry(.messageReceived, pdu: Array(repeating: 0, count: 2000), at: 0)
        #expect(cut.pdu?.count == 1500)
        #expect(cut.formatted(.text).hasSuffix("\n00 00 00 00 00 00 00 00 00 00 00 00\n... (2000 bytes)"))
    }

    @Test("dates are those of C's asctime and gmtime")
    func dates() throws {
        var random = SplitMix(seed: UInt64.random(in: 0...UInt64.max))
        let days: [Int64] = [-1, 0, 11_016, 11_015, 19_782, 19_783, 47_540, 47_541, -25_508, -25_509].map {
            $0 * 86_400
        }
        let seconds = days + days.map { $0 - 1 } + (0..<20_000).map { _ in random.seconds() }
        for second in seconds {
            let entry = LogEntry(.started, at: second * 1_000_000_000 + 999_999_999)
            let expected = "[5] \(asctime(second)): Started"
            #expect(entry.formatted(.text) == expected, "second \(second), seed \(random.seed)")
        }
        // The ends of what 64 bits of nanoseconds can tell.
        #expect(LogEntry(.started, at: .min).formatted(.text).contains("Tue Sep 21 00:12:43 1677"))
        #expect(LogEntry(.started, at: .max).formatted(.json).contains("2262-04-11T23:47:16.854Z"))
    }

    private func asctime(_ second: Int64) -> String {
        var time = time_t(second)
        var civil = unsafe tm()
        _ = unsafe gmtime_r(&time, &civil)
        var text = [CChar](repeating: 0, count: 32)
        _ = unsafe asctime_r(&civil, &text)
        return String(decoding: text.map { UInt8(bitPattern: $0) }.prefix { $0 != 10 }, as: UTF8.self)
    }
}

@Suite("The log's JSON lines (RFC 8259)")
struct JSONLinesTests {
    @Test("all of an entry is there, and only what is there")
    func golden() throws {
        let address = try #require(SocketAddress("[2001:db8::1]:3478"))
        let entry = LogEntry(.messageReceived, address: address, pdu: manualPDU, at: manualTime + 7_000_000)
        #expect(
            entry.formatted(.json)
                == #"{"time":"2002-08-13T15:30:48.007Z","level":8,"severity":"debug","code":1006,"#
                + #""text":"Received pdu","address":"[2001:db8::1]:3478","#
                + #""pdu":"000100082b8c530c0003000400000000","pdu_length":16}"#
        )
        #expect(
            LogEntry(.stopping, at: 0).formatted(.json)
                == #"{"time":"1970-01-01T00:00:00.000Z","level":5,"severity":"notice","code":1101,"text":"Stopping"}"#
        )
    }

    @Test("hostile text reads back as it was (attack 26)", arguments: hostileTexts)
    func roundTrip(text: String) throws {
        let line = LogEntry(.started, text, at: 0).formatted(.json)
        #expect(line.unicodeScalars.allSatisfy(isHarmless))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect((object["text"] as? String).map { Array($0.utf8) } == Array(text.utf8))
    }
}

@Suite("Foreign text in the log (attack 26)")
struct HostileTextTests {
    @Test("no text can end a line or steer a terminal", arguments: hostileTexts)
    func oneHarmlessLine(text: String) throws {
        let line = LogEntry(.started, text, at: 0).formatted(.text)
        #expect(line.unicodeScalars.allSatisfy(isHarmless))
        #expect(line.hasPrefix("[5] Thu Jan  1 00:00:00 1970: "))
    }

    @Test("what is escaped can be told from what was written so")
    func unambiguous() {
        let escaped = LogEntry(.started, "a\u{1B}[2J\\u{1b}\r\n", at: 0).formatted(.text)
        #expect(escaped.hasSuffix(#": a\u{1b}[2J\\u{1b}\u{d}\u{a}"#))
        #expect(LogEntry(.started, "Müller 東京 🙂", at: 0).formatted(.text).hasSuffix(": Müller 東京 🙂"))
    }

    @Test("every control and format character is escaped in both forms")
    func allScalars() {
        for value in UInt32(0)...0x10_FFFF {
            guard let scalar = Unicode.Scalar(value), !isHarmless(scalar) else { continue }
            let entry = LogEntry(.started, String(scalar), at: 0)
            #expect(entry.formatted(.text).unicodeScalars.allSatisfy(isHarmless), "U+\(String(value, radix: 16))")
            #expect(entry.formatted(.json).unicodeScalars.allSatisfy(isHarmless), "U+\(String(value, radix: 16))")
        }
    }

    @Test("a text of any length is cut to 4,000 bytes between characters")
    func longText() {
        for padding in 0..<4 {
            let text = String(repeating: "x", count: padding) + String(repeating: "🙂", count: 2000)
            let kept = LogEntry(.started, text, at: 0).text
            #expect(kept.hasSuffix("🙂..."))
            #expect((3997...4003).contains(kept.utf8.count))
        }
        let fitting = String(repeating: "é", count: 2000)
        #expect(LogEntry(.started, fitting, at: 0).text == fitting)
    }
}

private let manualTime: Int64 = 1_029_252_648_000_000_000
private let manualPDU: [UInt8] = [0, 1, 0, 8, 0x2B, 0x8C, 0x53, 0x0C, 0, 3, 0, 4, 0, 0, 0, 0]

private let hostileTexts = [
    "", "' ; -- %s%n%x", "line\nbreak\r\n[0] forged", "\u{0}nul", "\u{1B}[2J\u{1B}]0;title\u{7}", "\u{9B}31m",
    "<script>alert(1)</script>", "\"}\u{22},{\"level\":0", "\\", "\\\"", "\u{202E}evil\u{2066}", "\u{2028}\u{2029}",
    "\u{FEFF}\u{200B}", "tab\tbed", "\u{7F}", "\u{E0001}\u{10FFFF}", "e\u{301}\u{301}",
    String(decoding: [0x61, 0xFF, 0xC0, 0xAF, 0xED, 0xA0, 0x80, 0x62], as: UTF8.self),
]

/// Judged by ranges, not by the categories that the code asks for.
private func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F..<0xA0, 0xAD, 0x61C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB,
        0xE0000...0xE007F:
        false
    default: true
    }
}

private struct SplitMix {
    let seed: UInt64
    private var state: UInt64

    init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    /// A second between 1700 and 2250.
    mutating func seconds() -> Int64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int64((mixed ^ (mixed >> 31)) % 17_355_000_000) - 8_520_000_000
    }
}
