import Dispatch
import Foundation
import ServerSettings
import Synchronization

/// A Redis, asked from anywhere: one thread of its own does all that blocks, so that neither a worker nor the threads that
/// all tasks share ever wait for a Redis.
final class RedisClient: Sendable {
    /// The most questions that wait.
    private static let mostWaiting = 256

    /// Where it is, for messages.
    let place: String
    private let queue: RedisQueue

    /// Connects with the first question, and again whenever the connection is lost.
    init(_ address: RedisAddress, _ login: RedisLogin?, _ resolve: @escaping HostResolver) {
        let place = "the Redis at \(address)"
        let queue = RedisQueue()
        self.place = place
        self.queue = queue
        let thread = Thread {
            Thread.current.name = "redis"
            RedisConnection.ignoreBrokenPipes()
            var link = RedisLink(address, login, RedisHost(address, resolve, place: place))
            while let question = queue.next() { question.answer(link.run(question.commands)) }
        }
        thread.start()
    }

    deinit { queue.end(place: place) }

    /// Runs commands in one round trip, those of nobody else between them: an answer to each, errors among them.
    func run(_ commands: [RedisCommand]) async throws(ClusterStoreError) -> [RedisReply] {
        guard !commands.isEmpty else { return [] }
        let result: Result<[RedisReply], ClusterStoreError> = await withCheckedContinuation { continuation in
            let question = RedisQuestion(commands: commands) { continuation.resume(returning: $0) }
            if !queue.add(question, atMost: Self.mostWaiting) {
                continuation.resume(returning: .failure(.overloaded(place: place)))
            }
        }
        return try result.get()
    }

    /// Runs one command; an answer that is an error is thrown.
    func run(_ command: RedisCommand) async throws(ClusterStoreError) -> RedisReply {
        guard let reply = try await run([command]).first else { throw .unexpected(place: place) }
        try reply.check(place)
        return reply
    }
}

/// Commands, and whom to tell the answers.
private struct RedisQuestion: Sendable {
    let commands: [RedisCommand]
    let answer: @Sendable (Result<[RedisReply], ClusterStoreError>) -> Void
}

/// What waits for the thread.
private final class RedisQueue: Sendable {
    private struct State {
        var waiting: [RedisQuestion] = []
        var isEnded = false
    }

    private let state = Mutex(State())
    private let signal = DispatchSemaphore(value: 0)

    /// Puts a question at the end; false when too many wait.
    func add(_ question: RedisQuestion, atMost limit: Int) -> Bool {
        let isAdded = state.withLock { state in
            guard !state.isEnded, state.waiting.count < limit else { return false }
            state.waiting.append(question)
            return true
        }
        if isAdded { signal.signal() }
        return isAdded
    }

    /// Waits for the next question; nil at the end.
    func next() -> RedisQuestion? {
        signal.wait()
        return state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
    }

    /// Lets the thread end; whoever still waits is told.
    func end(place: String) {
        let left = state.withLock { state in
            defer { state.waiting = [] }
            state.isEnded = true
            return state.waiting
        }
        for question in left { question.answer(.failure(.overloaded(place: place))) }
        signal.signal()
    }
}

/// A connection that is made anew when it is lost, at first at once, then less and less often; of one thread.
private struct RedisLink {
    private static let firstPause = Duration.milliseconds(250)
    private static let longestPause = Duration.seconds(5)

    private let address: RedisAddress
    private let login: RedisLogin?
    private let host: RedisHost
    private var connection: RedisConnection?
    private var pause = firstPause
    private var refused: (until: ContinuousClock.Instant, why: ClusterStoreError)?

    init(_ address: RedisAddress, _ login: RedisLogin?, _ host: RedisHost) {
        self.address = address
        self.login = login
        self.host = host
    }

    mutating func run(_ commands: [RedisCommand]) -> Result<[RedisReply], ClusterStoreError> {
        let isOld = connection != nil
        let result = attempt(commands)
        // A connection that has rested may have ended long ago, with the server's restart: that is no failure yet.
        guard isOld, case .failure(.unreachable) = result else { return result }
        return attempt(commands)
    }

    private mutating func attempt(_ commands: [RedisCommand]) -> Result<[RedisReply], ClusterStoreError> {
        do throws(ClusterStoreError) {
            return .success(try connected().run(commands))
        } catch {
            connection = nil
            return .failure(error)
        }
    }

    private mutating func connected() throws(ClusterStoreError) -> RedisConnection {
        if let connection { return connection }
        if let refused, .now < refused.until { throw refused.why }
        do throws(ClusterStoreError) {
            let new = try connect()
            connection = new
            refused = nil
            pause = Self.firstPause
            return new
        } catch {
            refused = (.now + pause, error)
            pause = min(pause * 2, Self.longestPause)
            throw error
        }
    }

    /// Connects to the first of its addresses that takes the connection.
    private func connect() throws(ClusterStoreError) -> RedisConnection {
        let end = ContinuousClock.now + .seconds(2)
        var last: ClusterStoreError?
        for place in try host.places() where last == nil || .now < end {
            do throws(ClusterStoreError) {
                return try RedisConnection(place, database: address.database, login, named: host.name)
            } catch {
                // One that answers, and refuses, is the right one.
                guard error.isSilence else { throw error }
                last = error
            }
        }
        throw last ?? .unresolved(place: host.name, reason: "the name has no address")
    }
}
