import Foundation

/// The servers of a fleet as a table for a terminal, and below it what is wrong.
public struct FleetTable: Sendable {
    private let report: FleetReport

    /// Makes a table of a report.
    public init(_ report: FleetReport) { self.report = report }

    /// The whole table; ends with a line end.
    public var text: String {
        let table = [Self.titles] + report.servers.map(Self.cells)
        let widths = Self.titles.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        var lines = table.map { row in
            let line = zip(row, widths).enumerated().map { column, cell in
                let padding = String(repeating: " ", count: max(0, cell.1 - cell.0.count))
                return column >= Self.firstNumber ? padding + cell.0 : cell.0 + padding
            }
            return line.joined(separator: "  ")
        }
        for server in report.servers {
            guard let problem = server.problem else { continue }
            lines += ["", "\(TerminalText.oneLine(server.name)): \(TerminalText.oneLine(problem))"]
        }
        lines.append("")
        if report.servers.count <= 1 {
            lines.append("This server is alone: other-stun-servers names no others.")
        } else {
            lines.append(
                "\(report.usable) of \(report.count) servers can be used; \(report.allocations) allocations in all."
            )
            if !report.hasKey { lines.append("cluster-key is not set, so the other servers are not asked.") }
        }
        return lines.joined(separator: "\n") + "\n"
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
