// Unsafe: clock_gettime writes through a pointer.

import Glibc

/// The clock that workers read once a batch and hand to the core.
public enum MonotonicClock {
    /// Nanoseconds since some moment before the start; never goes back.
    public static func now() -> UInt64 { read(CLOCK_MONOTONIC) }

    /// Nanoseconds since 1970, for log lines only.
    public static func wallClock() -> Int64 { Int64(clamping: read(CLOCK_REALTIME)) }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
    }
}
