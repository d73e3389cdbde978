import AccountStore
import Addresses
import Administration
import ClusterCore
import ClusterStore
import NameService
import Observability
import PacketEngine
import ServerCore
import ServerSettings
import Synchronization

extension LiveServer {
    /// The link to the store of the fleet; nil without redis, and where it would be of no use: with neither TURN nor a
    /// cluster key.
    static func makeFleetStore(
        _ settings: Settings,
        _ plan: ListenPlan,
        _ relay: RelayService?,
        _ log: EventLog
    ) -> FleetStoreLink? {
        guard let address = settings.redis, relay != nil || settings.clusterKey != nil else { return nil }
        let host = StoreHost(NameService(timeout: StoreHost.patience)) {
            log.log($0, $1, at: SystemClock.realtime())
        }
        let store = RedisClusterStore(address, login: settings.redisPassword) { name throws(UnresolvedHost) in
            try await host.addresses(of: name)
        }
        return FleetStoreLink(
            store,
            name: fleetName(settings, plan, relay),
            nonceKey: relay?.ownNonceKey ?? RelayService.makeNonceKey(),
            coturn: relay != nil && settings.redisCoturnUsers ? CoturnUsers(store) : nil,
            realms: settings.realmNames
        )
    }

    /// What a server is called in its fleet: the address and port that its clients know it by.
    private static func fleetName(_ settings: Settings, _ plan: ListenPlan, _ relay: RelayService?) -> String {
        let known = relay?.plan.addresses.first?.external ?? clientAddresses(settings).first
        return "\(SocketAddress(known ?? plan.v4.primary ?? plan.v6.primary ?? .unspecified(.v4), port: plan.v4.port1))"
    }

    /// The addresses by which clients and other servers reach the STUN ports, one of a family at most.
    private static func clientAddresses(_ settings: Settings) -> [IPAddress] {
        IPAddress.Family.allCases.compactMap { ZonePlan.address($0, settings, HostAddresses.outgoing) }
    }

    func beginFleetStore() {
        guard let fleetStore else { return }
        let (log, name, relay) = (log, fleetStore.name, relay)
        let addresses = Self.clientAddresses(started)
        fleetStore.start(
            FleetStoreLink.Server(
                describe: { [weak self] in
                    await self?.describe(as: name, addresses)
                        ?? (FleetMember(name: name), FleetTotals(counters: [:]))
                },
                counts: { relay.map { Self.counts($0.ledger) } ?? [] },
                adoptAccounts: { [weak self] users, secrets in
                    relay?.share { ($0.users, $0.secrets) = (users, secrets) }
                    self?.adoptSharedAccounts()
                },
                adoptNonceKey: { [weak self] key in
                    relay?.share { $0.nonceKey = key }
                    self?.adoptSharedAccounts()
                },
                adoptCounts: { counts in
                    let pairs = counts.map { (AccountKey(high: $0.high, low: $0.low), $0.allocations) }
                    relay?.ledger.adopt(elsewhere: Dictionary(pairs) { first, _ in first })
                },
                share: { relay?.ledger.share(among: $0) },
                onDrain: { [weak self] isAsked in await self?.drain(isAsked) },
                onMembers: { [weak self] members in self?.cluster.adopt(members, name: name) },
                tell: { log.log($0, $1, at: SystemClock.realtime()) }
            )
        )
    }

    /// Who orders a drain that the store asks for.
    static let storePerson = "the store of the fleet"

    /// Drains as the store asks; the server stays, so that the store can take it back.
    ///
    /// What a person ordered here is neither replaced nor taken back.
    private func drain(_ isAsked: Bool) async {
        let state = drainState.withLock { $0 }
        if isAsked, state.order == nil {
            _ = try? await drain(DrainOrder(stays: true), by: Self.storePerson)
        } else if !isAsked, state.order != nil, state.person == Self.storePerson {
            _ = try? await undrain(by: Self.storePerson)
        }
    }

    private func describe(
        as name: String,
        _ addresses: [IPAddress]
    ) async -> (member: FleetMember, totals: FleetTotals) {
        // Not what the link found: without a list of other servers it looks at nothing.
        let own = cluster.own()
        let totals = PoolTotals(await pool.reports())
        let member = FleetMember(
            name: name,
            instance: cluster.instance,
            host: Self.hostName,
            addresses: addresses,
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
