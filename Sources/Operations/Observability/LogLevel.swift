import Synchronization

/// How urgent a log entry is: 0 is the most urgent, 9 the least.
///
/// The manual of 2002 knows only the numbers. Two neighbours share a syslog severity where syslog has fewer steps.
public enum LogLevel: UInt8, Sendable, Hashable, CaseIterable, Comparable {
    /// 0: the server cannot do its work at all.
    case alert = 0
    /// 1: a main part of the server does not work.
    case critical = 1
    /// 2: something fails until a person acts.
    case error = 2
    /// 3: one operation failed.
    case failure = 3
    /// 4: it works, but a person should look.
    case warning = 4
    /// 5: start, stop and changes of settings; the default.
    case notice = 5
    /// 6: something unusual came from a client.
    case info = 6
    /// 7: the life of bindings and mirrors.
    case detail = 7
    /// 8: every message received and sent.
    case debug = 8
    /// 9: everything.
    case trace = 9

    /// Whether `left` is more urgent than `right`.
    @inlinable
    public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }

    /// The name that log readers know for this level; JSON lines carry it beside the number.
    public var name: String {
        switch self {
        case .alert: "alert"
        case .critical: "critical"
        case .error, .failure: "error"
        case .warning: "warning"
        case .notice: "notice"
        case .info, .detail: "info"
        case .debug: "debug"
        case .trace: "trace"
        }
    }

    /// The syslog severity, 1...7 (RFC 5424 section 6.2.1).
    ///
    /// Severity 0 (emergency) is never used: syslog daemons print it on every terminal of the host.
    public var syslogSeverity: Int {
        switch self {
        case .alert: 1
        case .critical: 2
        case .error, .failure: 3
        case .warning: 4
        case .notice: 5
        case .info, .detail: 6
        case .debug, .trace: 7
        }
    }
}

/// The current log level, changed while the server runs and read by every thread.
///
/// A packet worker asks `isEnabled` before it copies anything: one relaxed load, no lock.
public final class LogLevelSwitch: Sendable {
    private let value: Atomic<UInt8>

    /// Starts at `level`.
    public init(_ level: LogLevel = .notice) {
        value = Atomic(level.rawValue)
    }

    /// The current level; entries of this level and of more urgent ones are kept.
    public var level: LogLevel {
        get { LogLevel(rawValue: value.load(ordering: .relaxed)) ?? .trace }
        set { value.store(newValue.rawValue, ordering: .relaxed) }
    }

    /// Whether an entry of `level` is kept now.
    public func isEnabled(_ level: LogLevel) -> Bool {
        level.rawValue <= value.load(ordering: .relaxed)
    }
}
