import Administration
import HTTPTypes
import Hummingbird

/// The API for programs, the figures for Prometheus, and what load balancers ask.
struct APIRoutes: Sendable {
    let administrator: Administrator
    let times: RequestTimes

    /// What every path of the API begins with.
    static let base = "/api/v1"

    /// Those that are told apart; with others there is no such address.
    private static let methods: [HTTPRequest.Method] =
        [
            .get, .head, .post, .put, .patch, .delete, .options, .trace,
        ] + [HTTPRequest.Method("QUERY")].compactMap(\.self)

    /// Everything that the API can do.
    static func endpoints(_ administrator: Administrator) -> [APIEndpoint] {
        var all = StatusEndpoints(administrator: administrator).all
        all += FleetEndpoints(administrator: administrator).all
        all += SettingsEndpoints(administrator: administrator).all
        all += AccountEndpoints(administrator: administrator).all
        all += OperatorEndpoints(administrator: administrator).all
        all += DrainEndpoints(administrator: administrator).all
        all += ProgramEndpoints(administrator: administrator).all
        return all
    }

    /// Adds the addresses; `guarded` are those behind `AccessMiddleware`.
    func add(to router: Router<ConsoleContext>, guarded: RouterGroup<ConsoleContext>) {
        let paths = Dictionary(grouping: Self.endpoints(administrator), by: \.path)
        for (path, endpoints) in paths {
            let route = Self.route(path)
            var allowed = endpoints.map(\.method)
            for endpoint in endpoints {
                guarded.on(route, method: endpoint.method) { try await Self.answer(endpoint, $0, $1) }
            }
            if allowed.contains(.get) { allowed.append(.head) }
            refuseOtherMethods(route, than: allowed, guarded)
        }
        MonitoringRoutes(administrator: administrator, times: times).add(to: router, guarded: guarded)
    }

    /// `/users/{name}` as the router writes it.
    private static func route(_ path: String) -> RouterPath {
        RouterPath(base + path.replacing("{", with: ":").replacing("}", with: ""))
    }

    private static func answer(
        _ endpoint: APIEndpoint,
        _ request: Request,
        _ context: ConsoleContext
    ) async throws -> Response {
        let visitor = endpoint.role == .admin ? try context.admin() : try context.viewer()
        let query = try Fields(urlEncoded: request.uri.query ?? "")
        if let unknown = query.names.first(where: { !endpoint.query.contains($0) }) {
            let known = endpoint.query.sorted().joined(separator: ", ")
            throw ConsoleError(.badRequest, .badRequest, "\(unknown.prefix(64)): \(known.isEmpty ? "-" : known)")
        }
        return try await endpoint.handle(APICall(request: request, context: context, visitor: visitor, query: query))
    }

    private func refuseOtherMethods(
        _ route: RouterPath,
        than allowed: [HTTPRequest.Method],
        _ guarded: RouterGroup<ConsoleContext>
    ) {
        let names = allowed.map(\.rawValue).sorted().joined(separator: ", ")
        for method in Self.methods where !allowed.contains(method) {
            guarded.on(route, method: method) { _, context -> Response in
                _ = try context.viewer()
                var error = ConsoleError(.methodNotAllowed, .badRequest, "Allow: \(names)")
                error.allow = names
                throw error
            }
        }
    }
}
