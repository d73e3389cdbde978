import ClusterStore
import NameService
import ServerRuntime
import ServerSettings

/// The Redis that the settings name, for commands that work on it without the running server.
struct FleetStorePlace {
    let settings: Settings
    let store: RedisClusterStore

    /// - `instead`: what to do on a server without one, such as `leave --fleet out`.
    init(_ option: FileOption, instead: String) throws(Failure) {
        settings = try StorePlace(option).settings().settings
        guard let address = settings.redis else {
            throw Failure(
                .configuration,
                "redis is not set, so there is no store of a fleet: set it, or \(instead)"
            )
        }
        let host = StoreHost(NameService(timeout: StoreHost.patience))
        store = RedisClusterStore(address, login: settings.redisPassword) { name throws(UnresolvedHost) in
            try await host.addresses(of: name)
        }
    }
}
