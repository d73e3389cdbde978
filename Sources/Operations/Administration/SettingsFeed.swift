public import ServerSettings
import Synchronization

/// Tells whoever follows that settings were put into force.
public final class SettingsFeed: Sendable {
    private let followers = Mutex<[AsyncStream<LoadedSettings>.Continuation]>([])

    /// Makes a feed that nobody follows.
    public init() {}

    /// All settings from now on; of several that nobody has taken yet only the newest.
    public func follow() -> AsyncStream<LoadedSettings> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: LoadedSettings.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        followers.withLock { $0.append(continuation) }
        return stream
    }

    /// Tells that `settings` are in force.
    public func publish(_ settings: LoadedSettings) {
        followers.withLock { followers in
            followers.removeAll { continuation in
                if case .terminated = continuation.yield(settings) { true } else { false }
            }
        }
    }
}
