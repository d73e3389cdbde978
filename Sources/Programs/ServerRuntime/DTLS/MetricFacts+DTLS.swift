import Observability

extension MetricFacts {
    /// The DTLS sessions of clients.
    var dtlsSessions: [MetricFamily] {
        let dtls = totals.dtls
        return [
            Self.gauge("stund_dtls_sessions", "DTLS sessions of clients now.", Double(totals.dtlsSessions)),
            Self.counter(
                "stund_dtls_hellos",
                "DTLS hellos without a cookie, whose senders the server forgets: answered with one, or unfit to be answered.",
                "result",
                [("asked", dtls.asked), ("unfit", dtls.unfit)]
            ),
            Self.counter(
                "stund_dtls_handshakes",
                "DTLS handshakes: begun with a proven address, put off because too many began at once, completed.",
                "stage",
                [("begun", dtls.begun), ("postponed", dtls.postponed), ("completed", dtls.opened)]
            ),
            Self.counter(
                "stund_dtls_sessions_refused",
                "Proven DTLS hellos that were left alone, by the limit that was reached.",
                "cause",
                [
                    ("max-connections", dtls.refusedTotal), ("connections-per-client", dtls.refusedClient),
                    ("challenge-rate-limit", dtls.refusedRate),
                ]
            ),
            Self.counter(
                "stund_dtls_sessions_ended",
                "DTLS sessions that have ended, by the reason.",
                "reason",
                zip(DTLSClient.End.names, dtls.ended).map { ($0, $1) }
            ),
            MetricFamily(
                "stund_dtls_unsent",
                .counter,
                help: "Answers and peers' datagrams that no DTLS record could be made of.",
                samples: [Sample(Double(dtls.unsent), suffix: "_total")]
            ),
        ]
    }
}
