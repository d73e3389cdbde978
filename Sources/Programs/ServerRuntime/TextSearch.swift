import Addresses

/// Looks for what a person typed in many texts, cheaply: bytes, and letters of ASCII in either case.
struct TextSearch: Sendable {
    private let wanted: [UInt8]
    /// Whether it can be part of an address at all.
    private let isLikeAddress: Bool

    /// A search for a text; one for an empty text finds everything.
    init(_ text: String) {
        wanted = text.utf8.map(Self.lowercase)
        isLikeAddress = wanted.allSatisfy {
            UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || Self.addressMarks.contains($0)
        }
    }

    private static let addressMarks = Array("abcdef.:[]".utf8)

    /// Whether everything is found.
    var isEmpty: Bool { wanted.isEmpty }

    /// Whether a text contains it.
    func finds(_ text: String) -> Bool { finds(Array(text.utf8)) }

    /// Whether an address with its port contains it as text.
    func finds(_ address: SocketAddress) -> Bool {
        guard isLikeAddress else { return false }
        guard address.address.family == .v4 else { return finds("\(address)") }
        var text = Self.bytes(address.address)
        text.append(UInt8(ascii: ":"))
        Self.append(UInt32(address.port), to: &text)
        return finds(text)
    }

    /// Whether an address contains it as text.
    func finds(_ address: IPAddress) -> Bool {
        guard isLikeAddress else { return false }
        return address.family == .v4 ? finds(Self.bytes(address)) : finds("\(address)")
    }

    private func finds(_ bytes: [UInt8]) -> Bool {
        guard let first = wanted.first else { return true }
        guard bytes.count >= wanted.count else { return false }
        for start in 0...(bytes.count - wanted.count) where Self.lowercase(bytes[start]) == first {
            if wanted.indices.allSatisfy({ Self.lowercase(bytes[start + $0]) == wanted[$0] }) { return true }
        }
        return false
    }

    /// The text of an IPv4 address: that of `description`, without its strings.
    private static func bytes(_ address: IPAddress) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(21)
        for shift in [UInt32(24), 16, 8, 0] {
            if shift < 24 { text.append(UInt8(ascii: ".")) }
            append(address.v4Bits >> shift & 0xFF, to: &text)
        }
        return text
    }

    private static func append(_ number: UInt32, to text: inout [UInt8]) {
        if number >= 10 { append(number / 10, to: &text) }
        text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 {
        UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte
    }
}
