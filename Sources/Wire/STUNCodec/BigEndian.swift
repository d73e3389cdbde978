// Unsafe: loading an integer from raw bytes counts as unsafe in Swift, whatever the type. Integers have no invalid bit
// patterns, every access here is bounds-checked by the span, and none needs alignment: this is the codec's only such file.

extension RawSpan {
    /// The 16-bit big-endian integer at `offset`; the caller has checked the bounds.
    @inlinable
    public func uint16(at offset: Int) -> UInt16 {
        unsafe UInt16(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    /// The 32-bit big-endian integer at `offset`; the caller has checked the bounds.
    @inlinable
    public func uint32(at offset: Int) -> UInt32 {
        unsafe UInt32(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// The 64-bit big-endian integer at `offset`; the caller has checked the bounds.
    @inlinable
    public func uint64(at offset: Int) -> UInt64 {
        unsafe UInt64(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// The byte at `offset`; the caller has checked the bounds.
    @inlinable
    public func uint8(at offset: Int) -> UInt8 {
        unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }
}

extension MutableRawSpan {
    /// Writes an integer in network byte order at `offset`; the caller has checked the bounds.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func write<I: FixedWidthInteger & BitwiseCopyable>(_ value: I, at offset: Int) {
        storeBytes(of: value.bigEndian, toByteOffset: offset, as: I.self)
    }
}
