import Administration
import ServerSettings

/// How much of what the server may have is in use.
struct OverviewRoom: Sendable {
    /// How much that is as a picture.
    struct Bar: Sendable {
        /// Of 100.
        let length: Int
        /// The class of its colour.
        let color: String
    }

    /// One of these.
    struct Row: Sendable {
        let name: String
        /// What is to be said of it besides.
        let remark: String?
        let used: String
        /// Nil where there is no limit.
        let limit: String?
        /// Nil without a limit.
        let bar: Bar?
        /// Whether there is little room left.
        let isTight: Bool
    }

    /// From this part in use on, of 1, little room is left.
    private static let tight = 0.8

    let rows: [Row]

    init(_ status: ServerStatus, _ settings: Settings, _ texts: Texts) {
        let quantities = Quantities(texts.language)
        func row(_ name: String, remark: String? = nil, _ used: Int, of limit: Int?, inBytes: Bool = false) -> Row {
            let text = { (count: Int) in
                inBytes ? quantities.bytes(UInt64(clamping: count)) : quantities.number(count)
            }
            let part = limit.map { $0 > 0 ? min(1, Double(max(0, used)) / Double($0)) : 1 }
            let isTight = (part ?? 0) >= Self.tight
            return Row(
                name: name,
                remark: remark,
                used: text(used),
                limit: limit.map(text),
                bar: part.map { Bar(length: Int(($0 * 100).rounded(.up)), color: isTight ? "full" : "f1") },
                isTight: isTight
            )
        }
        var rows: [Row] = []
        if let relay = status.relay {
            rows += relay.addresses.map { address in
                row(
                    texts("overview_room_ports", ShownText(address.address).text),
                    remark: address.localAddress.map { texts("overview_on_host", ShownText($0).text) },
                    address.portsTotal - address.portsFree,
                    of: address.portsTotal
                )
            }
            if let most = settings.maxAllocations {
                rows.append(row(texts("overview_room_allocations"), relay.sessions, of: most))
            }
            if let memory = relay.memory {
                rows.append(row(texts("overview_room_memory"), memory.used, of: memory.limit, inBytes: true))
            }
        }
        let connections = status.connections.tcp + status.connections.dtls
        rows.append(row(texts("overview_room_connections"), connections, of: settings.maxConnections))
        if let files = status.files { rows.append(row(texts("overview_room_files"), files.open, of: files.limit)) }
        if let bytes = status.residentBytes {
            rows.append(row(texts("overview_room_process"), bytes, of: nil, inBytes: true))
        }
        self.rows = rows
    }
}
