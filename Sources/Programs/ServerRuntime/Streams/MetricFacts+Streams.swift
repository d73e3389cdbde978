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
            Self.gauge("stund_tls_connections", "TCP connections with TLS now.", Double(totals.tlsConnections)),
            Self.counter(
                "stund_tls_handshakes",
                "TLS handshakes with clients.",
                "stage",
                [("begun", streams.sessions), ("completed", streams.handshakes)]
            ),
            Self.total(
                "stund_unread_drops",
                "Peers' datagrams that were dropped because a client by TCP did not read.",
                streams.droppedUnread
            ),
        ]
    }

    /// The TCP connections of relayed addresses with peers.
    var peerConnections: [MetricFamily] {
        let peers = totals.peers
        return [
            Self.gauge(
                "stund_peer_connections",
                "TCP connections of relayed addresses with peers now.",
                Double(totals.peerConnections)
            ),
            Self.counter(
                "stund_peer_connections_made",
                "TCP connections with peers that came about, by who began them.",
                "direction",
                [("to-peers", peers.connected), ("from-peers", peers.accepted)]
            ),
            Self.total(
                "stund_peer_connections_bound",
                "TCP connections with peers that a client has bound to one of its own.",
                peers.bound
            ),
            Self.total(
                "stund_peer_connections_refused",
                "TCP connections that peers began and that were closed at once.",
                peers.turnedAway
            ),
            Self.counter(
                "stund_peer_connections_failed",
                "TCP connections to peers that did not come about, by the reason.",
                "reason",
                PeerStreamCounters.Failure.allCases.map { ($0.name, peers.failed($0)) }
            ),
        ]
    }

    private static func total(_ name: String, _ help: String, _ value: UInt64) -> MetricFamily {
        MetricFamily(name, .counter, help: help, samples: [Sample(Double(value), suffix: "_total")])
    }
}
