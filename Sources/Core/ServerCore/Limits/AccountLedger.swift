public import STUNAuthentication
import Synchronization

/// Who has an account: 128 bits made from realm and user name, as whoever makes them likes.
public struct AccountKey: Hashable, Sendable {
    /// The first 64 bits.
    public let high: UInt64
    /// The last 64 bits.
    public let low: UInt64

    /// Joins the two halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The key of a user.
    public init(_ user: UserID) { self.init(high: user.high, low: user.low) }
}

/// What an account had in use at one moment.
public struct AccountUsage: Sendable, Equatable {
    /// Whose it is.
    public let key: AccountKey
    /// Bytes relayed in the month.
    public let bytes: UInt64
    /// Allocations that lived.
    public let allocations: Int

    /// Joins the parts.
    public init(key: AccountKey, bytes: UInt64, allocations: Int) {
        self.key = key
        self.bytes = bytes
        self.allocations = allocations
    }
}

/// The accounts of all users: asked when an allocation is made, never for a packet.
///
/// An account that nobody holds and that has relayed nothing in the month is forgotten. Beyond `capacity` accounts so are
/// those that nobody holds and that relayed least, so that memory stays bounded however many users come by.
public final class AccountLedger: Sendable {
    /// The account of all users together.
    public let total = Account()
    /// The mirrors of all clients together.
    public let mirrors = Account()
    /// What all allocations take of the host's memory.
    public let memory = MemoryBudget()
    private let sharers = Atomic<Int>(1)
    private let capacity: Int
    private let book: Mutex<AccountBook>

    /// No accounts; room for about `capacity` of users without allocations.
    public init(capacity: Int) {
        self.capacity = max(1, capacity)
        book = Mutex(AccountBook(fullAt: self.capacity))
    }

    /// The account of a user, made when there is none.
    ///
    /// Whoever has an allocation holds it: an account that is held is never forgotten, so that all of a user's
    /// allocations are counted in the same one.
    public func account(for key: AccountKey, month: AccountMonth) -> Account {
        book.withLock { book in
            if let account = book.accounts[key] { return account }
            if book.accounts.count >= book.fullAt { book.forget(month: month, capacity: capacity) }
            let account = Account()
            account.set(elsewhere: book.elsewhere[key] ?? 0)
            book.accounts[key] = account
            return account
        }
    }

    /// The accounts with bytes in a month or with allocations, for saving and for showing; in no order.
    public func snapshot(month: AccountMonth) -> [AccountUsage] {
        book.withLock { book in
            book.accounts.compactMap { key, account in
                let usage = AccountUsage(key: key, bytes: account.bytes(in: month), allocations: account.allocations)
                return usage.bytes == 0 && usage.allocations == 0 ? nil : usage
            }
        }
    }

    /// Sets bytes of a month to what was saved before the start.
    public func restore(_ saved: [AccountUsage], month: AccountMonth) {
        for usage in saved where usage.bytes > 0 {
            account(for: usage.key, month: month).preset(bytes: usage.bytes, month: month)
        }
    }

    /// Takes what the other servers of the fleet count: allocations by account.
    ///
    /// Accounts that are not named have none there.
    public func adopt(elsewhere counts: [AccountKey: Int]) {
        book.withLock { book in
            for key in book.elsewhere.keys where counts[key] == nil { book.accounts[key]?.set(elsewhere: 0) }
            for (key, count) in counts { book.accounts[key]?.set(elsewhere: count) }
            book.elsewhere = counts
        }
    }

    /// Among how many servers a limit of the fleet is shared out; 1 while they tell each other what they count.
    public func share(among servers: Int) { sharers.store(max(1, servers), ordering: .relaxed) }

    /// What this server may give out of a limit of the whole fleet.
    public func share(of limit: Int) -> Int {
        let servers = sharers.load(ordering: .relaxed)
        guard servers > 1, limit > 0, limit < .max else { return limit }
        // Rounded up: a limit of 1 must not become none.
        return (limit - 1) / servers + 1
    }

    /// How many accounts are remembered.
    var count: Int { book.withLock { $0.accounts.count } }
}

private struct AccountBook {
    var accounts: [AccountKey: Account] = [:]
    /// What the other servers of the fleet count, for accounts that are made later too.
    var elsewhere: [AccountKey: Int] = [:]
    /// At how many accounts to look for some to forget: the work is spread over many new ones.
    var fullAt: Int

    /// Forgets idle accounts: those without bytes, and while there are too many the ones with fewest.
    mutating func forget(month: AccountMonth, capacity: Int) {
        var idle: [(key: AccountKey, bytes: UInt64)] = []
        // By index: a loop over the dictionary would hold each account itself.
        var index = accounts.startIndex
        while index != accounts.endIndex {
            if isKnownUniquelyReferenced(&accounts.values[index]), accounts.values[index].allocations == 0 {
                idle.append((accounts.keys[index], accounts.values[index].bytes(in: month)))
            }
            accounts.formIndex(after: &index)
        }
        idle.sort { $0.bytes < $1.bytes }
        let wanted = capacity - capacity / 8
        for (key, bytes) in idle {
            guard bytes == 0 || accounts.count >= wanted else { break }
            accounts[key] = nil
        }
        fullAt = max(capacity, accounts.count + accounts.count / 8 + 1)
    }
}
