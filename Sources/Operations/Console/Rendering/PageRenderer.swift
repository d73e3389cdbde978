import Administration
import Foundation
import HTTPTypes
import Hummingbird
import Mustache
import NIOCore

/// Makes HTML of what pages have to show.
struct PageRenderer: Sendable {
    /// The pages of the menu in order, in their groups, as the manual's menus.
    static let menu: [(group: String, pages: [String])] = [
        ("menu_status", ["index", "stat", "alloc", "log", "fleet"]),
        ("menu_administration", ["admin", "users", "license"]),
        ("menu_tools", ["test", "explain"]),
        ("menu_help", ["help", "info"]),
    ]

    private let library: MustacheLibrary
    private let version: String

    /// Reads all templates.
    init(version: String) throws {
        self.version = version
        MustacheContentTypes.register(ScalarHTML(), named: ScalarHTML.name)
        var library = MustacheLibrary()
        for (name, text) in EmbeddedTexts.files where name.hasSuffix(".mustache") {
            // Each template says it of itself: a partial does not inherit it.
            let text = "{{% CONTENT_TYPE: \(ScalarHTML.name)}}\n" + text
            try library.register(text, named: String(name.dropLast(".mustache".count)))
        }
        self.library = library
    }

    /// A whole page.
    func page(_ body: PageBody, _ request: PageRequest, status: HTTPResponse.Status = .ok) throws -> Response {
        let done = request.query["done"]
        let live = Self.live(request)
        let layout = Layout(
            t: request.texts.all,
            language: request.texts.language.rawValue,
            title: request.texts("page_\(request.page)"),
            body: body.template,
            m: body.model,
            done: request.texts["done_\(done)"],
            live: body.isLive ? live : nil,
            script: body.script.map(Assets.path),
            style: Assets.path("console.css"),
            commonScript: Assets.path("console.js"),
            icon: Assets.path("icon.svg"),
            menu: menu(request),
            languages: languages(request),
            token: request.visitor.formToken ?? "",
            person: request.visitor.person.name,
            isAdmin: request.isAdmin,
            isOpen: request.visitor.isOpen,
            hasSession: request.visitor.hasSession,
            home: request.path("index"),
            setup: request.path("admin"),
            version: version
        )
        return html(try render(layout, "layout"), status: status)
    }

    /// The part of a page that follows what happens.
    func fragment(_ body: PageBody, _ request: PageRequest) throws -> String {
        let layout = Fragment(
            t: request.texts.all,
            m: body.model,
            token: request.visitor.formToken ?? "",
            isAdmin: request.isAdmin
        )
        return try render(layout, body.template + "_live")
    }

    /// A page for those who are not logged in, or have met an error.
    func plain(
        _ template: String,
        _ model: any Sendable,
        _ texts: Texts,
        title: String,
        status: HTTPResponse.Status
    ) throws -> Response {
        let layout = PlainLayout(
            t: texts.all,
            language: texts.language.rawValue,
            title: title,
            body: template,
            m: model,
            style: Assets.path("console.css"),
            icon: Assets.path("icon.svg"),
            version: version
        )
        return html(try render(layout, "plain"), status: status)
    }

    private func render(_ object: Any, _ template: String) throws -> String {
        guard let text = library.render(FlatModel(object), withTemplate: template) else {
            throw ConsoleError(.internalServerError, .inside, "\(template).mustache")
        }
        return text
    }

    private func html(_ text: String, status: HTTPResponse.Status) -> Response {
        Response(
            status: status,
            headers: [.contentType: "text/html; charset=utf-8", .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(string: text))
        )
    }

    /// The address of a page's live part, its query included.
    private static func live(_ request: PageRequest) -> String {
        request.path("live/" + request.page, request.query.names.map { ($0, request.query[$0]) })
    }

    private func menu(_ request: PageRequest) -> [Layout.Group] {
        Self.menu.map { group, pages in
            Layout.Group(
                title: request.texts(group),
                pages: pages.map { page in
                    Layout.Link(
                        title: request.texts("page_\(page)"),
                        path: request.path(page),
                        isCurrent: page == request.page
                    )
                }
            )
        }
    }

    private func languages(_ request: PageRequest) -> [Layout.Link] {
        Language.allCases.map { language in
            var other = request
            other.suffix = "_" + language.rawValue
            return Layout.Link(
                title: Texts.of(language)("language_name"),
                path: other.path(request.page),
                isCurrent: language == request.texts.language,
                language: language.rawValue
            )
        }
    }
}

/// What the template `layout` shows around a page's own template.
private struct Layout {
    struct Link {
        let title: String
        let path: String
        let isCurrent: Bool
        var language = ""
    }

    struct Group {
        let title: String
        let pages: [Link]
    }

    let t: [String: String]
    let language: String
    let title: String
    let body: String
    let m: any Sendable
    let done: String?
    let live: String?
    let script: String?
    let style: String
    let commonScript: String
    let icon: String
    let menu: [Group]
    let languages: [Link]
    let token: String
    let person: String
    let isAdmin: Bool
    let isOpen: Bool
    let hasSession: Bool
    let home: String
    let setup: String
    let version: String
}

private struct PlainLayout {
    let t: [String: String]
    let language: String
    let title: String
    let body: String
    let m: any Sendable
    let style: String
    let icon: String
    let version: String
}

private struct Fragment {
    let t: [String: String]
    let m: any Sendable
    let token: String
    let isAdmin: Bool
}
