import Administration
import HTTPTypes
import Observability

/// The documents that the program carries, and every message of the log with what to do.
struct HelpPage: ConsolePage {
    let name = "help"

    private struct Link: Sendable {
        let title: String
        let path: String
        var isCurrent = false
    }

    private struct Message: Sendable {
        let code: String
        let level: String
        let path: String
        let text: String
        let meaning: String
        let remedy: String
    }

    private struct Index: Sendable {
        let documents: [Link]
        let messages: [Message]
        let action: String
        let unknown: String?
    }

    private struct Document: Sendable {
        let title: String
        let index: String
        let parts: [Link]
        let html: String
    }

    private struct MessageModel: Sendable {
        let message: Message
        let index: String
        let log: String
    }

    func show(_ request: PageRequest) async throws -> PageBody {
        if let name = request.query.optional("doc") { return try document(name, request) }
        let code = request.query["code"]
        guard !code.isEmpty else { return index(request, unknown: nil) }
        guard let number = UInt16(code), let message = MessageCode(rawValue: number) else {
            return index(request, unknown: String(code.prefix(32)))
        }
        let model = MessageModel(
            message: Self.message(message, request),
            index: request.path(name),
            log: request.path("log", [("code", code)])
        )
        return PageBody(template: "help_message", model: model)
    }

    private func index(_ request: PageRequest, unknown: String?) -> PageBody {
        let model = Index(
            documents: HelpDocument.all.map { document in
                Link(title: document.title, path: request.path(name, [("doc", document.name)]))
            },
            messages: MessageCode.allCases.map { Self.message($0, request) },
            action: request.path(name),
            unknown: unknown.map { request.texts("docs_no_code", $0) }
        )
        return PageBody(template: "help", model: model)
    }

    private func document(_ name: String, _ request: PageRequest) throws -> PageBody {
        guard let document = HelpDocument.named(name) else { throw ConsoleError(.notFound, .notFound) }
        let asked = request.query["part"]
        guard let part = asked.isEmpty ? 1 : Int(asked), document.parts.indices.contains(part &- 1) else {
            throw ConsoleError(.notFound, .notFound)
        }
        func path(_ document: HelpDocument, part: Int) -> String {
            request.path(self.name, [("doc", document.name), ("part", part == 0 ? "" : "\(part + 1)")])
        }
        let html = MarkdownHTML { file, id in
            let target = file.isEmpty ? document : HelpDocument.named(String(file.dropLast(3)))
            guard let target, file.isEmpty || file.hasSuffix(".md") else { return nil }
            guard let id else { return path(target, part: 0) }
            return path(target, part: target.part(of: id)) + "#" + Fields.encoded(id)
        }
        let parts = document.parts.indices.map { index in
            Link(title: document.title(ofPart: index), path: path(document, part: index), isCurrent: index == part - 1)
        }
        return PageBody(
            template: "help_document",
            model: Document(
                title: document.title,
                index: request.path(self.name),
                parts: parts.count > 1 ? parts : [],
                html: html.html(document.parts[part - 1])
            )
        )
    }

    private static func message(_ code: MessageCode, _ request: PageRequest) -> Message {
        let row = code.definition
        let key = "message_\(code.rawValue)"
        // English stands in the table of messages, beside what the log writes.
        return Message(
            code: "\(code.rawValue)",
            level: "\(row.level.rawValue)",
            path: request.path("help", [("code", "\(code.rawValue)")]),
            text: row.text,
            meaning: request.texts["\(key)_meaning"] ?? row.meaning,
            remedy: request.texts["\(key)_remedy"] ?? row.remedy
        )
    }
}
