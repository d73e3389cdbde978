import Administration
import Foundation
import HTTPTypes
import Hummingbird
import Observability
import ServerSettings

/// What Prometheus, load balancers and orchestrators ask.
struct MonitoringRoutes: Sendable {
    let administrator: Administrator
    let times: RequestTimes

    /// What strangers are told of a check.
    private struct Outcome: Encodable {
        let name: String
        let isGood: Bool
    }

    private struct Outcomes: Encodable {
        let isReady: Bool
        let checks: [Outcome]
    }

    /// Adds the addresses; `guarded` are those behind `AccessMiddleware`.
    func add(to router: Router<ConsoleContext>, guarded: RouterGroup<ConsoleContext>) {
        guarded.get("/metrics") { request, context in
            if !administrator.server.settings.settings.httpMetricsOpen { _ = try context.viewer() }
            let families = try await administrator.server.metrics() + [times.family]
            let accepted = request.headers[values: .accept].joined(separator: ",")
            if Self.wantsOldText(accepted) {
                return Response.text(PrometheusText.render(families), type: PrometheusText.contentType)
            }
            return Response.text(OpenMetricsText.render(families), type: OpenMetricsText.contentType)
        }
        router.get("/healthz") { _, _ in Response.text("ok\n", type: "text/plain; charset=utf-8") }
        guarded.get("/readyz") { _, context in
            let report = await administrator.server.readiness()
            let status: HTTPResponse.Status = report.isReady ? .ok : .serviceUnavailable
            guard context.visitor == nil else { return try JSONAnswer.make(report, status: status) }
            let outcomes = report.checks.map { Outcome(name: $0.name, isGood: $0.isGood) }
            return try JSONAnswer.make(Outcomes(isReady: report.isReady, checks: outcomes), status: status)
        }
    }

    /// Whether `Accept` asks only for the text format of before OpenMetrics.
    private static func wantsOldText(_ accepted: String) -> Bool {
        accepted.contains("text/plain") && !accepted.contains("application/openmetrics-text")
    }
}

/// Metric families in Prometheus' own text format, version 0.0.4, for what does not read OpenMetrics.
///
/// It differs in that a family is named by its samples, has no unit, knows no info, and nothing marks the end.
enum PrometheusText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    static func render(_ families: [MetricFamily]) -> String {
        families.map { family in
            var family = family
            family.unit = nil
            if family.kind == .info || family.kind == .counter, let suffix = family.samples.first?.suffix {
                family.name += suffix
                for index in family.samples.indices { family.samples[index].suffix = "" }
            }
            if family.kind == .info { family.kind = .gauge }
            return OpenMetricsText.render([family]).replacing("# EOF\n", with: "")
        }.joined()
    }
}
