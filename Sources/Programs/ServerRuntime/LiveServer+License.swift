import Addresses
public import Administration
import Observability
import PacketEngine
import ServerCore
public import ServerSettings
import Synchronization

extension LiveServer {
    /// What the key in the settings is worth on this host, by its clock.
    public static func license(_ settings: Settings) -> LicenseState {
        let relays = RelayPlan(settings, outgoing: HostAddresses.outgoing).addresses
        let addresses =
            HostAddresses.all().map(\.address) + settings.address + settings.externalIp.map(\.external)
            + relays.map(\.external)
        return LicenseState(settings, addresses: addresses, now: RelayService.unixSeconds)
    }

    /// What workers go by at the start.
    static func makePolicy(
        _ settings: Settings,
        _ plan: ListenPlan,
        _ relay: RelayService?,
        workers: Int
    ) throws(StartError) -> Policy {
        var policy = try Policy(settings, plan: plan, workers: workers)
        policy.limitStatistics(settings, by: license(settings))
        if let relay { policy.turn = relay.policy(settings, relay.credentials, listening: plan) }
        return policy
    }

    /// Tells of a key that is not right.
    func tellLicense(_ state: LicenseState) {
        guard let trouble = state.trouble else { return }
        log.log(.licenceCheckFailed, "Licence check failed: \(trouble)", at: SystemClock.realtime())
    }

    /// Looks whether the licence has ended or begun meanwhile; nobody's relay ends by that.
    func lookAtLicense() {
        reloading.withLock { _ in
            let settings = loaded.withLock { $0.settings }
            let new = Self.license(settings)
            let old = license.withLock { license in
                defer { license = new }
                return license
            }
            guard new != old else { return }
            tellLicense(new)
            let policy = policy.withLock { policy in
                policy.limitStatistics(settings, by: new)
                return policy
            }
            pool.adopt(policy)
        }
    }
}

extension Policy {
    /// Keeps as many sources as the settings say and the licence allows.
    mutating func limitStatistics(_ settings: Settings, by license: LicenseState) {
        statisticsRows = min(settings.statisticsRows, license.statisticsRows ?? .max)
    }
}
