import Administration

/// The four pictures of the overview.
struct OverviewCharts: Sendable {
    /// One of them for the template `chart`.
    struct Shown: Sendable {
        struct Mark: Sendable {
            let color: Int
            let name: String
            let value: String
        }

        let title: String
        /// What the picture shows, in words, for those who don't see it.
        let description: String
        /// The newest and the largest value.
        let summary: String
        let picture: Chart.Picture
        let legend: [Mark]
        let hasLegend: Bool
    }

    private static let mostReasons = 5

    private let samples: [TrafficHistory.Sample]
    private let isDay: Bool
    /// How many allocations there are now; the newest sample may be seconds old.
    private let sessionCount: Int?
    private let texts: Texts
    private let quantities: Quantities

    /// Takes samples of the last hour or day, oldest first.
    init(samples: [TrafficHistory.Sample], isDay: Bool, sessions: Int? = nil, texts: Texts) {
        self.samples = samples
        self.isDay = isDay
        sessionCount = sessions
        self.texts = texts
        quantities = Quantities(texts.language)
    }

    /// The pictures.
    var shown: [Shown] {
        [
            shown("requests", chart { Self.rate(Double($0.requests), $0) }, quantities.rate),
            shown("relayed", chart { Self.rate(Double($0.relayedBytes) * 8, $0) }, quantities.bits),
            sessions, drops,
        ]
    }

    private var sessions: Shown {
        var chart = chart { Double($0.sessions) }
        chart.isWhole = true
        chart.showsPeaks = true
        return shown("sessions", chart, now: sessionCount.map(Double.init), quantities.decimal)
    }

    private var drops: Shown {
        var totals: [String: UInt64] = [:]
        for sample in samples { totals.merge(sample.drops) { $0 &+ $1 } }
        let order = totals.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let top = order.prefix(Self.mostReasons)
        let rest = order.dropFirst(Self.mostReasons)
        var series = top.enumerated().map { index, reason in
            let name = StatusNames.drop(reason.key, texts)
            return Chart.Series(name: name, color: index + 1, values: values { $0.drops[reason.key] ?? 0 })
        }
        var counts = top.map(\.value)
        if !rest.isEmpty {
            let names = Set(rest.map(\.key))
            let others = values { sample in
                sample.drops.reduce(0) { names.contains($1.key) ? $0 &+ $1.value : $0 }
            }
            series.append(Chart.Series(name: texts("overview_others"), color: 0, values: others))
            counts.append(rest.reduce(0) { $0 &+ $1.value })
        }
        var chart = chart { _ in 0 }
        if !series.isEmpty { chart.series = series }
        let legend = zip(series, counts).map { series, count in
            Shown.Mark(color: series.color, name: series.name, value: quantities.number(count))
        }
        let sum = counts.reduce(0) { $0 &+ $1 }
        return Shown(
            title: texts("overview_chart_drops"),
            description: description(
                "drops",
                summary: ([texts("overview_drops_sum", quantities.number(sum))]
                    + legend.map { "\($0.name) \($0.value)" })
                    .joined(separator: ", ")
            ),
            summary: texts("overview_drops_sum", quantities.number(sum)),
            picture: chart.picture(label: quantities.brief),
            legend: legend,
            hasLegend: !legend.isEmpty
        )
    }

    private func shown(_ key: String, _ chart: Chart, now: Double? = nil, _ label: (Double) -> String) -> Shown {
        let summary =
            chart.newest.map { newest in
                let now = now ?? newest
                return texts("overview_newest_most", label(now), label(max(now, chart.largest)))
            } ?? texts("overview_no_data")
        return Shown(
            title: texts("overview_chart_\(key)"),
            description: description(key, summary: summary),
            summary: summary,
            picture: chart.picture(label: quantities.brief),
            legend: [],
            hasLegend: false
        )
    }

    private func description(_ key: String, summary: String) -> String {
        let span = texts(isDay ? "overview_day" : "overview_hour")
        return "\(texts("overview_chart_\(key)")), \(span): \(summary)"
    }

    private func chart(_ value: (TrafficHistory.Sample) -> Double) -> Chart {
        Chart(
            times: samples.map(\.time),
            step: samples.last?.seconds ?? 1,
            span: span,
            series: [Chart.Series(values: samples.map(value))]
        )
    }

    /// How far the pictures go back: less than the hour or day while the server is young, so that something is seen.
    private var span: Int {
        let covered = (samples.last?.time ?? 0) &- (samples.first.map { $0.time &- Int64($0.seconds) } ?? 0)
        let spans = isDay ? [14400, 43200, 86400] : [600, 1800, 3600]
        return spans.first { covered <= Int64($0) } ?? spans[2]
    }

    private func values(_ count: (TrafficHistory.Sample) -> UInt64) -> [Double] {
        samples.map { Self.rate(Double(count($0)), $0) }
    }

    private static func rate(_ value: Double, _ sample: TrafficHistory.Sample) -> Double {
        value / Double(max(1, sample.seconds))
    }
}
