import ClusterCore
import Dispatch
import Foundation
import Observability
import PacketEngine
import SecureTransport
import ServerCore
import ServerSettings
import Synchronization

/// The workers of a server: starts them, asks them, stops them.
///
/// Their number never changes while they run, or the kernel would move clients from one worker to another.
final class WorkerPool: Sendable {
    private let mailboxes: [Mailbox]
    private let threads = DispatchGroup()
    /// What the workers wait for before they serve.
    private let gate = DispatchGroup()
    private let isOpen = Mutex(false)
    private let pinned = Pinned()

    /// What all workers share.
    struct Shared {
        let relays: RelayTable
        let ledger: AccountLedger
        let teller: RelayTeller
        let pump: LogPump
        let log: EventLog
        let engine: WorkerEngine
        let streams: StreamsShared
        /// One for all workers; nil where DTLS is off.
        let cookie: DatagramCookie?

        init(
            _ relay: RelayService?,
            _ settings: Settings,
            teller: RelayTeller,
            pump: LogPump,
            log: EventLog,
            engine: WorkerEngine,
            streams: StreamsShared
        ) {
            relays = relay?.table ?? RelayTable([], ports: settings.relayPorts)
            ledger = relay?.ledger ?? AccountLedger(capacity: 1)
            self.teller = teller
            self.pump = pump
            self.log = log
            self.engine = engine
            self.streams = streams
            var random = SystemRandomNumberGenerator()
            cookie = settings.dtls ? DatagramCookie(drawing: &random) : nil
        }
    }

    /// Starts one thread for each set of listeners; they serve from `open` on, and what comes before waits in the sockets.
    init(policy: Policy, listeners: [Listeners.Group], sharing shared: Shared) throws(StartError) {
        do throws(SocketError) {
            var boxes: [Mailbox] = []
            for _ in listeners { boxes.append(try Mailbox()) }
            mailboxes = boxes
        } catch {
            throw .system("\(error)")
        }
        gate.enter()
        for (index, set) in listeners.enumerated() {
            // Random, so that nobody can foresee which addresses share a bucket.
            let server = Server(
                policy: policy,
                seed: UInt64.random(in: .min ... .max),
                indicationSeed: UInt64.random(in: .min ... .max),
                ledger: shared.ledger,
                worker: UInt8(truncatingIfNeeded: index)
            )
            if let failure = start(index, server, set, shared) {
                stop()
                // The probe before the start found a ring, but there is none for all workers.
                throw shared.engine.backend == .ioUring ? .engine("\(failure)") : .system("\(failure)")
            }
        }
    }

    /// Starts one worker's thread and waits until it could serve, or says why it can't.
    private func start(
        _ index: Int,
        _ server: Server,
        _ listeners: Listeners.Group,
        _ shared: Shared
    ) -> SocketError? {
        let (relays, teller, log, cookie) = (shared.relays, shared.teller, shared.log, shared.cookie)
        let source = WorkerEvents.Source(
            ring: shared.pump.makeRing(),
            facts: shared.pump.makeRing(of: RelayFact.self) { teller.entry($0) },
            levels: log.levelSwitch
        )
        let (started, failure) = (DispatchSemaphore(value: 0), Failure())
        let (mailbox, mailboxes, handover) = (mailboxes[index], mailboxes, Handover(listeners))
        let (threads, gate, engine, pinned, streams) = (threads, gate, shared.engine, pinned, shared.streams)
        threads.enter()
        let thread = Thread {
            // From within: only so does `top` show it.
            Thread.current.name = "worker-\(index)"
            if engine.pinsWorkers { Self.pin(index, pinned, log) }
            do throws(SocketError) {
                let listeners = handover.take()
                var worker = try Worker(
                    server: server,
                    listeners: listeners.sockets,
                    streams: listeners.streams,
                    sharing: streams,
                    cookie: cookie,
                    relays: relays,
                    number: index,
                    mailboxes: mailboxes,
                    events: WorkerEvents(source),
                    engine: engine
                )
                started.signal()
                gate.wait()
                try worker.run()
            } catch {
                failure.error.withLock { $0 = error }
                log.log(.socketFailed, "Worker \(index) ended: \(error)", at: SystemClock.realtime())
                started.signal()
            }
            mailbox.close()
            threads.leave()
        }
        thread.start()
        started.wait()
        return failure.error.withLock { $0 }
    }

    /// Keeps the calling worker on a processor of its own; it works without that too.
    private static func pin(_ index: Int, _ pinned: Pinned, _ log: EventLog) {
        do throws(SocketError) {
            let processor = try Processors.pin(index)
            pinned.list.withLock { $0.append(processor) }
        } catch {
            log.log(
                .startWarning,
                "pin-workers: the system keeps worker \(index) on no processor of its own (\(error)); it runs on any",
                at: SystemClock.realtime()
            )
        }
    }

    /// The processors that workers are kept on, in the order of the workers; empty when the system moves them.
    var processors: [Int] { pinned.list.withLock { $0 } }

    private final class Pinned: Sendable {
        let list = Mutex<[Int]>([])
    }

    /// The sockets on their way into a thread, which alone holds them then: they close when its worker ends, and not when
    /// the last trace of the thread is gone.
    private final class Handover: Sendable {
        private let listeners: Mutex<Listeners.Group>

        init(_ listeners: Listeners.Group) { self.listeners = Mutex(listeners) }

        func take() -> Listeners.Group {
            listeners.withLock { waiting in
                defer { waiting = Listeners.Group() }
                return waiting
            }
        }
    }

    /// What a thread failed with.
    private final class Failure: Sendable {
        let error = Mutex<SocketError?>(nil)
    }

    /// Lets the workers serve.
    func open() {
        isOpen.withLock { isOpen in
            if !isOpen { gate.leave() }
            isOpen = true
        }
    }

    /// How many workers there are.
    var count: Int { mailboxes.count }

    /// Gives all workers a new policy.
    func adopt(_ policy: Policy) {
        for mailbox in mailboxes { mailbox.send(.adopt(policy)) }
    }

    /// Tells all workers what is known of the other servers; nil when none are configured.
    func adopt(_ view: ClusterView?, trust: ClusterTrust?) {
        for mailbox in mailboxes { mailbox.send(.cluster(view, trust)) }
    }

    /// Makes all workers refuse new allocations, or take them again.
    func drain(_ isDraining: Bool) {
        for mailbox in mailboxes { mailbox.send(.drain(isDraining)) }
    }

    /// Has all workers begin sessions of TLS and DTLS by another certificate; nil when there is none.
    func adopt(_ contexts: SecureContexts?) {
        for mailbox in mailboxes { mailbox.send(.secure(contexts)) }
    }

    /// Makes all workers forget the statistics' sources.
    func clearSources() {
        for mailbox in mailboxes { mailbox.send(.clearSources) }
    }

    /// What all workers have counted.
    func reports() async -> [WorkerReport] {
        await ask { _, reply in .report(reply) }.compactMap(\.self)
    }

    /// How many workers answer within a time.
    func answering(within limit: Duration) async -> Int {
        await ask(within: limit) { _, reply in .report(reply) }.count { $0 != nil }
    }

    /// The statistics' rows of all workers.
    func sources() async -> [WorkerSources] {
        await ask { _, reply in .sources(reply) }.compactMap(\.self)
    }

    /// The lists of all workers' sessions.
    func sessionLists(withPeers: Bool) async -> [WorkerSessions] {
        let lists = await ask { _, reply in .sessionList(withPeers: withPeers, reply) }
        return lists.enumerated().map { WorkerSessions(worker: $0.offset, list: $0.element ?? SessionList()) }
    }

    /// All that belongs to some sessions, in their order; those that have ended meanwhile are left out.
    func details(of wanted: [ListedSession]) async -> [(worker: Int, session: SessionDetail)] {
        var entries = [[SessionList.Entry]](repeating: [], count: count)
        for session in wanted { entries[session.worker].append(session.entry) }
        let shares = entries
        var found: [[UInt64: SessionDetail]] = []
        for details in await ask({ worker, reply in .sessions(shares[worker], reply) }) {
            found.append(Dictionary((details ?? []).map { ($0.session.serial, $0) }) { first, _ in first })
        }
        return wanted.compactMap { wanted in
            found[wanted.worker][wanted.session.serial].map { (wanted.worker, $0) }
        }
    }

    /// Asks all workers at once; nil for those that have ended, or did not answer within the time.
    private func ask<Answer: Sendable>(
        within limit: Duration? = nil,
        _ message: (_ worker: Int, _ reply: @escaping @Sendable (Answer?) -> Void) -> WorkerMessage
    ) async -> [Answer?] {
        await withCheckedContinuation { continuation in
            let answers = Answers<Answer>(count, continuation)
            for (worker, mailbox) in mailboxes.enumerated() {
                mailbox.send(message(worker) { answers.put($0, of: worker) })
            }
            guard let limit else { return }
            Task {
                try? await Task.sleep(for: limit)
                answers.finish()
            }
        }
    }

    /// Gathers what the workers answer, until all have or nobody waits any longer.
    private final class Answers<Answer: Sendable>: Sendable {
        private struct State {
            var answers: [Answer?]
            var missing: Int
            var continuation: CheckedContinuation<[Answer?], Never>?
        }

        private let state: Mutex<State>

        init(_ count: Int, _ continuation: CheckedContinuation<[Answer?], Never>) {
            let none = [Answer?](repeating: nil, count: count)
            state = Mutex(State(answers: none, missing: count, continuation: continuation))
        }

        func put(_ answer: Answer?, of worker: Int) {
            let isLast = state.withLock { state in
                state.answers[worker] = answer
                state.missing -= 1
                return state.missing == 0
            }
            if isLast { finish() }
        }

        func finish() {
            let (continuation, answers) = state.withLock { state in
                defer { state.continuation = nil }
                return (state.continuation, state.answers)
            }
            continuation?.resume(returning: answers)
        }
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
        open()
        threads.wait()
    }
}
