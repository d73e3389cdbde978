import Observability

extension MetricFacts {
    /// The TCP connections of clients.
    var connections: [MetricFamily] {
        let streams = totals.streams
        return [
            Self.gauge("stund_connections", "TCP connections of clients now.", Double(totals.connections)),
            Self.total("stund_connections_accepted", "TCP connections that were accepted.", streams.accepted),
            Self.counter(
                "stund_connections_refused",
                "TCP connections that were closed at once, by the limit that was reached.",
                "cause",
                [
                    ("max-connections", streams.refusedTotal), ("connections-per-client", streams.refusedClient),
                    ("open-files", streams.refusedFiles),
                ]
            ),
            Self.counter(
                "stund_connections_ended",
                "TCP connections that have ended, by the reason.",
                "reason",
                StreamConnection.End.allCases.map { ($0.name, streams.ended($0)) }
            ),
            Self.total(
                "stund_unread_drops",
                "Peers' datagrams that were dropped because a client by TCP did not read.",
                streams.droppedUnread
            ),
        ]
    }

    private static func total(_ name: String, _ help: String, _ value: UInt64) -> MetricFamily {
        MetricFamily(name, .counter, help: help, samples: [Sample(Double(value), suffix: "_total")])
    }
}
