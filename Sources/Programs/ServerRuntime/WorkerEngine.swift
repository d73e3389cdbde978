import Administration
import PacketEngine
import ServerSettings

/// How workers ask the system for packets, and why so.
struct WorkerEngine: Sendable {
    /// What the system is asked by.
    let backend: EventLoop.Backend
    /// When a worker wakes up.
    let mode: WakeModeration.Mode
    /// Why it is this back end, for people: "" when the settings ask for it.
    let reason: String

    /// What the settings want, as far as this system lets us.
    ///
    /// - Throws: Why there is no io_uring, when the settings insist on it.
    init(_ settings: Settings) throws(StartError) {
        mode =
            switch settings.wakeUps {
            case .adaptive: .adaptive
            case .lowLatency: .lowLatency
            case .lowPower: .lowPower
            }
        guard settings.engine != .epoll else {
            (backend, reason) = (.epoll, "")
            return
        }
        let refusal = EventLoop.refusalOfRing()
        if settings.engine == .ioUring, let refusal { throw .engine(refusal) }
        backend = refusal == nil ? .ioUring : .epoll
        reason = refusal ?? ""
    }

    /// What status and version page tell.
    var status: ServerStatus.Engine {
        let why = reason.isEmpty ? nil : "io_uring is not used: \(reason)"
        return ServerStatus.Engine(name: backend.rawValue, wakeUps: mode.rawValue, reason: why)
    }
}
