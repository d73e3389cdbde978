// Unsafe: a raw span counts as unsafe, since the element type may have padding or invalid bit patterns. Bytes have neither.

extension [UInt8] {
    /// The bytes as the codec takes them.
    var rawBytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get { unsafe span.bytes }
    }
}

extension InlineArray where Element == UInt8 {
    /// The bytes as the codec takes them.
    var rawBytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get { unsafe span.bytes }
    }
}
