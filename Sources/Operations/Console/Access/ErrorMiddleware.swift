import Administration
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Observability

/// The outermost: makes pages or JSON of errors, and gives every answer the headers that keep browsers safe.
struct ErrorMiddleware: RouterMiddleware {
    let renderer: PageRenderer
    let administrator: Administrator

    /// What the template `error` shows.
    private struct Model: Sendable {
        let text: String
        let detail: String?
    }

    func handle(
        _ request: Request,
        context: ConsoleContext,
        next: (Request, ConsoleContext) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            response = try await next(request, context)
        } catch let error as HTTPParserError {
            // Not HTTP from here on: the connection's own handler answers 400 and closes.
            throw error
        } catch {
            response = try answer(ConsoleError(error), request)
        }
        response.headers[.contentSecurityPolicy] =
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
            + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        response.headers[.xContentTypeOptions] = "nosniff"
        // Not `no-referrer`: with it browsers send forms with the origin `null`, which is refused as another site's.
        response.headers[.known("Referrer-Policy")] = "same-origin"
        response.headers[.known("X-Frame-Options")] = "DENY"
        response.headers[.known("Cross-Origin-Opener-Policy")] = "same-origin"
        response.headers[.known("Cross-Origin-Resource-Policy")] = "same-origin"
        return response
    }

    private func answer(_ error: ConsoleError, _ request: Request) throws -> Response {
        if error.kind == .inside {
            administrator.server.tell(.templateFailed, "Page \(request.uri.path) failed: \(error.detail ?? "")")
        }
        let texts = Texts.of(PageRoutes.language(of: request))
        var response =
            if request.uri.path.hasPrefix("/api/") || request.uri.path.hasPrefix("/live/") {
                try JSONAnswer.error(error, Texts.of(.english))
            } else if error.status == .unauthorized, Self.isBrowser(request), request.method == .get {
                Response(status: .seeOther, headers: [.location: "/login?next=\(Fields.encoded(request.uri.string))"])
            } else {
                try renderer.plain(
                    "error",
                    Model(text: texts("error_\(error.kind.rawValue)", error.detail ?? ""), detail: error.detail),
                    texts,
                    title: texts("page_error"),
                    status: error.status
                )
            }
        // A browser would ask in a window of its own; people have the form.
        if error.asksForBasic, !Self.isBrowser(request) {
            response.headers[.wwwAuthenticate] = "Basic realm=\"stund\", charset=\"UTF-8\""
        }
        if let allow = error.allow { response.headers[.allow] = allow }
        if let seconds = error.retryAfter { response.headers[.retryAfter] = String(seconds) }
        return response
    }

    private static func isBrowser(_ request: Request) -> Bool {
        request.headers[.known("Sec-Fetch-Mode")] != nil || request.headers[.accept]?.contains("text/html") == true
    }
}
