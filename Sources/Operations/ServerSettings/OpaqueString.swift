import Foundation

/// A user name, realm or password after the OpaqueString profile of PRECIS (RFC 8265 section 4.2).
///
/// RFC 8489 sections 9.2.2, 14.3 and 14.9 want all three prepared by it, so that one password typed on two keyboards is
/// one password.
public struct OpaqueString: Sendable, Hashable, CustomStringConvertible {
    /// The prepared text: at least one character, composed, and without spaces other than U+0020.
    public let text: String

    /// The prepared text.
    public var description: String { text }

    /// Prepares and enforces, in the order of RFC 8265 section 4.2.2.
    ///
    /// - Throws: When a code point is not allowed, or nothing is left.
    public init(_ raw: String) throws(OpaqueStringError) {
        let scalars = Array(raw.unicodeScalars)
        for (index, scalar) in scalars.enumerated() where !Self.isAllowed(scalar, at: index, in: scalars) {
            throw OpaqueStringError.notAllowed(scalar)
        }
        var mapped = String.UnicodeScalarView()
        for scalar in scalars { mapped.append(scalar.properties.generalCategory == .spaceSeparator ? " " : scalar) }
        text = String(mapped).precomposedStringWithCanonicalMapping
        guard !text.isEmpty else { throw .empty }
    }

    /// The derived property of RFC 8264 section 8 for the FreeformClass, in the order of its rules.
    private static func isAllowed(_ scalar: Unicode.Scalar, at index: Int, in text: [Unicode.Scalar]) -> Bool {
        if let answer = exception(scalar, at: index, in: text) { return answer }
        switch scalar.value {
        case 0x21...0x7E: return true
        // ZERO WIDTH (NON-)JOINER after a virama (RFC 5892 appendix A.1 and A.2). The other place that A.1 allows, between
        // letters that join, needs a property that Swift does not tell, and is refused.
        case 0x200C, 0x200D: return index > 0 && text[index - 1].properties.canonicalCombiningClass.rawValue == 9
        // Old Hangul Jamo: conjoining letters, which have no composed form.
        case 0x1100...0x11FF, 0xA960...0xA97C, 0xD7B0...0xD7FB: return false
        default: break
        }
        if scalar.properties.isDefaultIgnorableCodePoint || scalar.properties.isNoncharacterCodePoint { return false }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: return false
        default: return true
        }
    }

    /// RFC 5892 section 2.6, which RFC 8264 section 9.6 takes over; nil where the general rules hold.
    private static func exception(_ scalar: Unicode.Scalar, at index: Int, in text: [Unicode.Scalar]) -> Bool? {
        let before = index > 0 ? text[index - 1].value : 0
        let after = index + 1 < text.count ? text[index + 1].value : 0
        switch scalar.value {
        case 0x0640, 0x07FA, 0x302E, 0x302F, 0x3031...0x3035, 0x303B: return false
        // MIDDLE DOT between two l, as Catalan writes it.
        case 0x00B7: return before == 0x6C && after == 0x6C
        // GREEK LOWER NUMERAL SIGN before a Greek letter.
        case 0x0375: return (0x0370...0x03FF).contains(after) || (0x1F00...0x1FFF).contains(after)
        // HEBREW GERESH and GERSHAYIM after a Hebrew letter.
        case 0x05F3, 0x05F4: return (0x0590...0x05FF).contains(before) || (0xFB1D...0xFB4F).contains(before)
        // KATAKANA MIDDLE DOT somewhere in Japanese text.
        case 0x30FB: return text.contains { isJapanese($0.value) }
        // The two sets of Arabic digits look alike and must not be mixed.
        case 0x0660...0x0669: return !text.contains { (0x06F0...0x06F9).contains($0.value) }
        case 0x06F0...0x06F9: return !text.contains { (0x0660...0x0669).contains($0.value) }
        default: return nil
        }
    }

    /// Hiragana, Katakana (without the middle dot itself) and Han.
    private static func isJapanese(_ value: UInt32) -> Bool {
        switch value {
        case 0x3005, 0x3007, 0x3041...0x3096, 0x309D...0x309F, 0x30A1...0x30FA, 0x30FD...0x30FF, 0x31F0...0x31FF,
            0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0xFF66...0xFF9D, 0x20000...0x3FFFF:
            true
        default: false
        }
    }
}

/// Why a text is no user name, realm or password; completes the sentence that begins with what it was meant for.
public enum OpaqueStringError: Error, Hashable, CustomStringConvertible {
    /// There is no character.
    case empty
    /// This code point is not allowed (RFC 8265 section 4.2.1), or not at its place.
    case notAllowed(Unicode.Scalar)

    /// `is empty`, or `has the character U+0009, which ...`.
    public var description: String {
        switch self {
        case .empty: return "is empty"
        case .notAllowed(let scalar):
            let digits = String(scalar.value, radix: 16, uppercase: true)
            let name = "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            return "has the character \(name), which names and passwords may not have there (RFC 8265)"
        }
    }
}
