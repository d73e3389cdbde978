import HTTPTypes
import Hummingbird
import Observability
import Synchronization

/// How long the console takes for what it is asked, as a histogram for `/metrics`.
final class RequestTimes: Sendable {
    /// What is told apart; live pages are left out, as they last as long as somebody looks.
    enum RouteClass: String, CaseIterable {
        case page, api, asset

        init?(path: String) {
            if path.hasPrefix("/live/") { return nil }
            if path.hasPrefix("/assets/") || path == "/favicon.ico" {
                self = .asset
            } else if path.hasPrefix("/api/") || ["/metrics", "/healthz", "/readyz"].contains(path) {
                self = .api
            } else {
                self = .page
            }
        }
    }

    /// The upper bounds, in seconds; a last bucket holds what took longer.
    static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

    private struct Counts {
        var buckets = Array(repeating: 0, count: bounds.count + 1)
        var sum = 0.0
    }

    private let counts = Mutex<[RouteClass: Counts]>([:])

    /// Counts a request.
    func observe(_ duration: Duration, _ route: RouteClass) {
        let seconds = duration / .seconds(1)
        let bucket = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
        counts.withLock { counts in
            counts[route, default: Counts()].buckets[bucket] += 1
            counts[route, default: Counts()].sum += seconds
        }
    }

    /// The histogram; every class is in it from the start.
    var family: MetricFamily {
        let counts = counts.withLock { $0 }
        var samples: [MetricFamily.Sample] = []
        for route in RouteClass.allCases {
            let label = MetricFamily.Label("route", route.rawValue)
            let count = counts[route] ?? Counts()
            var total = 0
            for (index, bucket) in count.buckets.enumerated() {
                total += bucket
                let bound = index < Self.bounds.count ? "\(Self.bounds[index])" : "+Inf"
                samples.append(.init(Double(total), suffix: "_bucket", labels: [label, .init("le", bound)]))
            }
            samples.append(.init(Double(total), suffix: "_count", labels: [label]))
            samples.append(.init(count.sum, suffix: "_sum", labels: [label]))
        }
        return MetricFamily(
            "stund_http_request_duration_seconds",
            .histogram,
            unit: "seconds",
            help: "How long the console took to answer, without live pages.",
            samples: samples
        )
    }
}

/// Measures every request until its answer begins.
struct RequestTimesMiddleware: RouterMiddleware {
    let times: RequestTimes

    func handle(
        _ request: Request,
        context: ConsoleContext,
        next: (Request, ConsoleContext) async throws -> Response
    ) async throws -> Response {
        guard let route = RequestTimes.RouteClass(path: request.uri.path) else {
            return try await next(request, context)
        }
        let began = ContinuousClock.now
        defer { times.observe(ContinuousClock.now - began, route) }
        return try await next(request, context)
    }
}
