import ArgumentParser
import Foundation
import Testing

@testable import stund

@Suite("stund drain: when it shall end")
struct DrainCommandTests {
    @Test(
        "a duration is a number of seconds, or has its unit",
        arguments: [
            ("0", 0), ("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400), ("30d", 2_592_000),
            ("31d", nil), ("2592001", nil), ("", nil), ("s", nil), ("-1", nil), ("+1", nil), ("1.5h", nil),
            ("1 h", nil),
            ("1w", nil), ("99999999999999999999", nil), ("153722867280912931m", nil), ("١", nil),
        ] as [(String, Int?)]
    )
    func durations(text: String, seconds: Int?) {
        #expect(DrainEnd.seconds(of: text) == seconds)
    }

    /// 2026-11-29 21:30:15 GMT.
    private let now = Date(timeIntervalSince1970: 1_795_987_815)

    @Test(
        "a time of day is the next one in GMT, and a date with time is that of its offset",
        arguments: [
            ("22:30", 3585), ("21:30:15", 0), ("21:30:14", 86399), ("00:00", 8985), ("2026-11-29T22:30Z", 3585),
            ("2026-11-29T22:30:01Z", 3586), ("2026-11-29T23:30+01:00", 3585), ("2026-11-29T16:30:00-05:00", nil),
            ("2026-11-30T21:30:15Z", 86400), ("2026-11-29T21:30Z", nil), ("2027-11-29T22:30Z", nil), ("24:00", nil),
            ("22:60", nil), ("22:30:60", nil), ("2:30", nil), ("22", nil), ("", nil), ("tomorrow", nil),
            ("2026-11-29", nil), ("2026-11-29T22:30", nil), ("2026-13-29T22:30Z", nil), ("22:30 ", nil),
        ] as [(String, Int?)]
    )
    func times(text: String, seconds: Int?) {
        #expect(DrainEnd.seconds(until: text, from: now) == seconds)
    }

    @Test(
        "options that exclude each other and times that are none are refused before the server is asked",
        arguments: [
            ["--cancel", "--stay"], ["--cancel", "--for", "1h"], ["--until", "22:00", "--for", "1h"],
            ["--for", "soon"],
            ["--until", "then"], ["--server", "a", "--all-servers"], ["--server", "a", "--stay"],
            ["--all-servers", "--for", "1h"],
        ]
    )
    func refused(arguments: [String]) {
        #expect(throws: (any Error).self) { try DrainCommand.parse(arguments) }
    }

    @Test("what belongs together is taken")
    func taken() throws {
        #expect(try DrainCommand.parse(["--cancel"]).cancel)
        let command = try DrainCommand.parse(["--stay", "--for", "10m"])
        #expect(command.stay && command.duration == "10m")
    }
}
