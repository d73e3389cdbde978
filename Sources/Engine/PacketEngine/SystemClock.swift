// Unsafe: clock_gettime writes through a pointer.

import Glibc

/// The system's clocks: workers read one once a batch and hand it to the core, the log reads the other.
public enum SystemClock {
    /// Nanoseconds since some moment before the start; never goes back.
    public static func monotonic() -> UInt64 { read(CLOCK_MONOTONIC) }

    /// Nanoseconds since 1970, for log lines only.
    public static func realtime() -> Int64 { Int64(clamping: read(CLOCK_REALTIME)) }

    /// Sleeps, or less long when a signal comes.
    public static func sleep(nanoseconds: UInt64) {
        var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        _ = unsafe nanosleep(&time, nil)
    }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
    }
}
