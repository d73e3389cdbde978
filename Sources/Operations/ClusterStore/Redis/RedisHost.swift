package import Addresses
import Dispatch
import ServerSettings
import Synchronization

/// Looks up the IP addresses of a host name.
package typealias HostResolver = @Sendable (_ host: String) async throws(UnresolvedHost) -> [IPAddress]

/// Why a host name stands for no address.
package struct UnresolvedHost: Error, Hashable {
    /// The reason, in words.
    package let reason: String

    /// Names the reason.
    package init(reason: String) { self.reason = reason }
}

/// Where a Redis is now: its socket, its IP address, or what its host name stands for at the moment.
struct RedisHost: Sendable {
    /// How many addresses of a name are tried.
    private static let mostAddresses = 4

    /// What messages call it.
    let name: String
    private let place: RedisAddress.Place
    private let resolve: HostResolver

    init(_ address: RedisAddress, _ resolve: @escaping HostResolver, place name: String) {
        self.name = name
        self.resolve = resolve
        place = address.place
    }

    /// The places to connect to, one after the other; waits for the name service on the thread that calls.
    func places() throws(ClusterStoreError) -> [RedisAddress.Place] {
        guard case .tcp(let host, let port) = place, IPAddress(host) == nil else { return [place] }
        let answer = Answer()
        Task { [resolve] in
            do throws(UnresolvedHost) {
                answer.give(.success(try await resolve(host)))
            } catch {
                answer.give(.failure(error))
            }
        }
        switch answer.wait() {
        case .success(let addresses):
            return addresses.prefix(Self.mostAddresses).map { .tcp(host: "\($0)", port: port) }
        case .failure(let error): throw .unresolved(place: name, reason: error.reason)
        }
    }

    /// What a task tells the thread that waits for it.
    private final class Answer: Sendable {
        private let value = Mutex<Result<[IPAddress], UnresolvedHost>?>(nil)
        private let isThere = DispatchSemaphore(value: 0)

        func give(_ result: Result<[IPAddress], UnresolvedHost>) {
            value.withLock { $0 = result }
            isThere.signal()
        }

        func wait() -> Result<[IPAddress], UnresolvedHost> {
            isThere.wait()
            return value.withLock { $0 } ?? .success([])
        }
    }
}
