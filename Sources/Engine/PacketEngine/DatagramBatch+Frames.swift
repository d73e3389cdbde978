// Unsafe: copies bytes into a slot's memory, and reads one of them.

import CLinux

extension DatagramBatch {
    /// Takes a free slot for bytes that came by a stream; nil when all are used, or when they are too many.
    public mutating func takeSlot(with bytes: RawSpan) -> Int? {
        guard bytes.byteCount <= Self.slotSize, let slot = takeSlot() else { return nil }
        replace(slot, with: bytes)
        return slot
    }

    /// Has a slot hold other bytes, as if they had come by the same datagram; what was queued of it must be sent.
    public mutating func replace(_ slot: Int, with bytes: RawSpan) {
        check(slot)
        precondition(bytes.byteCount <= Self.slotSize, "no more than a slot holds")
        unsafe bytes.withUnsafeBytes { source in
            guard let base = source.baseAddress else { return }
            unsafe (start(of: slot) + Self.headroom).copyMemory(from: base, byteCount: source.count)
        }
        unsafe received[slot].length = UInt32(truncatingIfNeeded: bytes.byteCount)
    }

    /// The first byte of a received datagram, by which protocols on one port are told apart (RFC 7983); of an empty one any.
    @inline(__always)
    public func firstByte(of slot: Int) -> UInt8 {
        check(slot)
        return unsafe start(of: slot).load(fromByteOffset: Self.headroom, as: UInt8.self)
    }
}
