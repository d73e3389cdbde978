import Administration
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// JSON in and out of the API.
enum JSONAnswer {
    /// What an error is told as (RFC 9457); its type is `about:blank`, so the title is the status in words.
    struct Problem: Codable {
        var title: String
        var status: Int
        /// The kind of error for programs, such as `login_needed`.
        var kind: String
        /// What happened, in a sentence.
        var detail: String
        /// Which settings are wrong, and how.
        var problems: [SettingsRefusal.Problem]?
    }

    /// `value` as JSON.
    static func make(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        try make(value, status: status, type: "application/json")
    }

    /// An error after RFC 9457.
    static func error(_ error: ConsoleError, _ texts: Texts) throws -> Response {
        let problem = Problem(
            title: error.status.reasonPhrase,
            status: error.status.code,
            kind: error.kind.rawValue,
            detail: texts("error_\(error.kind.rawValue)", error.detail ?? ""),
            problems: error.problems.isEmpty ? nil : error.problems
        )
        return try make(problem, status: error.status, type: "application/problem+json")
    }

    private static func make(_ value: some Encodable, status: HTTPResponse.Status, type: String) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return .text(String(decoding: try encoder.encode(value), as: UTF8.self), type: type, status: status)
    }

    /// The JSON body of a request.
    static func read<Body: StrictBody>(
        _ type: Body.Type,
        _ request: Request,
        _ context: ConsoleContext
    ) async throws -> Body {
        // A type that no form of another site can send without asking first.
        guard let mediaType = request.headers[.contentType], isJSON(mediaType) else { throw wrongType }
        return try decode(type, try await request.wholeBody(context))
    }

    /// Whether a media type is JSON's, whatever its parameters.
    static func isJSON(_ mediaType: String) -> Bool {
        let name = mediaType.prefix { $0 != ";" }
        return name.filter { $0 != " " && $0 != "\t" }.lowercased() == "application/json"
    }

    static var wrongType: ConsoleError {
        ConsoleError(.unsupportedMediaType, .badRequest, "Content-Type: application/json")
    }

    static func decode<Body: StrictBody>(_ type: Body.Type, _ bytes: ByteBuffer) throws -> Body {
        // RFC 8259 section 8.1: UTF-8, of which the decoder would guess otherwise.
        guard let text = String(validating: bytes.readableBytesView, as: UTF8.self) else {
            throw ConsoleError(.badRequest, .badRequest, "UTF-8")
        }
        do {
            let decoder = JSONDecoder()
            let names = try decoder.decode(MemberNames.self, from: Data(text.utf8)).names
            let known = Body.CodingKeys.allCases.map(\.stringValue)
            if let unknown = names.first(where: { !known.contains($0) }) {
                throw ConsoleError(
                    .badRequest,
                    .badRequest,
                    "\(unknown.prefix(64)): \(known.isEmpty ? "{}" : known.joined(separator: ", "))"
                )
            }
            return try decoder.decode(type, from: Data(text.utf8))
        } catch let error as DecodingError {
            throw ConsoleError(.badRequest, .badRequest, Self.text(of: error))
        }
    }

    /// The names of an object's members.
    private struct MemberNames: Decodable {
        private struct Name: CodingKey {
            let stringValue: String
            let intValue: Int? = nil

            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        let names: [String]

        init(from decoder: any Decoder) throws {
            names = try decoder.container(keyedBy: Name.self).allKeys.map(\.stringValue).sorted()
        }
    }

    /// Which member is wrong.
    private static func text(of error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, let context): text("\(key.stringValue) is missing", context)
        case .typeMismatch(_, let context), .valueNotFound(_, let context): text("has another type", context)
        case .dataCorrupted(let context): text("is no JSON that fits", context)
        @unknown default: "JSON"
        }
    }

    private static func text(_ what: String, _ context: DecodingError.Context) -> String {
        let path = context.codingPath.map(\.stringValue).joined(separator: ".")
        return path.isEmpty ? what : "\(path): \(what)"
    }
}
