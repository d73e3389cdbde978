import Administration
import Synchronization

/// The sessions of people who logged in with the form.
///
/// They live in memory: after a restart everybody logs in again.
final class Sessions: Sendable {
    /// One session.
    struct Session: Sendable {
        /// Who logged in.
        let person: Operator
        /// What their forms carry.
        let formToken: String
        /// The stored hash that their password was checked against: with another one the session has ended.
        let credential: String
        /// When they logged in.
        let began: ContinuousClock.Instant
        /// When they were last seen.
        var seen: ContinuousClock.Instant
    }

    /// The name of the cookie.
    static let cookie = "stund_session"
    /// How many there are at most; the one unused for longest ends.
    private static let most = 1000
    /// A session ends after this time, however busy.
    static let longest = Duration.seconds(12 * 3600)
    /// A session ends when nothing came for so long.
    private static let idle = Duration.seconds(2 * 3600)

    private let sessions = Mutex<[String: Session]>([:])

    /// Begins a session; gives the value of its cookie.
    func begin(_ person: Operator, credential: String, now: ContinuousClock.Instant = .now) -> String {
        let id = RandomToken.make()
        let session = Session(
            person: person,
            formToken: RandomToken.make(),
            credential: credential,
            began: now,
            seen: now
        )
        sessions.withLock { sessions in
            sessions = sessions.filter { Self.isLive($0.value, now) }
            if sessions.count >= Self.most, let oldest = sessions.min(by: { $0.value.seen < $1.value.seen })?.key {
                sessions[oldest] = nil
            }
            sessions[id] = session
        }
        return id
    }

    /// The session of a cookie; nil when there is none or it has ended.
    func find(_ id: String, now: ContinuousClock.Instant = .now) -> Session? {
        sessions.withLock { sessions in
            guard let session = sessions[id] else { return nil }
            guard Self.isLive(session, now) else {
                sessions[id] = nil
                return nil
            }
            sessions[id]?.seen = now
            return session
        }
    }

    /// Ends a session.
    func end(_ id: String) { sessions.withLock { $0[id] = nil } }

    private static func isLive(_ session: Session, _ now: ContinuousClock.Instant) -> Bool {
        now - session.began < longest && now - session.seen < idle
    }
}

/// Random texts that nobody can guess.
enum RandomToken {
    /// 256 random bits in hexadecimal digits.
    static func make() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<4).map { _ in
            let digits = String(UInt64.random(in: .min ... .max, using: &generator), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    /// Whether two tokens are the same, in a time that does not tell where they differ.
    static func isEqual(_ one: String, _ other: String) -> Bool {
        let (one, other) = (Array(one.utf8), Array(other.utf8))
        guard one.count == other.count else { return false }
        return zip(one, other).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
