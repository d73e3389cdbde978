import Administration
import HTTPTypes
import Hummingbird
import NIOCore

/// The addresses of all pages, their forms and their live parts.
struct PageRoutes: Sendable {
    let pages: [any ConsolePage]
    let renderer: PageRenderer
    let hub: LiveHub

    /// Adds the addresses to a router behind `AccessMiddleware`.
    func add(to router: RouterGroup<ConsoleContext>) {
        for page in pages {
            for suffix in [""] + Language.allCases.map({ "_" + $0.rawValue }) {
                let path = RouterPath("/\(page.name)\(suffix).htm")
                router.get(path) { request, context in
                    try await show(page, try pageRequest(page, suffix, request, try context.viewer()))
                }
                router.post(path) { request, context in
                    try await act(page, suffix, request, context)
                }
                router.get(RouterPath("/live/\(page.name)\(suffix).htm")) { request, context in
                    try await live(page, try pageRequest(page, suffix, request, try context.viewer()))
                }
            }
        }
        router.get("/") { request, context in
            guard let page = pages.first(where: { $0.name == "index" }) else {
                throw ConsoleError(.notFound, .notFound)
            }
            return try await show(page, try pageRequest(page, "", request, try context.viewer()))
        }
    }

    private func pageRequest(
        _ page: any ConsolePage,
        _ suffix: String,
        _ request: Request,
        _ visitor: Visitor
    ) throws -> PageRequest {
        PageRequest(
            visitor: visitor,
            texts: .of(Self.language(of: request)),
            query: try Fields(urlEncoded: request.uri.query ?? ""),
            suffix: suffix,
            page: page.name
        )
    }

    /// The language that an address names (`_de.htm`), else the one the browser likes.
    static func language(of request: Request) -> Language {
        let path = request.uri.path
        return Language.allCases.first { path.hasSuffix("_\($0.rawValue).htm") }
            ?? Language(acceptLanguage: request.headers[.acceptLanguage])
    }

    private func show(_ page: any ConsolePage, _ request: PageRequest) async throws -> Response {
        try renderer.page(try await page.show(request), request)
    }

    private func act(
        _ page: any ConsolePage,
        _ suffix: String,
        _ request: Request,
        _ context: ConsoleContext
    ) async throws -> Response {
        let visitor = try context.admin()
        let form = try await Self.form(request, context)
        guard let token = visitor.formToken, RandomToken.isEqual(form["token"], token) else {
            throw ConsoleError(.forbidden, .formExpired)
        }
        let pageRequest = try pageRequest(page, suffix, request, visitor)
        switch try await page.act(form, pageRequest) {
        case .done(let done, let address):
            let separator = address.contains("?") ? "&" : "?"
            let location = done.isEmpty ? address : "\(address)\(separator)done=\(Fields.encoded(done))"
            return Response(status: .seeOther, headers: [.location: location, .cacheControl: "no-store"])
        case .show(let body):
            return try renderer.page(body, pageRequest, status: body.status)
        }
    }

    /// The fields of a form that a request carries.
    static func form(_ request: Request, _ context: ConsoleContext) async throws -> Fields {
        let type = request.headers[.contentType]?.split(separator: ";").first
        guard type == "application/x-www-form-urlencoded" else {
            throw ConsoleError(.unsupportedMediaType, .badRequest, "Content-Type")
        }
        let buffer = try await request.wholeBody(context)
        guard let text = String(validating: buffer.readableBytesView, as: UTF8.self) else {
            throw ConsoleError(.badRequest, .badRequest, "UTF-8")
        }
        return try Fields(urlEncoded: text)
    }

    private func live(_ page: any ConsolePage, _ request: PageRequest) async throws -> Response {
        // Forms in the part carry a token of the visitor's own, so only who shares one shares the rendering.
        let key = [
            request.path("live/" + page.name, request.query.names.map { ($0, request.query[$0]) }),
            request.texts.language.rawValue, request.visitor.person.role.rawValue, request.visitor.formToken ?? "",
        ].joined(separator: "\n")
        return try await hub.watch(key) { [renderer] in
            try renderer.fragment(try await page.show(request), request)
        }
    }
}
