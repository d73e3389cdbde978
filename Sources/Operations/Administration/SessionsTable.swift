/// The sessions for a terminal: a line each where there is room, else a few lines each.
public struct SessionsTable: Sendable {
    private let report: SessionsReport
    private let width: Int

    /// Makes a table of a report for a terminal of `width` columns.
    public init(_ report: SessionsReport, width: Int) {
        self.report = report
        self.width = width
    }

    /// The whole table, or one sentence when there is nothing to show; ends with a line end.
    public var text: String {
        guard !report.rows.isEmpty else {
            return report.totalSessions > 0
                ? "None of \(report.totalSessions) sessions shown.\n" : "Nobody uses the relay now.\n"
        }
        let wide = wideLines
        let fits = wide.allSatisfy { $0.count <= width }
        var lines = fits ? wide : Array(report.rows.map(Self.block).joined(separator: [""]))
        if report.totalSessions > report.rows.count {
            lines += ["", "\(report.rows.count) of \(report.totalSessions) sessions shown."]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: A line each

    private var wideLines: [String] {
        // One realm is the rule, and then its column says nothing.
        let showsRealm = Set(report.rows.map(\.realm)).count > 1
        var table = [
            [
                "ID", "User", "Realm", "Client", "By", "Relay", "To Peers", "Packets", "To Client", "Packets", "Peers",
                "Age",
                "Ends In",
            ]
        ]
        for row in report.rows {
            let relays = row.relays.isEmpty ? [""] : row.relays
            table.append([
                row.id, Self.short(row.user), Self.short(row.realm), row.client, row.transport, relays[0],
                HumanText.bytes(row.toPeers.bytes), "\(row.toPeers.packets)", HumanText.bytes(row.toClient.bytes),
                "\(row.toClient.packets)", "\(row.permissions.count)", HumanText.duration(row.age),
                HumanText.duration(row.expiresIn),
            ])
            table += relays.dropFirst().map { ["", "", "", "", "", $0] + Array(repeating: "", count: 7) }
        }
        if !showsRealm { for index in table.indices { table[index].remove(at: 2) } }
        let numbers = table[0].count - 7
        let widths = table[0].indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        return table.map { cells in
            let line = zip(cells, widths).enumerated().map { column, cell in
                let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                return column >= numbers ? padding + cell.0 : cell.0 + padding
            }
            return line.joined(separator: "  ").trimmedAtEnd
        }
    }

    // MARK: A few lines each

    private static func block(_ row: SessionsReport.Row) -> [String] {
        let head = "\(row.id)  \(short(row.user))"
        let lines =
            ["client     \(row.client)", "asks       \(row.listener) by \(row.transport)"]
            + row.relays.map { "relay      \($0)" + (row.relayTransport == "udp" ? "" : " by \(row.relayTransport)") }
            + [
                "to peers   " + HumanText.bytes(row.toPeers.bytes) + " in "
                    + HumanText.count(row.toPeers.packets, "packet"),
                "to client  " + HumanText.bytes(row.toClient.bytes) + " in "
                    + HumanText.count(row.toClient.packets, "packet"),
                "peers      " + HumanText.count(row.permissions.count, "permission") + ", "
                    + HumanText.count(row.channels.count, "channel")
                    + (row.connections.isEmpty ? "" : ", " + HumanText.count(row.connections.count, "connection")),
                "age        " + HumanText.duration(row.age) + ", ends in " + HumanText.duration(row.expiresIn)
                    + " unless refreshed",
            ]
        return [head] + lines.map { "  " + $0 }
    }

    /// Names may have 500 bytes and more; the JSON form has the whole of them.
    private static func short(_ name: String) -> String {
        let name = TerminalText.oneLine(name)
        return name.count > 32 ? name.prefix(29) + "..." : name
    }
}

extension String {
    fileprivate var trimmedAtEnd: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
