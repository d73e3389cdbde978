import Dispatch
import Foundation
import Observability
import PacketEngine
import ServerCore
import Synchronization

/// The workers of a server: starts them, asks them, stops them.
///
/// Their number never changes while they run, or the kernel would move clients from one worker to another.
final class WorkerPool: Sendable {
    private let mailboxes: [Mailbox]
    private let threads = DispatchGroup()

    /// What all workers share.
    struct Shared {
        let relays: RelayTable
        let ledger: AccountLedger
        let teller: RelayTeller
        let pump: LogPump
        let log: EventLog
    }

    /// Starts one thread for each set of listeners; all of them are serving when this returns.
    init(policy: Policy, listeners: [[Listeners.Listener]], sharing shared: Shared) throws(StartError) {
        do throws(SocketError) {
            var boxes: [Mailbox] = []
            for _ in listeners { boxes.append(try Mailbox()) }
            mailboxes = boxes
        } catch {
            throw .system("\(error)")
        }
        for (index, set) in listeners.enumerated() {
            // Random, so that nobody can foresee which addresses share a bucket.
            let server = Server(
                policy: policy,
                seed: UInt64.random(in: .min ... .max),
                indicationSeed: UInt64.random(in: .min ... .max),
                ledger: shared.ledger
            )
            if let failure = start(index, server, set, shared) {
                stop()
                throw .system("\(failure)")
            }
        }
    }

    /// Starts one worker's thread and waits until it serves, or says why it does not.
    private func start(
        _ index: Int,
        _ server: Server,
        _ listeners: [Listeners.Listener],
        _ shared: Shared
    ) -> SocketError? {
        let (relays, teller, log) = (shared.relays, shared.teller, shared.log)
        let source = WorkerEvents.Source(
            ring: shared.pump.makeRing(),
            facts: shared.pump.makeRing(of: RelayFact.self) { teller.entry($0) },
            levels: log.levelSwitch
        )
        let started = DispatchSemaphore(value: 0)
        let failure = Failure()
        let mailbox = mailboxes[index]
        let handover = Handover(listeners)
        let threads = threads
        threads.enter()
        let thread = Thread {
            do throws(SocketError) {
                var worker = try Worker(
                    server: server,
                    listeners: handover.take(),
                    relays: relays,
                    mailbox: mailbox,
                    events: WorkerEvents(source)
                )
                started.signal()
                try worker.run()
            } catch {
                failure.error.withLock { $0 = error }
                log.log(.socketFailed, "Worker \(index) ended: \(error)", at: SystemClock.realtime())
                started.signal()
            }
            mailbox.close()
            threads.leave()
        }
        thread.name = "worker-\(index)"
        thread.start()
        started.wait()
        return failure.error.withLock { $0 }
    }

    /// The sockets on their way into a thread, which alone holds them then: they close when its worker ends, and not when
    /// the last trace of the thread is gone.
    private final class Handover: Sendable {
        private let listeners: Mutex<[Listeners.Listener]>

        init(_ listeners: [Listeners.Listener]) { self.listeners = Mutex(listeners) }

        func take() -> [Listeners.Listener] {
            listeners.withLock { waiting in
                defer { waiting = [] }
                return waiting
            }
        }
    }

    /// What a thread failed with.
    private final class Failure: Sendable {
        let error = Mutex<SocketError?>(nil)
    }

    /// How many workers there are.
    var count: Int { mailboxes.count }

    /// Gives all workers a new policy.
    func adopt(_ policy: Policy) {
        for mailbox in mailboxes { mailbox.send(.adopt(policy)) }
    }

    /// Makes all workers forget the statistics' sources.
    func clearSources() {
        for mailbox in mailboxes { mailbox.send(.clearSources) }
    }

    /// Asks all workers for their counts.
    func reports() async -> [WorkerReport] {
        var reports: [WorkerReport] = []
        for mailbox in mailboxes {
            let report = await withCheckedContinuation { continuation in
                mailbox.send(.report { continuation.resume(returning: $0) })
            }
            if let report { reports.append(report) }
        }
        return reports
    }

    /// All sessions, with the number of the worker that has each.
    func sessions() async -> [(worker: Int, session: SessionDetail)] {
        var all: [(worker: Int, session: SessionDetail)] = []
        for (worker, mailbox) in mailboxes.enumerated() {
            let sessions = await withCheckedContinuation { continuation in
                mailbox.send(.sessions { continuation.resume(returning: $0) })
            }
            for session in sessions ?? [] { all.append((worker, session)) }
        }
        return all
    }

    /// Ends the sessions that `isMeant` picks; returns how many.
    func disconnect(where isMeant: @escaping @Sendable (_ worker: Int, Session) -> Bool) async -> Int {
        var count = 0
        for (worker, mailbox) in mailboxes.enumerated() {
            let ended = await withCheckedContinuation { continuation in
                mailbox.send(.disconnect({ isMeant(worker, $0) }, { continuation.resume(returning: $0) }))
            }
            count += ended ?? 0
        }
        return count
    }

    /// Ends all workers and waits for them.
    func stop() {
        for mailbox in mailboxes { mailbox.send(.stop) }
        threads.wait()
    }
}
