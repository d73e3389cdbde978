import AccountStore
import Addresses
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
    private let ownNonceKey = [32 of UInt8].random
    private let current: Mutex<Credentials>

    /// Opens the store of users; nil when TURN is off.
    ///
    /// - Throws: Why the store cannot be opened or read, or that no address of this host can relay.
    init?(_ settings: Settings, database: String) throws(StartError) {
        guard settings.turn else { return nil }
        plan = RelayPlan(settings, outgoing: HostAddresses.outgoing)
        guard !plan.addresses.isEmpty else { throw .noRelayAddress }
        table = RelayTable(plan.addresses, ports: settings.relayPorts)
        do throws(AccountStoreError) {
            store = try AccountStore(path: database)
            madeFirstSecret = try store.makeFirstSecret(for: settings, now: Self.unixSeconds)
            current = Mutex(try Credentials(settings, store))
            let month = CalendarMonth(unixTime: Self.unixSeconds)
            ledger.restore(try store.usage(in: month).compactMap(AccountUsage.init), month: Self.month)
        } catch {
            throw .accounts(error.description)
        }
    }

    /// Users and secrets as they were read last.
    var credentials: Credentials { current.withLock { $0 } }

    /// Reads users and secrets again, and makes what workers go by.
    ///
    /// - Throws: Why the store cannot be read; what was read before stays in force.
    func policy(_ settings: Settings, listening: ListenPlan) throws(StartError) -> TURNPolicy {
        let credentials: Credentials
        do throws(AccountStoreError) {
            credentials = try Credentials(settings, store)
        } catch {
            throw .accounts(error.description)
        }
        current.withLock { $0 = credentials }
        let key = settings.nonceKey.flatMap([32 of UInt8].init) ?? ownNonceKey
        let nonces = NonceIssuer(key: key, lifetime: UInt32(clamping: settings.nonceLifetime))
        return TURNPolicy(settings, book: credentials.book, nonces: nonces, plan: listening, relays: plan)
    }

    /// Writes down what users have relayed this month.
    func saveUsage() throws(AccountStoreError) {
        let usage = ledger.snapshot(month: Self.month).filter { $0.bytes > 0 }.map(UserUsage.init)
        try store.save(usage, in: CalendarMonth(unixTime: Self.unixSeconds))
    }

    static var unixSeconds: Int64 { SystemClock.realtime() / 1_000_000_000 }
    static var month: AccountMonth { AccountMonth(unixSeconds: UInt64(clamping: unixSeconds)) }
}

// Users are stored by the hash that quotas go by: the names of time-limited credentials are not known beforehand.
extension UserUsage {
    fileprivate init(_ usage: AccountUsage) {
        let digits = [usage.key.high, usage.key.low].map { half in
            let text = String(half, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        self.init(name: digits.joined(), realm: "", bytes: Int64(clamping: usage.bytes))
    }
}

extension AccountUsage {
    fileprivate init?(_ usage: UserUsage) {
        guard usage.name.count == 32, let high = UInt64(usage.name.prefix(16), radix: 16),
            let low = UInt64(usage.name.suffix(16), radix: 16)
        else { return nil }
        self.init(key: AccountKey(high: high, low: low), bytes: UInt64(clamping: usage.bytes), allocations: 0)
    }
}

extension InlineArray where Element == UInt8, count == 32 {
    /// 32 bytes that nobody can foresee.
    fileprivate static var random: Self {
        var generator = SystemRandomNumberGenerator()
        return Self { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// The bytes of a list of 32.
    fileprivate init?(_ bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.init { bytes[$0] }
    }
}
