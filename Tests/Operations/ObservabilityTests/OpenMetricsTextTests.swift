import Observability
import Testing

@Suite("Metrics as OpenMetrics 1.0 text")
struct OpenMetricsTextTests {
    @Test("a family has its type, unit and help before its samples, and the text ends with # EOF")
    func families() {
        let text = OpenMetricsText.render([
            MetricFamily(
                "stund_relayed_bytes",
                .counter,
                unit: "bytes",
                help: "Bytes.",
                samples: [
                    .init(12, suffix: "_total", labels: [.init("direction", "to-peers")]),
                    .init(0, suffix: "_total", labels: [.init("direction", "to-clients"), .init("b", "2")]),
                ]
            ),
            MetricFamily("stund_workers", .gauge, help: "Workers.", samples: [.init(2)]),
        ])
        let expected = """
            # TYPE stund_relayed_bytes counter
            # UNIT stund_relayed_bytes bytes
            # HELP stund_relayed_bytes Bytes.
            stund_relayed_bytes_total{direction="to-peers"} 12
            stund_relayed_bytes_total{direction="to-clients",b="2"} 0
            # TYPE stund_workers gauge
            # HELP stund_workers Workers.
            stund_workers 2
            # EOF

            """
        #expect(text == expected)
        #expect(OpenMetricsText.render([]) == "# EOF\n")
    }

    @Test("backslash, quote and line end are escaped in values and help, and nothing else")
    func escapes() {
        let family = MetricFamily(
            "a",
            .gauge,
            help: "one\\two\n\"three\"",
            samples: [.init(1, labels: [.init("l", "\\ \" \n ä {}")])]
        )
        let lines = OpenMetricsText.render([family]).split(separator: "\n").map(String.init)
        #expect(lines[1] == #"# HELP a one\\two\n\"three\""#)
        #expect(lines[2] == #"a{l="\\ \" \n ä {}"} 1"#)
    }

    @Test(
        "numbers are written as they are",
        arguments: [
            (0, "0"), (9_007_199_254_740_991, "9007199254740991"), (-3, "-3"), (0.5, "0.5"), (.infinity, "+Inf"),
            (-.infinity, "-Inf"), (.nan, "NaN"), (1e300, "1e+300"),
        ] as [(Double, String)]
    )
    func numbers(value: Double, text: String) {
        let family = MetricFamily("a", .gauge, help: "", samples: [.init(value)])
        #expect(OpenMetricsText.render([family]).contains("\na \(text)\n"))
    }
}
