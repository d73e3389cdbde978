import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// JSON in and out of the API.
enum JSONAnswer {
    /// What an error is told as (RFC 9457).
    struct Problem: Codable {
        var title: String
        var status: Int
        var detail: String?
    }

    /// `value` as JSON.
    static func make(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        try make(value, status: status, type: "application/json")
    }

    /// An error after RFC 9457.
    static func error(_ error: ConsoleError, _ texts: Texts) throws -> Response {
        let problem = Problem(
            title: texts("error_\(error.kind.rawValue)", error.detail ?? ""),
            status: error.status.code,
            detail: error.detail
        )
        return try make(problem, status: error.status, type: "application/problem+json")
    }

    private static func make(_ value: some Encodable, status: HTTPResponse.Status, type: String) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Response(
            status: status,
            headers: [.contentType: type, .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(bytes: try encoder.encode(value)))
        )
    }

    /// The JSON body of a request.
    static func read<Value: Decodable>(
        _ type: Value.Type,
        _ request: Request,
        _ context: ConsoleContext
    ) async throws -> Value {
        // A type that no form of another site can send without asking first.
        guard request.headers[.contentType]?.split(separator: ";").first == "application/json" else {
            throw ConsoleError(.unsupportedMediaType, .badRequest, "Content-Type: application/json")
        }
        let buffer = try await request.body.collect(upTo: context.maxUploadSize)
        do {
            return try JSONDecoder().decode(type, from: Data(buffer.readableBytesView))
        } catch {
            throw ConsoleError(.badRequest, .badRequest, Self.text(of: error))
        }
    }

    /// Which member is wrong.
    private static func text(of error: any Error) -> String {
        guard let error = error as? DecodingError else { return "JSON" }
        switch error {
        case .keyNotFound(let key, let context): return text("\(key.stringValue) is missing", context)
        case .typeMismatch(_, let context), .valueNotFound(_, let context): return text("has another type", context)
        case .dataCorrupted(let context): return text("is no JSON that fits", context)
        @unknown default: return "JSON"
        }
    }

    private static func text(_ what: String, _ context: DecodingError.Context) -> String {
        let path = context.codingPath.map(\.stringValue).joined(separator: ".")
        return path.isEmpty ? what : "\(path): \(what)"
    }
}
