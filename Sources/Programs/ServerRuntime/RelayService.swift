import AccountStore
import Addresses
import ClusterCore
import ClusterStore
import Foundation
import PacketEngine
import STUNAuthentication
import ServerCore
import ServerSettings
import Synchronization

/// What TURN needs besides the workers: users and secrets, quotas, relay addresses and their ports.
final class RelayService: Sendable {
    /// Accounts of users without allocations that are remembered.
    private static let rememberedAccounts = 100_000

    /// The relay addresses.
    let plan: RelayPlan
    /// Their ports.
    let table: RelayTable
    /// What each user has in use.
    let ledger = AccountLedger(capacity: rememberedAccounts)
    /// Whether this start made the first secret.
    let madeFirstSecret: Bool
    private let store: AccountStore
    /// The key of nonces for as long as no setting names one.
    let ownNonceKey = RelayService.makeNonceKey()
    private let current: Mutex<Credentials>
    private let saved: Mutex<SavedUsage>
    /// What the store of the fleet had last; kept while that is lost.
    private let shared = Mutex(FleetShare())

    /// What a fleet shares of users, secrets and nonces.
    struct FleetShare {
        var users: [StoredUser] = []
        var secrets: [StoredSecret] = []
        var nonceKey: [UInt8]?
    }

    /// Opens the store of users; nil when TURN is off.
    ///
    /// - Throws: Why the store cannot be opened or read, or that no address of this host can relay.
    init?(_ settings: Settings, database: String, files: FileBudget = FileBudget()) throws(StartError) {
        guard settings.turn else { return nil }
        plan = RelayPlan(settings, outgoing: HostAddresses.outgoing)
        guard !plan.addresses.isEmpty else { throw .noRelayAddress }
        table = RelayTable(plan.addresses, ports: settings.relayPorts, files: files)
        do throws(AccountStoreError) {
            store = try AccountStore(path: database)
            // With a fleet's users and secrets a secret of this server alone would only make credentials that no other
            // server takes.
            let isAlone = settings.redis == nil
            madeFirstSecret = isAlone ? try store.makeFirstSecret(for: settings, now: Self.unixSeconds) : false
            current = Mutex(try Credentials(settings, store))
            let month = Self.month
            let usage = try store.usage(month: Int64(month.number)).compactMap(AccountUsage.init)
            ledger.restore(usage, month: month)
            saved = Mutex(SavedUsage(usage, month: month))
        } catch {
            throw .accounts(error.description)
        }
    }

    /// Users and secrets as they are in force.
    var credentials: Credentials { current.withLock { $0 } }

    /// Reads users and secrets again; they are in force with `adopt`.
    func read(_ settings: Settings) throws(StartError) -> Credentials {
        do throws(AccountStoreError) {
            let fleet = shared.withLock { $0 }
            return try Credentials(settings, store, fleetUsers: fleet.users, fleetSecrets: fleet.secrets)
        } catch {
            throw .accounts(error.description)
        }
    }

    /// Takes what the fleet shares now; users and secrets are in force when they have been read and adopted.
    func share(_ change: (inout FleetShare) -> Void) { shared.withLock { change(&$0) } }

    /// Puts users and secrets in force that were read before.
    func adopt(_ credentials: Credentials) { current.withLock { $0 = credentials } }

    /// What workers go by with these users and secrets.
    func policy(_ settings: Settings, _ credentials: Credentials, listening: ListenPlan) -> TURNPolicy {
        TURNPolicy(settings, book: credentials.book, nonces: nonces(settings), plan: listening, relays: plan)
    }

    /// What makes and checks nonces: with the key of the settings, else with one that follows from the cluster key, so that
    /// a nonce of one server is good on the others, else with the one of the fleet's store, else with one that no other
    /// server has.
    func nonces(_ settings: Settings) -> NonceIssuer {
        let lifetime = UInt32(clamping: settings.nonceLifetime)
        if settings.nonceKey == nil, let key = settings.clusterKey {
            return NonceIssuer(key: ClusterKey(secret: key).bytes(for: "stund nonce"), lifetime: lifetime)
        }
        let key = settings.nonceKey ?? shared.withLock { $0.nonceKey } ?? ownNonceKey
        return NonceIssuer(sharedKey: key, lifetime: lifetime)
    }

    /// Writes down what users have relayed this month.
    func saveUsage() throws(AccountStoreError) {
        try saved.withLock { saved throws(AccountStoreError) in
            // Looked at with the lock held: of two savings the later one must not write the older amounts.
            let month = Self.month
            let usage = ledger.snapshot(month: month)
            let changed = saved.changes(in: usage, month: month)
            guard !changed.isEmpty else { return }
            try store.save(changed.map(UserUsage.init), month: Int64(month.number))
            saved.take(changed, month: month)
        }
    }

    /// Whether the store can be read now; throws why not.
    func checkStore() throws(AccountStoreError) {
        // SQLite would go on with a file that has been deleted, and all that it is told would be lost.
        guard FileManager.default.fileExists(atPath: store.path) else {
            throw .system(path: store.path, reason: "the file is gone; put it back and restart the server")
        }
        // No usage of such a month is there, but SQLite has to look.
        _ = try store.usage(month: 0)
    }

    /// A key of nonces that nobody else has.
    static func makeNonceKey() -> [UInt8] { (0..<32).map { _ in UInt8.random(in: .min ... .max) } }
    static var unixSeconds: Int64 { SystemClock.realtime() / 1_000_000_000 }
    static var month: AccountMonth { AccountMonth(unixSeconds: UInt64(clamping: unixSeconds)) }
}

/// What the store has of a month, so that only what has changed is written.
struct SavedUsage {
    private var month: AccountMonth
    private var bytes: [AccountKey: UInt64]

    /// Takes what was read from the store.
    init(_ usage: [AccountUsage], month: AccountMonth) {
        self.month = month
        bytes = Dictionary(usage.map { ($0.key, $0.bytes) }) { first, _ in first }
    }

    /// The accounts that have relayed something the store does not have.
    func changes(in usage: [AccountUsage], month: AccountMonth) -> [AccountUsage] {
        usage.filter { $0.bytes > 0 && (month != self.month || bytes[$0.key] != $0.bytes) }
    }

    /// Takes what was written; with a new month the store has forgotten the old one.
    mutating func take(_ usage: [AccountUsage], month: AccountMonth) {
        if month != self.month { self = SavedUsage([], month: month) }
        for account in usage { bytes[account.key] = account.bytes }
    }
}

extension UserUsage {
    fileprivate init(_ usage: AccountUsage) {
        let digits = [usage.key.high, usage.key.low].map { half in
            let text = String(half, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        self.init(account: digits.joined(), bytes: Int64(clamping: usage.bytes))
    }
}

extension AccountUsage {
    fileprivate init?(_ usage: UserUsage) {
        guard usage.account.count == 32, let high = UInt64(usage.account.prefix(16), radix: 16),
            let low = UInt64(usage.account.suffix(16), radix: 16)
        else { return nil }
        self.init(key: AccountKey(high: high, low: low), bytes: UInt64(clamping: usage.bytes), allocations: 0)
    }
}
