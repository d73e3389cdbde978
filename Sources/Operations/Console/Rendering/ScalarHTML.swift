import Mustache

/// Text made literal for HTML, scalar by scalar.
///
/// Mustache's own escaping goes by characters as people see them: `<` with an accent on it, or after one of the few signs
/// that join what follows them (such as U+0D4E), is another character for it and goes through, while a browser sees the
/// `<`.
struct ScalarHTML: MustacheContentType {
    /// The name that templates know it by.
    static let name = "SCALARHTML"

    func escapeText(_ text: String) -> String { Self.escaped(text) }

    /// `text` without anything that is markup in a text or in a quoted attribute.
    static func escaped(_ text: String) -> String {
        guard text.utf8.contains(where: { entity($0) != nil }) else { return text }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count + 32)
        for byte in text.utf8 {
            if let entity = entity(byte) { bytes += entity.utf8 } else { bytes.append(byte) }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// How many bytes `text` takes in a page.
    static func cost(_ scalar: Unicode.Scalar) -> Int {
        guard scalar.isASCII else { return scalar.utf8.count }
        return entity(UInt8(truncatingIfNeeded: scalar.value))?.utf8.count ?? 1
    }

    private static func entity(_ byte: UInt8) -> String? {
        switch byte {
        case UInt8(ascii: "<"): "&lt;"
        case UInt8(ascii: ">"): "&gt;"
        case UInt8(ascii: "&"): "&amp;"
        case UInt8(ascii: "\""): "&quot;"
        case UInt8(ascii: "'"): "&#39;"
        default: nil
        }
    }
}
