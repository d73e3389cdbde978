import Testing

@testable import Administration

@Suite("The statistics table has the manual's nine columns (manual 5.2)")
struct StatisticsTableTests {
    @Test("the rows of the manual's picture are shown aligned, with the silent ones marked")
    func manual() {
        let report = StatisticsReport(
            rows: [
                .init(source: "217.230.186.106:29265", lastAccess: 4, noChange: 662, changeIP: 2),
                .init(source: "217.230.186.106:29508", lastAccess: 120, noChange: 264, changeIP: 2),
                .init(
                    source: "[2001:db8::1]:29537",
                    lastAccess: 9230,
                    noChange: 1,
                    error: 3,
                    mirrorForwards: 1_000_000
                ),
            ],
            totalSources: 3
        )
        let expected = """
            Source Address         Last Access     Hits  No Change  Change IP  Change Port  Error  Mirror Setup  Mirror Forwards
            217.230.186.106:29265         4 s       664        662          2            0      0             0                0
            217.230.186.106:29508       120 s       266        264          2            0      0             0                0
            [2001:db8::1]:29537        9230 s*  1000004          1          0            0      3             0          1000000

            * Silent for more than two minutes: its NAT has probably closed this port, so it can't be reached there.

            """
        #expect(StatisticsTable(report).text == expected)
    }

    @Test("without a silent source there is no footnote")
    func noFootnote() {
        let text = StatisticsTable(.init(rows: [.init(source: "a", lastAccess: 0)], totalSources: 1)).text
        #expect(!text.contains("*"))
        #expect(text.split(separator: "\n").count == 2)
    }

    @Test("an empty table is one sentence")
    func empty() {
        #expect(StatisticsTable(.init(rows: [], totalSources: 0)).text == "No client has sent a request yet.\n")
        #expect(StatisticsTable(.init(rows: [], totalSources: 7)).text == "None of 7 sources shown.\n")
    }

    @Test("fewer rows than sources are told")
    func limited() {
        let text = StatisticsTable(.init(rows: [.init(source: "a", lastAccess: 0)], totalSources: 9)).text
        #expect(text.hasSuffix("\n\n1 of 9 sources shown.\n"))
    }

    @Test("Hits is the sum of the row and can't overflow")
    func hits() {
        let row = StatisticsReport.Row(
            source: "a",
            lastAccess: 0,
            noChange: 1,
            changeIP: 2,
            changePort: 4,
            error: 8,
            mirrorSetup: 16,
            mirrorForwards: 32
        )
        #expect(row.hits == 63)
        #expect(StatisticsReport.Row(source: "a", lastAccess: 0, noChange: .max, error: 1).hits == 0)
    }

    @Test("control characters of strangers are shown, not obeyed")
    func visible() {
        #expect(TerminalText.visible("a\u{1B}[2J\r\u{9B}b\u{202E}\nc") == #"a\u{1B}[2J\r\u{009B}b\u{202E}"# + "\nc")
    }
}
