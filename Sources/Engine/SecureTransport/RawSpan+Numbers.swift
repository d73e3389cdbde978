// Unsafe: loading a byte from raw bytes counts as unsafe in Swift. A byte has no invalid patterns and needs no alignment,
// and every access here is compared with the span's length first.

extension RawSpan {
    /// The byte at `offset`; nil outside.
    func byte(at offset: Int) -> UInt8? {
        guard offset >= 0, offset < byteCount else { return nil }
        return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// The big-endian number of up to four bytes at `offset`; nil when not all of it is there.
    func number(at offset: Int, bytes count: Int) -> Int? {
        guard offset >= 0, count >= 0, count <= 4, offset <= byteCount &- count else { return nil }
        var number = 0
        for index in 0..<count {
            guard let byte = byte(at: offset &+ index) else { return nil }
            number = number << 8 | Int(byte)
        }
        return number
    }

    /// The bytes of a range as an array; empty when not all of it is there.
    func array(_ range: Range<Int>) -> [UInt8] {
        guard range.lowerBound >= 0, range.upperBound <= byteCount else { return [] }
        return unsafe extracting(range).withUnsafeBytes { unsafe Array($0) }
    }
}

extension [UInt8] {
    /// Lends the bytes as a raw span.
    func withRawBytes<Result>(_ use: (RawSpan) -> Result) -> Result { use(unsafe span.bytes) }
}

extension InlineArray where Element == UInt8 {
    /// The bytes as a raw span.
    var rawBytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get { unsafe span.bytes }
    }
}
