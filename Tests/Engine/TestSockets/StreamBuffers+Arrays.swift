// Unsafe: mincore writes a byte for each page; an array's bytes are a span's.

import CLinux
import Glibc

@testable public import PacketEngine

extension [UInt8] {
    /// Whether the bytes are the same: many megabytes at once, in a build without optimization.
    public func isSame(as other: [UInt8]) -> Bool { unsafe count == other.count && memcmp(self, other, count) == 0 }
}

extension StreamBuffers {
    /// How much of the pool's memory the host has given.
    public var residentBytes: Int {
        var pages = [UInt8](repeating: 0, count: capacity / 4096)
        unsafe mincore(start, capacity, &pages)
        return pages.count { $0 & 1 != 0 } * 4096
    }

    /// Takes the first bytes that wait into an array.
    public mutating func take(_ buffer: inout StreamBuffer, into bytes: inout [UInt8], from offset: Int) -> Int {
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        return take(&buffer, into: &raw, from: offset)
    }

    /// Takes all bytes that wait.
    public mutating func takeAll(_ buffer: inout StreamBuffer) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: buffer.count)
        let count = take(&buffer, into: &bytes, from: 0)
        return Array(bytes.prefix(count))
    }
}
