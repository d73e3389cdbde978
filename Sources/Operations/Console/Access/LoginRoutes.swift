import Administration
import HTTPTypes
import Hummingbird

/// The form to log in with, and the way out.
struct LoginRoutes: Sendable {
    let gatekeeper: Gatekeeper
    let renderer: PageRenderer

    /// What the template `login` shows.
    private struct Model: Sendable {
        var next: String
        var name = ""
        var problem: String?
    }

    /// Adds the addresses; `guarded` are those behind `AccessMiddleware`.
    func add(to router: Router<ConsoleContext>, guarded: RouterGroup<ConsoleContext>) {
        router.get("/login") { request, _ in
            let query = try Fields(urlEncoded: request.uri.query ?? "")
            return try show(Model(next: Self.local(query["next"])), request, status: .ok)
        }
        router.post("/login") { request, context in try await logIn(request, context) }
        guarded.post("/logout") { request, context in
            let form = try await PageRoutes.form(request, context)
            let visitor = try context.viewer()
            guard let token = visitor.formToken, RandomToken.isEqual(form["token"], token) else {
                throw ConsoleError(.forbidden, .formExpired)
            }
            if let id = request.cookies[Sessions.cookie]?.value { gatekeeper.sessions.end(id) }
            return Response(
                status: .seeOther,
                headers: [.location: "/login", .setCookie: Self.cookie("", seconds: 0, context)]
            )
        }
    }

    private func logIn(_ request: Request, _ context: ConsoleContext) async throws -> Response {
        // A form of another site could log people in under a name of its own.
        if let site = request.headers[.secFetchSite], site != "same-origin", site != "none" {
            throw ConsoleError(.forbidden, .foreignOrigin)
        }
        let form = try await PageRoutes.form(request, context)
        var model = Model(next: Self.local(form["next"]), name: String(form["name"].prefix(64)))
        do throws(Gatekeeper.Refusal) {
            let id = try await gatekeeper.logIn(name: form["name"], password: form["password"], from: context.client)
            return Response(
                status: .seeOther,
                headers: [
                    .location: model.next,
                    .setCookie: Self.cookie(id, seconds: Sessions.longest.components.seconds, context),
                    .cacheControl: "no-store",
                ]
            )
        } catch {
            let failure = ConsoleError(error, asksForBasic: false)
            let texts = Texts.of(PageRoutes.language(of: request))
            model.problem = texts("error_\(failure.kind.rawValue)", failure.detail ?? "")
            var answer = try show(model, request, status: failure.status)
            if let seconds = failure.retryAfter { answer.headers[.retryAfter] = String(seconds) }
            return answer
        }
    }

    private func show(_ model: Model, _ request: Request, status: HTTPResponse.Status) throws -> Response {
        let texts = Texts.of(PageRoutes.language(of: request))
        return try renderer.plain("login", model, texts, title: texts("page_login"), status: status)
    }

    private static func cookie(_ value: String, seconds: Int64, _ context: ConsoleContext) -> String {
        "\(Sessions.cookie)=\(value); Path=/; HttpOnly; SameSite=Strict; Max-Age=\(seconds)\(context.isSecure ? "; Secure" : "")"
    }

    /// An address of this console; anything else becomes its first page, so that the form leads nowhere else.
    static func local(_ address: String) -> String {
        let isLocal =
            address.hasPrefix("/") && !address.hasPrefix("//")
            && address.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }
        return isLocal ? address : "/"
    }
}
