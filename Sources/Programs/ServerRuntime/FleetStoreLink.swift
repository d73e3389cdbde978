import AccountStore
import Administration
import ClusterStore
import Dispatch
import Observability
import Synchronization

/// Keeps this server and the store of its fleet in step, every two seconds.
///
/// Nothing that a client waits for waits for the store, and no packet does. While the store is lost all that is known stays
/// in force, and each server gives a user its share of the limit.
final class FleetStoreLink: Sendable {
    /// Seconds from one look to the next.
    private static let period = 2
    /// How long the others take a server for there that says nothing more.
    private static let lifetime = Duration.seconds(10)
    /// After how many looks coturn's users are read again: once a minute.
    private static let coturnPause = 30

    /// What the store means to this server.
    struct Server: Sendable {
        /// Describes this server, and what it has counted.
        let describe: @Sendable () async -> (member: FleetMember, totals: FleetTotals)
        /// How many allocations accounts have here.
        let counts: @Sendable () -> [AllocationCount]
        /// Takes the users and secrets of the fleet.
        let adoptAccounts: @Sendable ([StoredUser], [StoredSecret]) -> Void
        /// Takes the nonce key of the fleet.
        let adoptNonceKey: @Sendable ([UInt8]) -> Void
        /// Takes how many allocations accounts have on the others.
        let adoptCounts: @Sendable ([AllocationCount]) -> Void
        /// Takes among how many servers limits are shared out; 1 while the servers count together.
        let share: @Sendable (Int) -> Void
        /// Is told with each look whether this server is asked to drain.
        let onDrain: @Sendable (Bool) async -> Void
        /// Is told which servers there are, this one among them.
        let onMembers: @Sendable ([FleetMember]) -> Void
        /// The log.
        let tell: @Sendable (MessageCode, String) -> Void
    }

    struct State {
        /// nil before the first look.
        var isReached: Bool?
        var trouble: String?
        var members: [FleetMember] = []
        /// What the servers have counted together, as it was read last.
        var totals: [String: UInt64] = [:]
        var drains = DrainSignals()
        var accounts = FleetAccounts(version: 0, users: [], secrets: [])
        var accountsTrouble: String?
        var hasLostData = false
        var coturn = FleetAccounts(version: 0, users: [], secrets: [])
        var coturnTrouble: String?
        var looksUntilCoturn = 0
        var realms: Set<String>
        var nonceKey: [UInt8]
        var isStopped = false

        /// How many servers there were when the store answered last, this one among them.
        var memberCount: Int { max(1, members.count) }
    }

    /// What this server is called in the fleet.
    let name: String
    let store: any ClusterStore
    /// Reads coturn's users; nil when they are not wanted.
    private let coturn: CoturnUsers?
    let state: Mutex<State>
    private let server = Mutex<Server?>(nil)
    private let task = PeriodicTask(every: period)
    private let farewell = DispatchGroup()

    /// Names a store; `nonceKey` becomes the fleet's when that has none.
    init(
        _ store: any ClusterStore,
        name: String,
        nonceKey: [UInt8],
        coturn: CoturnUsers? = nil,
        realms: Set<String> = []
    ) {
        self.store = store
        self.name = name
        self.coturn = coturn
        state = Mutex(State(realms: realms, nonceKey: nonceKey))
    }

    /// Looks at once, and then every two seconds.
    func start(_ server: Server) {
        self.server.withLock { $0 = server }
        task.start(atOnce: true) { [weak self] in await self?.look() }
    }

    /// Reads coturn's users of these realms with the next look, and not a minute later.
    func refresh(realms: Set<String>) { state.withLock { ($0.looksUntilCoturn, $0.realms) = (0, realms) } }

    /// Ends, and tells the others so when the store can be asked; else they see it within ten seconds.
    func stop() {
        task.stop()
        let isFirst = state.withLock { state in
            defer { state.isStopped = true }
            return !state.isStopped
        }
        guard isFirst else { return }
        farewell.enter()
        let (store, name, farewell) = (store, name, farewell)
        Task {
            try? await store.removeMember(named: name)
            farewell.leave()
        }
    }

    /// Waits until the others have been told, half a second at most: the process ends with that.
    func waitForFarewell() { _ = farewell.wait(timeout: .now() + .milliseconds(500)) }

    /// One look: what there is to say is said, what there is to know is read.
    func look() async {
        guard let server = server.withLock({ $0 }), !isStopped else { return }
        do throws(ClusterStoreError) {
            try await publish(server)
            try await readMembers(server)
            try await readNonceKey(server)
            // Before limits are whole again the others' counts must be known.
            server.adoptCounts(try await store.counts(elsewhereThan: name))
            reached(server)
        } catch {
            lost(error, server)
            return
        }
        await takeAccounts(server)
        await readCoturn(server)
    }

    private var isStopped: Bool { state.withLock(\.isStopped) }

    private func publish(_ server: Server) async throws(ClusterStoreError) {
        let (member, totals) = await server.describe()
        // Else it would be there again for ten seconds.
        guard !isStopped else { return }
        try await store.publish(member, expiresIn: Self.lifetime)
        try await store.publish(server.counts(), of: name, expiresIn: Self.lifetime)
        try await store.publish(totals, of: name, expiresIn: Self.lifetime)
    }

    private func readMembers(_ server: Server) async throws(ClusterStoreError) {
        let members = try await store.members()
        let drains = try await store.drains()
        state.withLock { ($0.members, $0.drains) = (members, drains) }
        server.onMembers(members)
        await server.onDrain(drains.mean(name))
    }

    /// The key that this server has is offered each time: a store that has lost its data gets it back.
    private func readNonceKey(_ server: Server) async throws(ClusterStoreError) {
        let key = try await store.nonceKey(orElse: state.withLock { $0.nonceKey })
        let hasChanged = state.withLock { state in
            defer { state.nonceKey = key }
            return state.nonceKey != key
        }
        if hasChanged { server.adoptNonceKey(key) }
    }

    /// Reads users and secrets; a store that answers but does not give them is not lost, so limits stay whole.
    private func takeAccounts(_ server: Server) async {
        do throws(ClusterStoreError) {
            try await readAccounts(server)
            state.withLock { $0.accountsTrouble = nil }
        } catch {
            guard !error.isSilence else { return lost(error, server) }
            let trouble = "users and secrets of the fleet can't be read again, those that are known stay good: \(error)"
            let isNew = state.withLock { state in
                defer { state.accountsTrouble = trouble }
                return state.accountsTrouble != trouble
            }
            if isNew { server.tell(.fleetStoreLost, trouble) }
        }
    }

    private func readAccounts(_ server: Server) async throws(ClusterStoreError) {
        let version = try await store.accountsVersion()
        let known = state.withLock { $0.accounts.version }
        guard version != known else { return }
        guard version > 0 else {
            // A Redis that has started without its data: nobody has removed all users.
            let isNew = state.withLock { state in
                defer { state.hasLostData = true }
                return !state.hasLostData
            }
            if isNew { server.tell(.fleetStoreLost, Self.lostData(store.place)) }
            return
        }
        let accounts = try await store.accounts()
        state.withLock { state in
            state.accounts = accounts
            state.hasLostData = false
        }
        if accounts.unreadable > 0 {
            let count = HumanText.count(accounts.unreadable, "record")
            server.tell(.startWarning, "\(count) of users and secrets in \(store.place) can't be read: write them anew")
        }
        adopt(server)
    }

    private func readCoturn(_ server: Server) async {
        guard let coturn else { return }
        let isDue = state.withLock { state in
            state.looksUntilCoturn -= 1
            guard state.looksUntilCoturn < 0 else { return false }
            state.looksUntilCoturn = Self.coturnPause - 1
            return true
        }
        guard isDue else { return }
        do throws(ClusterStoreError) {
            let accounts = try await coturn.accounts(realms: state.withLock { $0.realms })
            let hasChanged = state.withLock { state in
                defer { (state.coturn, state.coturnTrouble) = (accounts, nil) }
                return state.coturn != accounts
            }
            if hasChanged { adopt(server) }
        } catch {
            let trouble = "coturn's users can't be read again, those that are known stay good: \(error)"
            let isNew = state.withLock { state in
                defer { state.coturnTrouble = trouble }
                return state.coturnTrouble != trouble
            }
            if isNew { server.tell(.startWarning, trouble) }
        }
    }

    private func adopt(_ server: Server) {
        let (accounts, coturn) = state.withLock { ($0.accounts, $0.coturn) }
        server.adoptAccounts(accounts.users + coturn.users, accounts.secrets + coturn.secrets)
    }

    private func reached(_ server: Server) {
        server.share(1)
        let (isNew, members) = state.withLock { state in
            defer { (state.isReached, state.trouble) = (true, nil) }
            return (state.isReached != true, state.memberCount)
        }
        guard isNew else { return }
        server.tell(.fleetStoreReached, "\(store.place) answers: \(HumanText.count(members, "server")) in the fleet")
    }

    private func lost(_ error: ClusterStoreError, _ server: Server) {
        let (isNew, trouble, members) = state.withLock { state in
            let share =
                state.memberCount > 1
                ? "a user may have a share of user-allocations here, the limit divided by \(state.memberCount) servers"
                : "user-allocations holds for this server alone"
            let trouble = "\(error); known users and secrets stay good, and \(share)"
            defer { (state.isReached, state.trouble) = (false, trouble) }
            return (state.isReached != false, trouble, state.memberCount)
        }
        // In this order: for a moment too little is granted, and not too much.
        server.share(members)
        server.adoptCounts([])
        if isNew { server.tell(.fleetStoreLost, trouble) }
    }

    static func lostData(_ place: String) -> String {
        "\(place) has lost its data: users and secrets that were in it stay good on the servers that knew them, until "
            + "somebody writes users or secrets to it again"
    }
}
