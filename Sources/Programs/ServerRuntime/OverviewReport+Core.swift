import Administration
import Observability
import STUNCodec
import ServerCore

extension OverviewReport {
    /// How many causes of refusals are named.
    private static let mostCauses = 10

    static func dialects(_ counters: Counters) -> [ServerStatus.Counter] {
        Dialect.allCases.map { .init(name: $0.name, value: counters.received[Int($0.rawValue)]) }
    }

    /// How many sources show what of their NAT; one that shows both of mapping and filtering counts for each of them, one
    /// that shows nothing as `unknown`.
    static func natKinds(_ rows: [SourceTable.Row], now: Instant) -> [ServerStatus.Counter] {
        typealias Kind = SourceBehaviour.NATKind
        var counts: [Kind: UInt64] = [:]
        var unknown: UInt64 = 0
        for row in rows {
            let kinds = row.behaviour.natKinds(at: now)
            for kind in kinds { counts[kind, default: 0] += 1 }
            if kinds.isEmpty { unknown += 1 }
        }
        return Kind.allCases.map { .init(name: $0.rawValue, value: counts[$0] ?? 0) }
            + [.init(name: "unknown", value: unknown)]
    }

    /// The causes that met most requests, those first; `records` are the newest first.
    static func topRefusals(_ records: [RefusalRecord]) -> [TopRefusal] {
        struct Cause: Hashable {
            let code: UInt16
            let method: String
            let cure: String
        }
        var causes: [Cause] = []
        var rows: [Cause: TopRefusal] = [:]
        for record in records {
            let cause = Cause(code: record.code, method: record.method, cure: record.cure)
            guard rows[cause] == nil else {
                rows[cause]?.count += record.count
                continue
            }
            causes.append(cause)
            rows[cause] = TopRefusal(
                code: Int(record.code),
                method: record.method,
                cause: record.cause,
                cure: record.cure,
                count: record.count,
                time: record.timestamp,
                subject: record.username?.text ?? "\(record.client)"
            )
        }
        // Of equal counts the newer one stands first, as in `causes`.
        let all = causes.compactMap { rows[$0] }
        return Array(
            all.enumerated().sorted { ($1.element.count, $0.offset) < ($0.element.count, $1.offset) }
                .map(\.element).prefix(mostCauses)
        )
    }
}
