import Administration

/// The pages that help people: test, explain, help.
enum ToolPages {
    static func make(_ administrator: Administrator) -> [any ConsolePage] {
        [TestPage(administrator: administrator), ExplainPage(administrator: administrator), HelpPage()]
    }
}
