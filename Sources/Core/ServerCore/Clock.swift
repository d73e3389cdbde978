/// A moment on a clock that never goes back, in nanoseconds since an arbitrary start.
///
/// Always an argument.
public struct Instant: Hashable, Comparable, Sendable {
    /// Nanoseconds since the clock's start.
    public let nanoseconds: UInt64

    /// Wraps nanoseconds.
    @inlinable
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// The clock's start.
    @inlinable public static var start: Instant { Instant(nanoseconds: 0) }

    /// The moment so many seconds later.
    @inlinable
    public func adding(seconds: UInt32) -> Instant {
        Instant(nanoseconds: nanoseconds &+ UInt64(seconds) &* 1_000_000_000)
    }

    /// Earlier comes first.
    @inlinable
    public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The nanoseconds that passed since `earlier`; zero when it lies ahead.
    @inlinable
    public func nanoseconds(since earlier: Instant) -> UInt64 {
        nanoseconds > earlier.nanoseconds ? nanoseconds &- earlier.nanoseconds : 0
    }
}
