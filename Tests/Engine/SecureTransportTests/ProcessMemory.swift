// Unsafe: mallinfo2 is a function of the C library that Swift's module of it leaves out.

import Foundation
import Glibc

/// The memory of this process.
enum ProcessMemory {
    /// How many bytes of it lie in memory now.
    static func resident() -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * Int(getpagesize())
    }

    /// Has the C library give back what is free, so that what is taken next shows in `resident`.
    static func giveBack() {
        typealias Trim = @convention(c) (Int) -> Int32
        guard let symbol = unsafe dlsym(nil, "malloc_trim") else { return }
        _ = unsafe unsafeBitCast(symbol, to: Trim.self)(0)
    }
}
