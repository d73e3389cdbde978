/// A user's name as it stood in a message: any bytes, and perhaps only the first of them.
public struct UserName: Sendable, Hashable {
    /// The bytes that were kept.
    public let bytes: [UInt8]
    /// Whether the name was longer.
    public let isCut: Bool

    /// Takes what was kept of a name.
    public init(bytes: [UInt8], isCut: Bool = false) {
        self.bytes = bytes
        self.isCut = isCut
    }

    /// Takes a whole name.
    public init(_ text: String) { self.init(bytes: Array(text.utf8)) }

    /// The name for people: what is no UTF-8 is written as `\xff`, and dots follow when the name was longer.
    ///
    /// Control characters stay: every place where it is shown escapes them in its own way.
    public var text: String {
        var result = ""
        var rest = bytes[...]
        while let first = rest.first {
            let length = (1...4).first { count in
                rest.count >= count && String(validating: rest.prefix(count), as: UTF8.self) != nil
            }
            if let length {
                result += String(decoding: rest.prefix(length), as: UTF8.self)
            } else {
                result += "\\x" + LogEscape.hex(UInt32(first), digits: 2)
            }
            rest = rest.dropFirst(length ?? 1)
        }
        return result + (isCut ? "..." : "")
    }

    /// Whether a person who says `subject` means this user: the whole name, as it is or as it is shown, or of a
    /// time-limited name such as `1700000000:alice` the part after the colon.
    public func isMeant(by subject: String) -> Bool {
        let wanted = Array(subject.utf8)
        if matches(bytes[...], wanted) { return true }
        // A name that is text is shown as it is, which was just compared: making that of ten thousand names is slow.
        if isCut || String(validating: bytes, as: UTF8.self) == nil, subject == text { return true }
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0,
            bytes[..<colon].allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return false }
        return matches(bytes[(colon + 1)...], wanted)
    }

    private func matches(_ part: ArraySlice<UInt8>, _ wanted: [UInt8]) -> Bool {
        guard !part.isEmpty else { return false }
        return isCut ? wanted.starts(with: part) : part.elementsEqual(wanted)
    }
}
