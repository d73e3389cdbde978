import Synchronization

/// Keeps secrets that were typed into the setup form until they are saved, so that no page carries them.
///
/// Bounded: of too many forms the oldest one is forgotten.
final class PendingSecrets: Sendable {
    private struct Entry {
        let values: [String: String]
        let person: String
        let ends: ContinuousClock.Instant
    }

    /// How long somebody may look at a preview.
    static let lifetime = Duration.seconds(600)
    private static let most = 64

    private let entries = Mutex<[String: Entry]>([:])

    /// How many forms are remembered.
    var count: Int { entries.withLock { $0.count } }

    /// Keeps texts by the names of their settings; gives what finds them again, which nobody can guess.
    ///
    /// - `person`: only they find them again.
    func keep(_ values: [String: String], for person: String, now: ContinuousClock.Instant = .now) -> String {
        guard !values.isEmpty else { return "" }
        let id = RandomToken.make()
        entries.withLock { entries in
            entries = entries.filter { $0.value.ends > now }
            if entries.count >= Self.most, let oldest = entries.min(by: { $0.value.ends < $1.value.ends })?.key {
                entries[oldest] = nil
            }
            entries[id] = Entry(values: values, person: person, ends: now + Self.lifetime)
        }
        return id
    }

    /// What was kept; nil when it is too old.
    func find(_ id: String, for person: String, now: ContinuousClock.Instant = .now) -> [String: String]? {
        guard !id.isEmpty else { return [:] }
        return entries.withLock { entries in
            guard let entry = entries[id], entry.ends > now, entry.person == person else { return nil }
            return entry.values
        }
    }

    /// Forgets what was kept, as it has been used or kept anew.
    func forget(_ id: String) { entries.withLock { $0[id] = nil } }
}
