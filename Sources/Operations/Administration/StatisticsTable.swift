/// The statistics as a table for a terminal: the nine columns of the manual (section 5.2).
public struct StatisticsTable: Sendable {
    /// The silence after which a NAT has probably closed the port, in seconds: the manual's "two minutes".
    public static let silence = 120

    private let report: StatisticsReport

    /// Makes a table of a report.
    public init(_ report: StatisticsReport) {
        self.report = report
    }

    /// The whole table, or one sentence when there is nothing to show; ends with a line end.
    public var text: String {
        guard !report.rows.isEmpty else {
            return report.totalSources > 0
                ? "None of \(report.totalSources) sources shown.\n" : "No client has sent a request yet.\n"
        }
        let table = [Self.titles] + report.rows.map(Self.cells)
        let widths = Self.titles.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        var lines = table.map { row in
            zip(row, widths).enumerated().map { index, cell in
                Self.padded(cell.0, to: cell.1, onTheLeft: index > 0)
            }
            .joined(separator: "  ")
        }
        if report.rows.contains(where: Self.isSilent) {
            lines.append("")
            lines.append(
                "* Silent for more than two minutes: its NAT has probably closed this port, so it can't be reached there."
            )
        }
        if report.totalSources > report.rows.count {
            lines.append("")
            lines.append("\(report.rows.count) of \(report.totalSources) sources shown.")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static let titles = [
        "Source Address", "Last Access", "Hits", "No Change", "Change IP", "Change Port", "Error", "Mirror Setup",
        "Mirror Forwards",
    ]

    private static func cells(_ row: StatisticsReport.Row) -> [String] {
        [
            TerminalText.visible(row.source), "\(row.lastAccess) s" + (isSilent(row) ? "*" : " "), "\(row.hits)",
            "\(row.noChange)", "\(row.changeIP)", "\(row.changePort)", "\(row.error)", "\(row.mirrorSetup)",
            "\(row.mirrorForwards)",
        ]
    }

    private static func isSilent(_ row: StatisticsReport.Row) -> Bool { row.lastAccess > silence }

    private static func padded(_ text: String, to width: Int, onTheLeft: Bool) -> String {
        let padding = String(repeating: " ", count: max(0, width - text.count))
        return onTheLeft ? padding + text : text + padding
    }
}
