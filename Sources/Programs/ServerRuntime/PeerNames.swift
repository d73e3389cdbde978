import Addresses
import NameService
import Observability
import ServerSettings
import Synchronization

/// What an entry of `other-stun-servers` stands for now.
///
/// A name with several addresses of one family has a row for each; an entry without any address has one row.
struct ResolvedServer: Sendable, Hashable {
    /// The entry of the settings.
    let server: OtherServer
    /// Its IPv4 address; nil when it has none, or none is known yet.
    var v4: IPAddress?
    /// Its IPv6 address.
    var v6: IPAddress?
    /// What is wrong with the entry, in words; nil when nothing is.
    ///
    /// Old addresses stay in use meanwhile.
    var problem: String?
}

/// Keeps the addresses of `other-stun-servers` up to date: asks for each name at the start and again when the answer's
/// time is over.
///
/// A name that stops resolving keeps its last addresses. Whatever a name server sends, there are never more than
/// `mostAddresses` of a family and name, nor more than `mostServers` rows.
final class PeerNames: Sendable {
    /// How many addresses of one family are used of one name.
    static let mostAddresses = 4
    /// How many rows there are at most.
    static let mostServers = 64
    /// How long an answer is used, in seconds, whatever its own time says; a failed question is asked again after the least.
    static let usableTime = 30...600

    /// Waits that long; throws when the task is cancelled.
    typealias Pause = @Sendable (Duration) async throws -> Void

    private let work: PeerNamesWork
    private let task = Mutex<Task<Void, Never>?>(nil)

    /// Makes it; it asks nothing before `use`.
    ///
    /// - `listening`: the addresses that this server listens on: only if one of them is a loopback address, others may be.
    /// - `tell`: the log.
    /// - `onChange`: is given the whole list, in the order of the settings: soon after each `use` as far as it is known,
    ///   then each time that something is different. Never two at a time.
    init(
        _ resolver: any NameResolving,
        listening: [IPAddress],
        pause: @escaping Pause = { try await Task.sleep(for: $0) },
        tell: @escaping @Sendable (MessageCode, String) -> Void,
        onChange: @escaping @Sendable ([ResolvedServer]) -> Void
    ) {
        work = PeerNamesWork(
            resolver,
            allowsLoopback: listening.contains(where: \.isLoopback),
            pause: pause,
            tell: tell,
            onChange: onChange
        )
    }

    /// Cares for these servers from now on; what is known of names that stay is kept.
    func use(_ servers: [OtherServer]) {
        task.withLock { task in
            let old = task
            old?.cancel()
            task = Task { [work] in
                // One at a time, so that lists are told in order.
                await old?.value
                await work.run(servers)
            }
        }
    }

    /// Ends; nothing is told any more, soon.
    func stop() { task.withLock { $0?.cancel() } }

    deinit { stop() }
}
