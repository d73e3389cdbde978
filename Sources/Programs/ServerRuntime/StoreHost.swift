package import Addresses
package import ClusterStore
package import NameService
package import Observability
import Synchronization

/// The addresses of the host that `redis` names, looked up for each new connection.
///
/// While the name service fails the last ones stay in use.
package final class StoreHost: Sendable {
    /// How long a name may take: the thread that asks the Redis waits meanwhile.
    package static let patience = Duration.seconds(2)

    private struct Known {
        var addresses: [IPAddress] = []
        var isFailing = false
    }

    private let resolver: any NameResolving
    private let tell: @Sendable (MessageCode, String) -> Void
    private let known = Mutex(Known())

    /// - `tell`: the log; of each failure that lasts it is told once.
    package init(
        _ resolver: any NameResolving,
        tell: @escaping @Sendable (MessageCode, String) -> Void = { _, _ in }
    ) {
        self.resolver = resolver
        self.tell = tell
    }

    /// The addresses now, IPv4 first.
    package func addresses(of host: String) async throws(UnresolvedHost) -> [IPAddress] {
        do throws(NameError) {
            let found = try await resolver.addresses(of: host).records.map(\.address)
            known.withLock { $0 = Known(addresses: found) }
            return found
        } catch {
            let reason = error == .noData ? "the name exists, but has no address" : "\(error)"
            let (isNew, last) = known.withLock { known in
                defer { known.isFailing = true }
                return (!known.isFailing, known.addresses)
            }
            let use =
                last.isEmpty
                ? "" : "; its last addresses stay in use: " + last.map(\.description).joined(separator: ", ")
            if isNew { tell(.hostUnresolved, "\(host), which redis names: \(reason)\(use)") }
            guard !last.isEmpty else { throw UnresolvedHost(reason: reason) }
            return last
        }
    }
}
