import Testing
import WireFixtures

@testable import ServerCore

@Suite("AccountLedger: one account a user, in bounded memory")
struct AccountLedgerTests {
    static let may = AccountTests.may
    let ledger = AccountLedger(capacity: 100)

    @Test("a user has one account, another user another one")
    func identity() {
        let first = ledger.account(for: key(1), month: Self.may)
        #expect(ledger.account(for: key(1), month: Self.may) === first)
        #expect(ledger.account(for: AccountKey(high: 1, low: 0), month: Self.may) !== first)
        #expect(ledger.account(for: AccountKey(high: 0, low: 1), month: Self.may) === first)
        #expect(ledger.total !== first)
    }

    @Test("a hundred thousand users who come by leave nothing, and those who hold an account keep it (row 37)")
    func forgetting() {
        let held = (0..<10).map { ledger.account(for: key($0), month: Self.may) }
        #expect(held[0].tryAddAllocation(limit: 1))
        for number in 100..<100_000 {
            _ = ledger.account(for: key(number), month: Self.may)
        }
        #expect(ledger.count <= 101)
        for (number, account) in held.enumerated() {
            #expect(ledger.account(for: key(number), month: Self.may) === account)
        }
        #expect(!ledger.account(for: key(0), month: Self.may).tryAddAllocation(limit: 1))
    }

    @Test("what other servers of the fleet count is taken off the limit, of accounts that are made later too")
    func elsewhere() {
        let account = ledger.account(for: key(1), month: Self.may)
        ledger.adopt(elsewhere: [key(1): 2, key(2): 3, key(3): .max])
        #expect((0..<3).map { _ in account.tryAddAllocation(limit: 3) } == [true, false, false])
        #expect(account.tryAddAllocation(limit: .max))
        let later = ledger.account(for: key(2), month: Self.may)
        #expect(!later.tryAddAllocation(limit: 3) && later.tryAddAllocation(limit: 4))
        #expect(!ledger.account(for: key(3), month: Self.may).tryAddAllocation(limit: -1))
        ledger.adopt(elsewhere: [key(2): 1])
        #expect(account.elsewhere == 0 && later.elsewhere == 1)
        #expect(ledger.account(for: key(4), month: Self.may).elsewhere == 0)
    }

    @Test("a limit is shared out among servers that do not hear of each other, and none of them gets nothing")
    func sharing() {
        #expect([0, 1, 5, .max].map { ledger.share(of: $0) } == [0, 1, 5, .max])
        ledger.share(among: 3)
        #expect([0, 1, 3, 4, 4096, .max].map { ledger.share(of: $0) } == [0, 1, 1, 2, 1366, .max])
        ledger.share(among: 0)
        #expect(ledger.share(of: 5) == 5)
    }

    @Test("a counted allocation keeps an account that nobody holds any more")
    func allocationsKeep() {
        #expect(ledger.account(for: key(0), month: Self.may).tryAddAllocation(limit: 1))
        for number in 1..<10_000 { _ = ledger.account(for: key(number), month: Self.may) }
        #expect(ledger.account(for: key(0), month: Self.may).allocations == 1)
    }

    @Test("bytes are remembered up to the capacity, the heaviest users' longest; in a new month they are forgotten")
    func heaviest() {
        for number in 0..<10_000 {
            ledger.account(for: key(number), month: Self.may).add(bytes: 10_000 - number, month: Self.may)
        }
        #expect(ledger.count <= 101)
        for number in 0..<50 {
            #expect(ledger.account(for: key(number), month: Self.may).bytes(in: Self.may) == 10_000 - UInt64(number))
        }
        for number in 20_000..<20_200 { _ = ledger.account(for: key(number), month: AccountTests.june) }
        #expect(ledger.snapshot(month: Self.may).allSatisfy { $0.key.low >= 20_000 })
    }

    @Test("with more live accounts than the capacity all are kept")
    func liveBeyondCapacity() {
        let held = (0..<1000).map { ledger.account(for: key($0), month: Self.may) }
        for number in 5000..<20_000 { _ = ledger.account(for: key(number), month: Self.may) }
        #expect(ledger.count <= 1127)
        for (number, account) in held.enumerated() {
            #expect(ledger.account(for: key(number), month: Self.may) === account)
        }
    }

    @Test("what was saved is there again after a start")
    func saving() {
        for number in 0..<20 {
            let account = ledger.account(for: key(number), month: Self.may)
            if number < 10 { account.add(bytes: number, month: Self.may) }
            if number == 15 { #expect(account.tryAddAllocation(limit: 1)) }
        }
        let saved = ledger.snapshot(month: Self.may).sorted { $0.key.low < $1.key.low }
        #expect(saved.map(\.key.low) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 15])
        #expect(saved.map(\.allocations) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
        let next = AccountLedger(capacity: 100)
        next.restore(saved, month: Self.may)
        #expect(next.count == 9)
        #expect(next.account(for: key(9), month: Self.may).bytes(in: Self.may) == 9)
        #expect(next.snapshot(month: AccountTests.june).isEmpty)
    }

    @Test("workers that ask at once get the same accounts, and none is forgotten while it is held")
    func threads() async {
        let ledger = AccountLedger(capacity: 16)
        let refused = await withTaskGroup(of: Int.self) { group in
            for task in 0..<8 {
                group.addTask {
                    var generator = SeededGenerator(seed: UInt64(task))
                    var refused = 0
                    for _ in 0..<20_000 {
                        let key = AccountKey(high: 0, low: UInt64.random(in: 0..<100, using: &generator))
                        let account = ledger.account(for: key, month: Self.may)
                        guard account.tryAddAllocation(limit: 1) else {
                            refused += 1
                            continue
                        }
                        if ledger.account(for: key, month: Self.may) !== account { return -1_000_000 }
                        account.removeAllocation()
                    }
                    return refused
                }
            }
            return await group.reduce(0, +)
        }
        #expect(refused >= 0)
        #expect(ledger.snapshot(month: Self.may).isEmpty)
    }

    private func key(_ number: Int) -> AccountKey { AccountKey(high: 0, low: UInt64(number)) }
}
