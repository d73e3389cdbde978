import Addresses
import Administration
import STUNCodec
import ServerCore

extension StatisticsReport {
    /// The rows that a query means, of those of all workers; text is made of the shown ones only.
    ///
    /// - `remembered`: how many sources the server remembers: each worker may have so many.
    init(_ workers: [WorkerSources], _ query: StatisticsQuery, remembered: Int) {
        let now = workers.map(\.now).max() ?? .start
        let all = Self.newestFirst(workers, remembered: remembered)
        let search = TextSearch(query.search)
        let found = search.isEmpty ? all : all.filter { search.finds($0.source) }
        let order = Self.order(of: found, by: query.sort, isReversed: query.isReversed)
        let shown = order.dropFirst(max(0, query.offset)).prefix(max(0, query.limit ?? .max))
        self.init(rows: shown.map { Row(found[$0], now: now) }, totalSources: all.count, foundSources: found.count)
    }

    /// The rows of all workers, newest access first; a source that asked both ports may be with two of them.
    static func newestFirst(_ workers: [WorkerSources], remembered: Int) -> [SourceTable.Row] {
        guard workers.count > 1 else { return Array((workers.first?.rows ?? []).prefix(remembered)) }
        // Rows are large: they stay where they are, and only their places are looked up and sorted.
        var rows: [SourceTable.Row] = []
        rows.reserveCapacity(workers.reduce(0) { $0 + $1.rows.count })
        var places: [SourceKey: Int] = Dictionary(minimumCapacity: rows.capacity)
        for worker in workers {
            for row in worker.rows {
                let place = places[SourceKey(row.source), default: rows.count]
                if place < rows.count {
                    rows[place] = rows[place].adding(row)
                } else {
                    places[SourceKey(row.source)] = place
                    rows.append(row)
                }
            }
        }
        var order = Array(rows.indices)
        order.sort { rows[$0].lastAccess > rows[$1].lastAccess }
        return order.prefix(remembered).map { rows[$0] }
    }

    /// The indices in order: numbers are cheaper to sort than rows.
    private static func order(
        of rows: [SourceTable.Row],
        by column: StatisticsQuery.Column,
        isReversed: Bool
    ) -> [Int] {
        var order = Array(rows.indices)
        func sort(_ count: (SourceTable.Row) -> UInt64) { order.sort { count(rows[$0]) > count(rows[$1]) } }
        switch column {
        case .lastAccess: break
        case .source: order.sort { AddressOrder(rows[$0].source) < AddressOrder(rows[$1].source) }
        case .hits: sort(\.hits)
        case .noChange: sort(\.noChange)
        case .changeIP: sort(\.changeIP)
        case .changePort: sort(\.changePort)
        case .error: sort(\.error)
        case .keepAlive:
            // What is not known stands behind, whichever way the rest is turned.
            var known = order.filter { rows[$0].behaviour.interval != nil }
            known.sort { rows[$0].behaviour.interval ?? 0 < rows[$1].behaviour.interval ?? 0 }
            return (isReversed ? known.reversed() : known) + order.filter { rows[$0].behaviour.interval == nil }
        }
        return isReversed ? order.reversed() : order
    }
}

extension StatisticsReport.Row {
    init(_ row: SourceTable.Row, now: Instant) {
        let kinds = row.behaviour.natKinds(at: now).map(\.rawValue)
        self.init(
            source: "\(row.source)",
            lastAccess: Int(clamping: now.nanoseconds(since: row.lastAccess) / 1_000_000_000),
            noChange: row.noChange,
            changeIP: row.changeIP,
            changePort: row.changePort,
            error: row.error,
            mirrorSetup: row.mirrorSetup,
            mirrorForwards: row.mirrorForwards,
            keepAlive: row.behaviour.interval.map { Double($0) / 1000 },
            dialect: row.behaviour.dialect?.name,
            natKind: kinds.isEmpty ? nil : kinds.joined(separator: ", ")
        )
    }
}

/// A transport address that is hashed as one number: the hash of all its members takes longer than the rest of the work.
private struct SourceKey: Hashable {
    let source: SocketAddress

    init(_ source: SocketAddress) { self.source = source }

    func hash(into hasher: inout Hasher) {
        let address = source.address
        hasher.combine(address.high ^ (address.low &* 0x9E37_79B9_7F4A_7C15) &+ UInt64(source.port))
    }
}

/// The order of transport addresses that people expect: by family, then by number.
struct AddressOrder: Comparable {
    private let address: SocketAddress

    init(_ address: SocketAddress) { self.address = address }

    static func < (left: AddressOrder, right: AddressOrder) -> Bool {
        let (one, other) = (left.address, right.address)
        if one.address.family != other.address.family { return one.address.family == .v4 }
        if one.address.high != other.address.high { return one.address.high < other.address.high }
        if one.address.low != other.address.low { return one.address.low < other.address.low }
        return one.port < other.port
    }
}
