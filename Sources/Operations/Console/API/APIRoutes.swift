import Administration
import Hummingbird

/// The API for programs, the figures for Prometheus, and what load balancers ask.
struct APIRoutes: Sendable {
    let administrator: Administrator

    /// Adds the addresses; `guarded` are those behind `AccessMiddleware`.
    func add(to router: Router<ConsoleContext>, guarded: RouterGroup<ConsoleContext>) {}
}
