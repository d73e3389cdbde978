import Observability

extension MetricFacts {
    /// The certificate of TLS and DTLS.
    var certificates: [MetricFamily] {
        [
            MetricFamily(
                "stund_tls_certificate_expiry_timestamp_seconds",
                .gauge,
                unit: "seconds",
                help: "When the certificate in use expires, in Unix seconds.",
                samples: certificate.expiry.map { [Sample(Double($0))] } ?? []
            ),
            Self.counter(
                "stund_tls_certificate_loads",
                "Changes of the certificate's files and settings since the start, by what came of them.",
                "result",
                [("taken", UInt64(certificate.taken)), ("refused", UInt64(certificate.refused))]
            ),
        ]
    }
}
