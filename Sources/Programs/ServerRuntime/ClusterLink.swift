import Addresses
import ClusterCore
import Foundation
import Observability
import PacketEngine
import Synchronization

/// Asks the other STUN servers each second how they are, and tells the workers and the log.
///
/// One thread with sockets of its own, which are there once there is somebody to ask.
final class ClusterLink: Sendable {
    /// What is around it.
    struct Surroundings: Sendable {
        /// The number of this start of the process.
        let instance: UInt64
        /// The addresses to ask from, one of a family at most; 0.0.0.0 and `::` leave the choice to the system.
        let addresses: [IPAddress]
        /// What this server says of itself; asked about once a second.
        let own: @Sendable () -> ServerState
        /// Takes each new view, and the key that goes with it.
        let publish: @Sendable (ClusterView, ClusterKey?) -> Void
        /// The log.
        let tell: @Sendable (MessageCode, String) -> Void
        /// The wall clock in Unix milliseconds.
        var unixMilliseconds: @Sendable () -> Int64 = { SystemClock.realtime() / 1_000_000 }
    }

    /// Whom to ask, and by which key.
    struct Orders: Sendable {
        /// nil: only foreign servers are asked.
        var key: ClusterKey?
        /// The other servers with their addresses.
        var servers: [ResolvedServer] = []
    }

    /// What is known of the others.
    struct Findings: Sendable {
        /// Whom they are found of.
        var orders = Orders()
        /// What is known of each address.
        var membership: Membership
        /// What this server says of itself.
        var own = ServerState()
        /// Why nothing could be sent to an address.
        var sendErrors: [SocketAddress: Int32] = [:]
        /// The moment in microseconds.
        var now: UInt64 = 0
    }

    private struct State {
        var orders = Orders()
        var isNew = false
        var isStopping = false
        var hasThread = false
    }

    private let surroundings: Surroundings
    private let state = Mutex(State())
    private let found: Mutex<Findings>
    private let wakeUp: WakeUp
    private let thread = DispatchGroup()

    init(_ surroundings: Surroundings) throws(SocketError) {
        self.surroundings = surroundings
        found = Mutex(Findings(membership: Membership(instance: surroundings.instance)))
        wakeUp = try WakeUp()
    }

    /// Asks these from now on; what is known of those that stay is kept.
    func use(_ change: (inout Orders) -> Void) {
        let startsThread = state.withLock { state in
            change(&state.orders)
            state.isNew = true
            guard !state.hasThread, !state.isStopping, !state.orders.servers.isEmpty else { return false }
            state.hasThread = true
            return true
        }
        if startsThread { start() } else { wakeUp.signal() }
    }

    /// What this server says of itself has changed, so the workers shall have it now.
    func refresh() {
        state.withLock { $0.isNew = true }
        wakeUp.signal()
    }

    /// Ends the thread and waits for it.
    func stop() {
        state.withLock { $0.isStopping = true }
        wakeUp.signal()
        thread.wait()
    }

    /// What is known now.
    var findings: Findings { found.withLock { $0 } }

    private func start() {
        self.thread.enter()
        // The thread holds the link until it is stopped.
        let thread = Thread { [self] in
            // From within: only so does `top` show it.
            Thread.current.name = "cluster"
            do throws(SocketError) {
                var work = try ClusterLinkWork(surroundings)
                while try work.turn(of: self) {}
            } catch {
                surroundings.tell(.socketFailed, "Other servers are not asked any more: \(error)")
            }
            self.thread.leave()
        }
        thread.start()
    }

    // MARK: - For the thread

    /// The orders that have not been taken; nil when there are none.
    func takeOrders() -> Orders? {
        wakeUp.clear()
        return state.withLock { state in
            defer { state.isNew = false }
            return state.isNew ? state.orders : nil
        }
    }

    var isStopping: Bool { state.withLock { $0.isStopping } }

    func watch(by loop: inout EventLoop, token: UInt64) throws(SocketError) { try loop.watch(wakeUp, token: token) }

    func report(_ findings: Findings) { found.withLock { $0 = findings } }
}
