// Unsafe: copies bytes into a slot's memory.

import CLinux

extension DatagramBatch {
    /// Takes a free slot for bytes that came by a stream; nil when all are used, or when they are too many.
    public mutating func takeSlot(with bytes: RawSpan) -> Int? {
        guard bytes.byteCount <= Self.slotSize, let slot = takeSlot() else { return nil }
        unsafe bytes.withUnsafeBytes { source in
            guard let base = source.baseAddress else { return }
            unsafe (start(of: slot) + Self.headroom).copyMemory(from: base, byteCount: source.count)
        }
        unsafe received[slot].length = UInt32(truncatingIfNeeded: bytes.byteCount)
        return slot
    }
}
