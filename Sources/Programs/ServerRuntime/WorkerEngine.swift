import Administration
import PacketEngine
import ServerSettings

/// How workers ask the system for packets.
struct WorkerEngine: Sendable {
    /// What the system is asked by.
    let backend: EventLoop.Backend
    /// When a worker wakes up.
    let mode: WakeModeration.Mode
    /// Whether each worker stays on a processor of its own.
    let pinsWorkers: Bool

    /// What the settings want.
    ///
    /// - Throws: Why there is no io_uring, when the settings want it.
    init(_ settings: Settings) throws(StartError) {
        pinsWorkers = settings.pinWorkers
        mode =
            switch settings.wakeUps {
            case .adaptive: .adaptive
            case .lowLatency: .lowLatency
            case .lowPower: .lowPower
            }
        switch settings.engine {
        case .auto, .epoll:
            // The cheaper one at the rates of calls (docs/decisions/0014-io-uring.md).
            backend = .epoll
        case .ioUring:
            if let refusal = EventLoop.refusalOfRing() { throw .engine(refusal) }
            backend = .ioUring
        }
    }

    /// What status and version page tell.
    ///
    /// - `processors`: that of each worker, empty when the system moves them.
    func status(on processors: [Int] = []) -> ServerStatus.Engine {
        ServerStatus.Engine(
            name: backend.rawValue,
            wakeUps: mode.rawValue,
            processors: processors.isEmpty ? nil : processors
        )
    }
}
