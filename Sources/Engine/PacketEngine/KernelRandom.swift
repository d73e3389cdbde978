// Unsafe: getentropy fills memory through a pointer.

import Glibc

/// Random numbers of the kernel, fetched by 32 at a time: `SystemRandomNumberGenerator` makes a system call for each.
///
/// No copy of it may be used besides the original, since both would give the same numbers.
public struct KernelRandom: RandomNumberGenerator, Sendable {
    private var numbers = InlineArray<32, UInt64>(repeating: 0)
    private var left = 0

    /// Nothing fetched yet.
    public init() {}

    /// The next number.
    public mutating func next() -> UInt64 {
        if left == 0, !fetch() {
            var system = SystemRandomNumberGenerator()
            return system.next()
        }
        left -= 1
        defer { numbers[left] = 0 }
        return numbers[left]
    }

    /// Whether the kernel filled all numbers; 256 bytes are what it gives at once (getentropy(3)).
    private mutating func fetch() -> Bool {
        let result = unsafe withUnsafeMutableBytes(of: &numbers) { buffer -> Int32 in
            guard let start = buffer.baseAddress else { return -1 }
            return unsafe getentropy(start, buffer.count)
        }
        guard result == 0 else { return false }
        left = 32
        return true
    }
}
