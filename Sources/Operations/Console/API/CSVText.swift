import Administration
import HTTPTypes
import Hummingbird

/// A table for spreadsheets (RFC 4180).
struct CSVText {
    private var text: String

    /// Joins cells; every row has as many as `titles`.
    init(_ titles: [String], _ rows: [[String]]) {
        text = ""
        for row in [titles] + rows {
            text += row.map(Self.cell).joined(separator: ",") + "\r\n"
        }
    }

    /// One cell, which no spreadsheet takes for a formula: what strangers send may begin with `=`.
    static func cell(_ text: String) -> String {
        var text = text
        // Also behind blanks, which some programs cut off.
        let first = text.unicodeScalars.first { $0 != " " }
        if let first, "=+-@\t\r\n\u{FF1D}\u{FF0B}\u{FF0D}\u{FF20}".unicodeScalars.contains(first) { text = "'" + text }
        let needsQuotes = text.unicodeScalars.contains { ",\"\r\n".unicodeScalars.contains($0) }
        guard needsQuotes else { return text }
        // By scalars: to Swift a quote with a combining mark behind it is no quote.
        var quoted = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" { quoted.unicodeScalars.append(scalar) }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }

    func response(named name: String) -> Response { .download(text, type: "text/csv", named: name) }
}

extension CSVText {
    init(_ report: StatisticsReport) {
        self.init(
            [
                "source", "last access s", "hits", "no change", "change ip", "change port", "error", "mirror setup",
                "mirror forwards", "keep-alive s", "dialect", "nat kind",
            ],
            report.rows.map { row in
                [
                    row.source, "\(row.lastAccess)", "\(row.hits)", "\(row.noChange)", "\(row.changeIP)",
                    "\(row.changePort)", "\(row.error)", "\(row.mirrorSetup)", "\(row.mirrorForwards)",
                    row.keepAlive.map { "\($0)" } ?? "", row.dialect ?? "", row.natKind ?? "",
                ]
            }
        )
    }

    init(_ report: SessionsReport) {
        self.init(
            [
                "id", "user", "realm", "client", "listener", "relays", "permissions", "channels", "connections",
                "transport", "relay transport", "packets to peers", "bytes to peers", "packets to client",
                "bytes to client", "age s", "ends in s",
            ],
            report.rows.map { row in
                [
                    row.id, row.user, row.realm, row.client, row.listener, row.relays.joined(separator: " "),
                    row.permissions.map(\.address).joined(separator: " "),
                    row.channels.map { "\($0.number)=\($0.peer)" }.joined(separator: " "),
                    row.connections.map { "\($0.peer)=\($0.stage.rawValue)" }.joined(separator: " "), row.transport,
                    row.relayTransport, "\(row.toPeers.packets)", "\(row.toPeers.bytes)", "\(row.toClient.packets)",
                    "\(row.toClient.bytes)", "\(row.age)", "\(row.expiresIn)",
                ]
            }
        )
    }
}

extension Response {
    /// A text for whoever asked, kept by nobody.
    static func text(_ text: String, type: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: type, .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(string: text))
        )
    }

    /// A text that browsers keep as a file.
    static func download(_ text: String, type: String, named name: String) -> Response {
        var response = Response.text(text, type: "\(type); charset=utf-8")
        response.headers[.contentDisposition] = "attachment; filename=\"\(name)\""
        return response
    }
}
