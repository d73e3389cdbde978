public import Logging

/// Takes what libraries write by swift-log into the server's log, as message 1107.
public struct StundLogHandler: LogHandler {
    /// The metadata of the logger.
    public var metadata: Logger.Metadata = [:]
    /// Adds metadata of the current task.
    public var metadataProvider: Logger.MetadataProvider?

    private let label: String
    private let log: EventLog
    private let clock: @Sendable () -> Int64
    private var ownLevel: Logger.Level?

    /// Makes a handler for the logger `label`; `clock` gives nanoseconds since 1970.
    public init(
        label: String,
        log: EventLog,
        metadataProvider: Logger.MetadataProvider? = nil,
        clock: @escaping @Sendable () -> Int64
    ) {
        self.label = label
        self.log = log
        self.metadataProvider = metadataProvider
        self.clock = clock
    }

    /// The least urgent level that is passed on: that of the server's log, unless set.
    public var logLevel: Logger.Level {
        get {
            ownLevel ?? Logger.Level.allCases.first { log.levelSwitch.isEnabled(LogLevel($0)) } ?? .critical
        }
        set { ownLevel = newValue }
    }

    /// One metadata value of the logger.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one event to the server's log.
    public func log(event: LogEvent) {
        let level = LogLevel(event.level)
        guard log.levelSwitch.isEnabled(level) else { return }
        var values = metadata
        values.merge(metadataProvider?.get() ?? [:]) { _, new in new }
        values.merge(event.metadata ?? [:]) { _, new in new }
        var text = "\(label): \(event.message)"
        for (key, value) in values.sorted(by: { $0.key < $1.key }) { text += " \(key)=\(value)" }
        if let error = event.error { text += ": \(error)" }
        log.log(.libraryMessage, text, level: level, at: clock())
    }
}

extension LogLevel {
    /// The level that a library's level has in this log.
    init(_ level: Logger.Level) {
        self =
            switch level {
            case .critical: .critical
            case .error: .error
            case .warning: .warning
            case .notice: .notice
            case .info: .info
            case .debug: .debug
            case .trace: .trace
            }
    }
}
