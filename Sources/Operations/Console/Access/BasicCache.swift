import Administration
import Synchronization

/// Remembers for a minute whose an `Authorization` header of HTTP Basic was, since checking a password takes a tenth of
/// a second on purpose; scripts send it with every request.
///
/// Keyed by a digest with a random key: no password stays in memory.
final class BasicCache: Sendable {
    private struct Entry {
        let person: Operator
        let ends: ContinuousClock.Instant
    }

    private static let lifetime = Duration.seconds(60)
    private static let most = 256

    private let digest = KeyedDigest()
    private let entries = Mutex<[[UInt8]: Entry]>([:])

    /// Whose the header is, when it was right a short time ago with the same stored `credential`.
    func find(_ header: String, credential: String, now: ContinuousClock.Instant = .now) -> Operator? {
        let key = digest.bytes(of: credential + "\n" + header)
        return entries.withLock { entries in
            guard let entry = entries[key], entry.ends > now else { return nil }
            return entry.person
        }
    }

    /// Keeps that the header was right with the stored `credential`.
    func keep(_ header: String, credential: String, _ person: Operator, now: ContinuousClock.Instant = .now) {
        let key = digest.bytes(of: credential + "\n" + header)
        entries.withLock { entries in
            if entries.count >= Self.most { entries = entries.filter { $0.value.ends > now } }
            if entries.count >= Self.most { entries = [:] }
            entries[key] = Entry(person: person, ends: now + Self.lifetime)
        }
    }
}
