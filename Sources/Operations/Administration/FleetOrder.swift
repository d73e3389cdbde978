import Addresses

extension StatisticsQuery {
    /// Whether one row comes before another in the natural order of the column.
    func isBefore(_ one: StatisticsReport.Row, _ other: StatisticsReport.Row) -> Bool {
        switch sort {
        case .lastAccess: one.lastAccess < other.lastAccess
        case .source: AddressText(one.source) < AddressText(other.source)
        case .hits: one.hits > other.hits
        case .noChange: one.noChange > other.noChange
        case .changeIP: one.changeIP > other.changeIP
        case .changePort: one.changePort > other.changePort
        case .error: one.error > other.error
        case .keepAlive: one.keepAlive ?? .infinity < other.keepAlive ?? .infinity
        }
    }
}

extension SessionsQuery {
    /// Whether one row comes before another in the natural order of the column.
    func isBefore(_ one: SessionsReport.Row, _ other: SessionsReport.Row) -> Bool {
        switch sort {
        case .age: one.age < other.age
        case .user: one.user < other.user
        case .client: AddressText(one.client) < AddressText(other.client)
        case .bytes: one.toPeers.bytes &+ one.toClient.bytes > other.toPeers.bytes &+ other.toClient.bytes
        }
    }
}

/// An address and port as text, in the order that people expect: by family, then by number.
private struct AddressText: Comparable {
    private let address: SocketAddress?
    private let text: String

    init(_ text: String) {
        self.text = text
        address = SocketAddress(text)
    }

    static func < (left: AddressText, right: AddressText) -> Bool {
        guard let one = left.address, let other = right.address else { return left.text < right.text }
        if one.address.family != other.address.family { return one.address.family == .v4 }
        if one.address.high != other.address.high { return one.address.high < other.address.high }
        if one.address.low != other.address.low { return one.address.low < other.address.low }
        return one.port < other.port
    }
}
