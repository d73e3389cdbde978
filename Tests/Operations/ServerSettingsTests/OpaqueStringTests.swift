import ServerSettings
import Testing

@Suite("RFC 8265 section 4: OpaqueString")
struct OpaqueStringTests {
    @Test(
        "The legal passwords of RFC 8265 table 3",
        arguments: [
            ("correct horse battery staple", "correct horse battery staple"),
            ("Correct Horse Battery Staple", "Correct Horse Battery Staple"),
            ("\u{03C0}\u{00DF}\u{00E5}", "\u{03C0}\u{00DF}\u{00E5}"), ("Jack of \u{2666}s", "Jack of \u{2666}s"),
            ("foo\u{1680}bar", "foo bar"),
        ]
    )
    func legal(raw: String, text: String) throws {
        #expect(Array(try OpaqueString(raw).text.unicodeScalars) == Array(text.unicodeScalars))
    }

    @Test("The passwords that RFC 8265 table 4 forbids, each with its sentence")
    func forbidden() {
        #expect(throws: OpaqueStringError.empty) { try OpaqueString("") }
        #expect(throws: OpaqueStringError.notAllowed("\t")) { try OpaqueString("my cat is a \tby") }
        let text = "has the character U+0009, which names and passwords may not have there (RFC 8265)"
        #expect(OpaqueStringError.notAllowed("\t").description == text)
    }

    @Test(
        "Wide forms and case stay (4.2.2 rules 1 and 3), spaces become U+0020 (rule 2), letters are composed (rule 4)",
        arguments: [
            ("\u{FF21}\u{FF76}", "\u{FF21}\u{FF76}"), ("\u{2168}\u{FB01}", "\u{2168}\u{FB01}"),
            ("a\u{00A0}b\u{3000}c\u{2003}d", "a b c d"), ("A\u{030A}", "\u{00C5}"), ("\u{212B}", "\u{00C5}"),
            ("\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}", "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}"),
            (" ", " "), ("\u{1F600}", "\u{1F600}"), ("\u{0915}\u{094D}\u{200D}", "\u{0915}\u{094D}\u{200D}"),
            ("l\u{00B7}l", "l\u{00B7}l"), ("\u{0661}\u{0662}", "\u{0661}\u{0662}"),
            ("\u{30A2}\u{30FB}", "\u{30A2}\u{30FB}"),
        ]
    )
    func mapping(raw: String, text: String) throws {
        #expect(Array(try OpaqueString(raw).text.unicodeScalars) == Array(text.unicodeScalars))
        #expect(try OpaqueString(text).text == text)
    }

    @Test(
        "Controls, format and invisible characters, old Jamo, private use, unassigned and misplaced ones are refused",
        arguments: [
            "\0", "\u{7F}", "\u{85}", "\r\n", "\u{1B}[2J", "\u{AD}", "\u{200B}", "\u{202E}", "\u{FEFF}", "\u{FE0F}",
            "\u{2028}", "\u{1100}\u{1161}", "\u{E000}", "\u{0378}", "\u{FFFF}", "\u{0640}", "a\u{200D}", "a\u{00B7}b",
            "\u{30FB}", "\u{0661}\u{06F1}", "\u{1F468}\u{200D}\u{1F469}",
        ]
    )
    func refused(raw: String) {
        #expect(throws: OpaqueStringError.self) { try OpaqueString(raw) }
        #expect(throws: OpaqueStringError.self) { try OpaqueString("ab" + raw) }
    }

    @Test("The password of RFC 8489 appendix B.1 was prepared by SASLprep: OpaqueString refuses its soft hyphen")
    func saslPrep() throws {
        #expect(throws: OpaqueStringError.notAllowed("\u{AD}")) { try OpaqueString("The\u{AD}M\u{AA}tr\u{2168}") }
        #expect(try OpaqueString("TheMatrIX").text == "TheMatrIX")
    }
}
