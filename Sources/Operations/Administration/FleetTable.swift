import Foundation

/// The servers of a fleet as a table for a terminal, and below it what is wrong.
public struct FleetTable: Sendable {
    private let report: FleetReport

    /// Makes a table of a report.
    public init(_ report: FleetReport) { self.report = report }

    /// The whole table; ends with a line end.
    public var text: String {
        let table = [Self.titles] + report.servers.map(Self.cells)
        var lines = Self.aligned(table, firstNumber: Self.firstNumber)
        for server in report.servers {
            guard let problem = server.problem else { continue }
            lines += ["", "\(TerminalText.oneLine(server.name)): \(TerminalText.oneLine(problem))"]
        }
        lines.append("")
        if report.servers.count <= 1 {
            // Without a key the others are seen in the store alone.
            if report.store.map({ $0.memberCount <= 1 }) ?? true {
                let redis = report.store == nil ? "" : ", and redis has none"
                lines.append("This server is alone: other-stun-servers names no others\(redis).")
            }
        } else {
            lines.append(
                "\(report.usable) of \(report.count) servers can be used; \(report.allocations) allocations in all."
            )
            if !report.hasKey { lines.append("cluster-key is not set, so the other servers are not asked.") }
        }
        if let store = report.store { lines += Self.lines(of: store, after: lines.last) }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The store of the fleet: how many servers it has, each of them, and what they have counted.
    private static func lines(of store: FleetReport.Store, after last: String?) -> [String] {
        var lines = last == "" ? [] : [""]
        let count = HumanText.count(store.memberCount, "server")
        let state = store.isReached ? "" : ", which does not answer now"
        lines.append(
            "\(count) in \(TerminalText.oneLine(store.place))\(state): "
                + "\(HumanText.count(store.allocations, "allocation")), load \(percent(store.load)) on average."
        )
        if store.asksAllToDrain { lines.append("All are asked to take no new allocations.") }
        if let trouble = store.trouble { lines.append(TerminalText.oneLine(trouble)) }
        let rows =
            [["Name", "Host", "Version", "Drain", "Load", "Allocations"]]
            + store.members.map { member in
                [
                    member.name, member.host, member.version,
                    member.isAskedToDrain ? "asked" : member.isDraining ? "yes" : "-", percent(member.load),
                    "\(member.allocations)",
                ].map(TerminalText.oneLine)
            }
        if rows.count > 1 { lines += [""] + aligned(rows, firstNumber: 4) }
        if store.memberCount > store.members.count {
            lines.append("and \(store.memberCount - store.members.count) more")
        }
        let counted = store.counters.filter { $0.value > 0 }.map { [TerminalText.oneLine($0.name), "\($0.value)"] }
        if !counted.isEmpty { lines += ["", "Counted by all of them:"] + aligned(counted, firstNumber: 2) }
        return lines
    }

    /// Rows whose columns stand under each other, those from `firstNumber` on at their right edge.
    private static func aligned(_ rows: [[String]], firstNumber: Int) -> [String] {
        let columns = rows.first?.indices ?? 0..<0
        let widths = columns.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).enumerated().map { column, cell in
                let padding = String(repeating: " ", count: max(0, cell.1 - cell.0.count))
                let isLast = column == widths.count - 1 && column < firstNumber
                return column >= firstNumber ? padding + cell.0 : cell.0 + (isLast ? "" : padding)
            }
            return cells.joined(separator: "  ")
        }
    }

    private static let titles = [
        "Server", "Address", "State", "Version", "Load", "Allocations", "Round Trip", "Loss", "Clock",
    ]
    /// The first column that stands at its right edge.
    private static let firstNumber = 4

    private static func cells(_ server: FleetReport.Server) -> [String] {
        let best = server.best
        return [
            TerminalText.oneLine(server.name) + (server.kind == .own ? " *" : ""), best?.address ?? "-", server.state,
            TerminalText.oneLine(server.version ?? "-"), server.load.map { percent($0) } ?? "-",
            server.allocations.map(String.init) ?? "-",
            best?.roundTrip.map { String(format: "%.1f ms", $0 * 1000) } ?? "-",
            server.kind == .own ? "-" : best?.loss.map { percent($0) } ?? "-",
            best?.clockDifference.map { String(format: "%+.1f s", $0) } ?? "-",
        ]
    }

    private static func percent(_ part: Double) -> String { String(format: "%.0f %%", part * 100) }
}
