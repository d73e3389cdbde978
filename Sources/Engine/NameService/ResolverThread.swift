// Unsafe: poll fills an array through a pointer; read and write on an eventfd take pointers.

import CLinux
import Foundation
import Glibc
import Synchronization

/// The thread that waits for name servers: it takes questions, asks them by c-ares, and wakes who asked.
///
/// It starts with the first question and ends by `stop`. Only this thread touches channels of c-ares.
final class ResolverThread: Sendable {
    private struct State {
        var new: [Job] = []
        var cancelled: Set<UInt64> = []
        /// The numbers of questions that are about to come.
        var announced: Set<UInt64> = []
        /// Those of questions that the thread has and did not answer yet.
        var open: Set<UInt64> = []
        var nextID: UInt64 = 0
        var isRunning = false
        var isStopped = false
        /// What wakes the thread; nil before it started.
        var signal: Int32?
    }

    private let state = Mutex(State())

    deinit { state.withLock { if let signal = $0.signal { close(signal) } } }

    /// A number for a question.
    func nextID() -> UInt64 {
        state.withLock { state in
            state.nextID &+= 1
            state.announced.insert(state.nextID)
            return state.nextID
        }
    }

    /// Takes a question, or answers it at once when that cannot be.
    func submit(_ job: Job) {
        let refusal: NameError? = state.withLock { state in
            state.announced.remove(job.id)
            // Taken back before it came here.
            if state.isStopped || state.cancelled.remove(job.id) != nil { return .cancelled }
            guard state.open.count < NameService.mostAtOnce + NameService.mostWaiting else { return .busy }
            if let fault = start(&state) { return fault }
            state.new.append(job)
            state.open.insert(job.id)
            Self.wake(state)
            return nil
        }
        if let refusal { job.continuation.resume(returning: .failure(refusal)) }
    }

    /// Takes a question back.
    func cancel(_ id: UInt64) {
        state.withLock { state in
            // Perhaps before it came, but not after it was answered.
            guard state.open.contains(id) || state.announced.contains(id) else { return }
            state.cancelled.insert(id)
            Self.wake(state)
        }
    }

    /// Ends all questions and the thread.
    func stop() {
        state.withLock { state in
            state.isStopped = true
            Self.wake(state)
        }
    }

    private static func wake(_ state: State) {
        guard let signal = state.signal else { return }
        var one: UInt64 = 1
        _ = unsafe write(signal, &one, 8)
    }

    private func start(_ state: inout State) -> NameError? {
        guard !state.isRunning else { return nil }
        let signal = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard signal >= 0 else { return .system("no eventfd (error \(errno))") }
        state.signal = signal
        state.isRunning = true
        Thread { [self] in
            // From within: only so does `top` show it.
            Thread.current.name = "names"
            run(signal)
        }.start()
        return nil
    }

    /// A question that is being asked.
    private struct Asked {
        let job: Job
        var channel: CaresChannel
        let deadline: ContinuousClock.Instant
        /// Whether it is asked a second time, only to learn what kept the name servers from answering.
        var isRepeated = false
    }

    private func run(_ signal: Int32) {
        var waiting: [(job: Job, deadline: ContinuousClock.Instant)] = []
        var asked: [Asked] = []
        while true {
            let (new, cancelled, isStopped) = take()
            if isStopped {
                for job in asked.map(\.job) + waiting.map(\.job) + new { answer(job, .failure(.cancelled)) }
                return
            }
            let now = ContinuousClock.now
            waiting += new.map { ($0, now.advanced(by: .milliseconds($0.options.milliseconds))) }
            if !cancelled.isEmpty {
                for job in asked.map(\.job) + waiting.map(\.job) where cancelled.contains(job.id) {
                    answer(job, .failure(.cancelled))
                }
                asked.removeAll { cancelled.contains($0.job.id) }
                waiting.removeAll { cancelled.contains($0.job.id) }
            }
            begin(&waiting, &asked)
            finish(&waiting, &asked, now: now)
            if !asked.isEmpty || waiting.isEmpty { wait(signal, asked) }
        }
    }

    private func take() -> (new: [Job], cancelled: Set<UInt64>, isStopped: Bool) {
        state.withLock { state in
            let result = (state.new, state.cancelled.intersection(state.open), state.isStopped)
            state.new = []
            state.cancelled.subtract(result.1)
            return result
        }
    }

    private func answer(_ job: Job, _ result: Result<Answer, NameError>) {
        state.withLock { state in
            state.open.remove(job.id)
            state.cancelled.remove(job.id)
        }
        job.continuation.resume(returning: result)
    }

    private func begin(_ waiting: inout [(job: Job, deadline: ContinuousClock.Instant)], _ asked: inout [Asked]) {
        let count = min(waiting.count, NameService.mostAtOnce - asked.count)
        for (job, deadline) in waiting.prefix(count) {
            do throws(NameError) {
                let channel = try CaresChannel(job.question, job.options)
                asked.append(Asked(job: job, channel: channel, deadline: deadline))
            } catch {
                answer(job, .failure(error))
            }
        }
        waiting.removeFirst(count)
    }

    /// Answers what has come back or takes too long.
    private func finish(
        _ waiting: inout [(job: Job, deadline: ContinuousClock.Instant)],
        _ asked: inout [Asked],
        now: ContinuousClock.Instant
    ) {
        for entry in waiting where entry.deadline <= now { answer(entry.job, .failure(.timedOut)) }
        waiting.removeAll { $0.deadline <= now }
        for index in asked.indices where asked[index].channel.result == .failure(.noServer) && !asked[index].isRepeated
        {
            let job = asked[index].job
            guard let channel = try? CaresChannel(job.question, job.options, takesRefusals: true) else { continue }
            asked[index].channel = channel
            asked[index].isRepeated = true
        }
        asked.removeAll { entry in
            guard let result = entry.channel.result ?? (entry.deadline <= now ? .failure(.timedOut) : nil) else {
                return false
            }
            answer(entry.job, result)
            return true
        }
    }

    /// Waits until a socket is ready, a time is up, or somebody wakes the thread, and lets c-ares do its work.
    private func wait(_ signal: Int32, _ asked: [Asked]) {
        var sockets = [pollfd(fd: signal, events: Int16(POLLIN), revents: 0)]
        var owners = [-1]
        var milliseconds = -1
        let now = ContinuousClock.now
        for (index, entry) in asked.enumerated() {
            let mine = entry.channel.sockets
            sockets += mine
            owners += mine.map { _ in index }
            let left = Int(clamping: Int64((entry.deadline - now) / .milliseconds(1))) + 1
            let wait = entry.channel.wait(atMost: left)
            milliseconds = milliseconds < 0 ? wait : min(milliseconds, wait)
        }
        let count = unsafe poll(&sockets, nfds_t(sockets.count), Int32(clamping: milliseconds))
        if sockets[0].revents != 0 {
            var value: UInt64 = 0
            _ = unsafe read(signal, &value, 8)
        }
        if count > 0 {
            for (socket, owner) in zip(sockets, owners) where owner >= 0 && socket.revents != 0 {
                asked[owner].channel.process(socket)
            }
        }
        for entry in asked { entry.channel.processTimeouts() }
    }
}
