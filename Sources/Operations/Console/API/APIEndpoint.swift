import Addresses
import Administration
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// One method of one address of the API; `openapi.json` describes the same, which a test compares.
struct APIEndpoint: Sendable {
    let method: HTTPRequest.Method
    /// The path below `/api/v1`, its parameters in braces: `/users/{name}`.
    let path: String
    /// The names that the query may have.
    var query: Set<String> = []
    let handle: @Sendable (APICall) async throws -> Response

    /// Viewers see everything and change nothing.
    var role: OperatorRole { method == .get ? .viewer : .admin }
}

/// A call of the API by somebody who may make it.
struct APICall: Sendable {
    let request: Request
    let context: ConsoleContext
    let visitor: Visitor
    let query: Fields

    /// A part of the path, decoded.
    ///
    /// - Throws: 404 when it is no text: there is nothing of such a name.
    func parameter(_ name: String) throws -> String {
        guard let text = context.parameters.get(name)?.removingPercentEncoding, !text.isEmpty else {
            throw ConsoleError(.notFound, .notFound)
        }
        return text
    }

    /// A field of the query as a whole number; nil when it is missing.
    ///
    /// - Throws: When it is none, or not in `range`.
    func number(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let text = query.optional(name) else { return nil }
        // What Int takes beside digits, such as "+5", would be a second way to write the same.
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text), range.contains(number)
        else {
            throw badField(name, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A field of the query that is `true` or `false`.
    func flag(_ name: String) throws -> Bool {
        switch query.optional(name) {
        case nil, "false": false
        case "true": true
        default: throw badField(name, "true or false")
        }
    }

    /// A field of the query that is one of few words; nil when it is missing.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(_ name: String, of type: Choice.Type) throws -> Choice?
    {
        guard let text = query.optional(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            throw badField(name, Choice.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return choice
    }

    func badField(_ name: String, _ allowed: String) -> ConsoleError {
        ConsoleError(.badRequest, .badRequest, "\(name): \(allowed)")
    }

    /// The JSON body.
    func body<Body: StrictBody>(_ type: Body.Type) async throws -> Body {
        try await JSONAnswer.read(type, request, context)
    }

    /// Throws when there is a body that says something, where nothing is to be said.
    ///
    /// A form always names its type, so no form of another site gets through; what scripts of other sites send has an
    /// `Origin`, which `AccessMiddleware` looks at.
    func expectNoBody() async throws {
        if let type = request.headers[.contentType], !JSONAnswer.isJSON(type) { throw JSONAnswer.wrongType }
        let bytes = try await request.wholeBody(context)
        guard bytes.readableBytes > 0 else { return }
        _ = try JSONAnswer.decode(NoBody.self, bytes)
    }

    private struct NoBody: StrictBody {
        enum CodingKeys: CodingKey, CaseIterable {}
    }
}

/// A JSON object whose members are all known: a name that is mistyped is refused, not passed over.
protocol StrictBody: Decodable {
    associatedtype CodingKeys: CodingKey, CaseIterable
}
