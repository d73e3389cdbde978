import Addresses
import Synchronization

/// Holds back those who guess passwords: after five wrong ones in a row a client waits for half a minute.
///
/// A client is an IPv4 address or an IPv6 /64. Memory is bounded: of too many clients those that failed longest ago are
/// forgotten.
final class LoginBrake: Sendable {
    private struct Failures {
        var count = 0
        var last: ContinuousClock.Instant
        var lockedUntil: ContinuousClock.Instant?
    }

    /// How many wrong passwords a client has in a row before it waits.
    static let attempts = 5
    /// How long it waits.
    static let pause = Duration.seconds(30)
    /// Failures are forgotten after this time.
    private static let memory = Duration.seconds(900)
    private static let mostClients = 4096

    private let clients = Mutex<[IPAddress: Failures]>([:])

    /// How many clients are remembered.
    var count: Int { clients.withLock { $0.count } }

    /// How long a client has still to wait; nil when it may try.
    func wait(for client: IPAddress, now: ContinuousClock.Instant = .now) -> Duration? {
        clients.withLock { clients in
            guard let end = clients[Self.key(client)]?.lockedUntil, end > now else { return nil }
            return end - now
        }
    }

    /// Counts a wrong password; tells whether the client has to wait from now on.
    func failed(_ client: IPAddress, now: ContinuousClock.Instant = .now) -> Bool {
        clients.withLock { clients in
            let key = Self.key(client)
            var failures = clients[key] ?? Failures(last: now)
            if now - failures.last > Self.memory { failures = Failures(last: now) }
            failures.count += 1
            failures.last = now
            let isLocked = failures.count >= Self.attempts
            if isLocked {
                failures.lockedUntil = now + Self.pause
                failures.count = 0
            }
            if clients.count >= Self.mostClients, clients[key] == nil {
                // Half of them at once: one by one each new client would cost a look at all.
                let newest = clients.sorted { $0.value.last > $1.value.last }.prefix(Self.mostClients / 2)
                clients = Dictionary(uniqueKeysWithValues: newest.map { ($0.key, $0.value) })
            }
            clients[key] = failures
            return isLocked
        }
    }

    /// Forgets a client's failures, as it had the right password.
    func succeeded(_ client: IPAddress) { clients.withLock { $0[Self.key(client)] = nil } }

    private static func key(_ client: IPAddress) -> IPAddress { client.masked(to: client.family == .v4 ? 32 : 64) }
}
