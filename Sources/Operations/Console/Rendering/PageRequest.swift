import Administration
import HTTPTypes
import Hummingbird

/// What a page is asked.
struct PageRequest: Sendable {
    /// Who asks.
    var visitor: Visitor
    /// The words of the page.
    var texts: Texts
    /// The fields of the query, such as `search`.
    var query: Fields
    /// What follows the names of pages in links: `_en` or `_de` where the visitor chose a language, else nothing.
    var suffix: String
    /// The path without suffix, such as `stat`.
    var page: String

    /// Whether the visitor may change things.
    var isAdmin: Bool { visitor.person.role == .admin }

    /// The address of a page, `path("log")` is `/log_en.htm`.
    func path(_ page: String, _ query: [(String, String)] = []) -> String {
        let fields = query.filter { !$0.1.isEmpty }.map { "\($0.0)=\(Fields.encoded($0.1))" }
        return "/\(page)\(suffix).htm" + (fields.isEmpty ? "" : "?" + fields.joined(separator: "&"))
    }
}

/// The fields of a query or a form.
struct Fields: Sendable, Equatable {
    private var values: [String: String]

    /// Takes fields by name.
    init(_ values: [String: String] = [:]) { self.values = values }

    /// Reads `a=b&c=d`; of a name that stands twice the last one counts.
    ///
    /// - Throws: When a percent sign is followed by no two digits, bytes are no UTF-8, or there are over 1,000 fields.
    init(urlEncoded text: String) throws(ConsoleError) {
        values = [:]
        let parts = text.split(separator: "&")
        guard parts.count <= 1000 else { throw ConsoleError(.badRequest, .badRequest, "1000") }
        for part in parts {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(pair.first ?? ""), let value = Self.decoded(pair.dropFirst().first ?? "")
            else { throw ConsoleError(.badRequest, .badRequest, "%") }
            values[name] = value
        }
    }

    /// The value of a field; empty when it is missing.
    subscript(name: String) -> String { values[name] ?? "" }

    /// The value of a field; nil when it is missing.
    func optional(_ name: String) -> String? { values[name] }

    /// The value of a field as a whole number; nil when it is missing or none.
    func integer(_ name: String) -> Int? { values[name].flatMap { Int($0) } }

    /// All names.
    var names: [String] { values.keys.sorted() }

    /// `text` for a query (the serializer of URL section 5.2, without the plus for a space).
    static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        return text.utf8.reduce(into: "") { result, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                result.unicodeScalars.append(UnicodeScalar(byte))
            default:
                result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst(), let low = rest.popFirst(),
                    let high = Character(UnicodeScalar(high)).hexDigitValue,
                    let low = Character(UnicodeScalar(low)).hexDigitValue
                else { return nil }
                bytes.append(UInt8(truncatingIfNeeded: high << 4 | low))
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
