import AccountStore
import Addresses
import Administration
import ClusterCore
import ClusterStore
import Observability
import PacketEngine
import ServerCore
import ServerSettings
import Synchronization

extension LiveServer {
    /// The link to the store of the fleet; nil without redis or without TURN.
    static func makeFleetStore(_ settings: Settings, _ plan: ListenPlan, _ relay: RelayService?) -> FleetStoreLink? {
        guard let address = settings.redis, let relay else { return nil }
        let store = RedisClusterStore(address, login: settings.redisPassword)
        return FleetStoreLink(
            store,
            name: fleetName(plan, relay),
            nonceKey: relay.ownNonceKey,
            coturn: settings.redisCoturnUsers ? CoturnUsers(store) : nil,
            realms: settings.realmNames
        )
    }

    /// What a server is called in its fleet: the address and port that its clients know it by.
    private static func fleetName(_ plan: ListenPlan, _ relay: RelayService) -> String {
        let address = relay.plan.addresses.first?.external ?? plan.v4.primary ?? plan.v6.primary ?? .unspecified(.v4)
        return "\(SocketAddress(address, port: plan.v4.port1))"
    }

    func beginFleetStore() {
        guard let fleetStore, let relay else { return }
        let (log, name) = (log, fleetStore.name)
        fleetStore.start(
            FleetStoreLink.Server(
                describe: { [weak self] in
                    await self?.describe(as: name) ?? (FleetMember(name: name), FleetTotals(counters: [:]))
                },
                counts: { Self.counts(relay.ledger) },
                adoptAccounts: { [weak self] users, secrets in
                    relay.share { ($0.users, $0.secrets) = (users, secrets) }
                    self?.adoptSharedAccounts()
                },
                adoptNonceKey: { [weak self] key in
                    relay.share { $0.nonceKey = key }
                    self?.adoptSharedAccounts()
                },
                adoptCounts: { counts in
                    let pairs = counts.map { (AccountKey(high: $0.high, low: $0.low), $0.allocations) }
                    relay.ledger.adopt(elsewhere: Dictionary(pairs) { first, _ in first })
                },
                share: { relay.ledger.share(among: $0) },
                onDrain: { [weak self] isAsked in self?.drain(isAsked) },
                onMembers: { [weak self] members in self?.fleetHooks.withLock { $0.members }?(members) },
                tell: { log.log($0, $1, at: SystemClock.realtime()) }
            )
        )
    }

    /// Who else is told what the store of the fleet says.
    struct FleetHooks: Sendable {
        /// Is told when this server is asked to drain, and when no more; nil means that it drains.
        var drain: (@Sendable (Bool) -> Void)?
        /// Is told every two seconds which servers there are, this one among them.
        var members: (@Sendable ([FleetMember]) -> Void)?
    }

    /// Drains as the store asks; the server stays, so that the store can take it back.
    private func drain(_ isAsked: Bool) {
        if let hook = fleetHooks.withLock({ $0.drain }) { return hook(isAsked) }
        let person = "the store of the fleet"
        Task {
            if isAsked {
                _ = try? await drain(DrainOrder(stays: true), by: person)
            } else {
                _ = try? await undrain(by: person)
            }
        }
    }

    private func describe(as name: String) async -> (member: FleetMember, totals: FleetTotals) {
        let own = cluster.link.findings.own
        let totals = PoolTotals(await pool.reports())
        let known = relay?.plan.addresses.map(\.external) ?? []
        let member = FleetMember(
            name: name,
            instance: cluster.instance,
            host: Self.hostName,
            addresses: known,
            port1: plan.v4.port1,
            port2: plan.v4.readsPort2 ? plan.v4.port2 : 0,
            version: version,
            load: own.load,
            allocations: totals.sessions,
            isDraining: own.isDraining
        )
        // Zeros would make the record long.
        let counted = totals.counters.named.filter { $0.value > 0 }.map { ($0.name, $0.value) }
        return (member, FleetTotals(counters: Dictionary(counted) { first, _ in first }))
    }

    /// The accounts with most allocations, as many as may be told.
    private static func counts(_ ledger: AccountLedger) -> [AllocationCount] {
        let counts = ledger.snapshot(month: RelayService.month).filter { $0.allocations > 0 }
            .map { AllocationCount(high: $0.key.high, low: $0.key.low, allocations: $0.allocations) }
        guard counts.count > StoreLimits.accounts else { return counts }
        return Array(counts.sorted { $0.allocations > $1.allocations }.prefix(StoreLimits.accounts))
    }

    /// Puts into force what the fleet shares of users, secrets and nonces; the settings stay.
    private func adoptSharedAccounts() {
        guard let relay else { return }
        reloading.withLock { _ in
            let settings = loaded.withLock { $0.settings }
            do throws(StartError) {
                let credentials = try relay.read(settings)
                let policy = self.policy.withLock { policy in
                    policy.turn = relay.policy(settings, credentials, listening: plan)
                    return policy
                }
                pool.adopt(policy)
                relay.adopt(credentials)
                tellAccounts(now: SystemClock.realtime())
            } catch {
                log.log(.startWarning, "The fleet's users are not in force: \(error)", at: SystemClock.realtime())
            }
        }
    }
}

extension Settings {
    /// The realms, each once.
    var realmNames: Set<String> { Set(realm.map(\.name)) }
}
