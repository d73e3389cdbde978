import Foundation
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Account: what workers count together")
struct AccountTests {
    static let may = AccountMonth(unixSeconds: 1_777_600_000)
    static let june = AccountMonth(unixSeconds: 1_780_300_000)
    static let july = AccountMonth(unixSeconds: 1_783_000_000)
    let account = Account()

    @Test("allocations are counted up to the limit and down to zero")
    func allocations() {
        #expect((0..<5).map { _ in account.tryAddAllocation(limit: 3) } == [true, true, true, false, false])
        #expect(account.allocations == 3)
        account.removeAllocation()
        #expect(account.tryAddAllocation(limit: 3))
        #expect(!account.tryAddAllocation(limit: 2))
        for _ in 0..<9 { account.removeAllocation() }
        #expect(account.allocations == 0)
        #expect(!account.tryAddAllocation(limit: 0))
        #expect(!account.tryAddAllocation(limit: -1))
    }

    @Test("bytes of a month, anew in the next one, also for a worker that is a little behind")
    func month() {
        #expect(account.bytes(in: Self.may) == 0)
        account.add(bytes: 1000, month: Self.may)
        account.add(bytes: 500, month: Self.may)
        #expect(account.bytes(in: Self.may) == 1500)
        #expect(account.bytes(in: Self.june) == 0)
        account.add(bytes: 7, month: Self.june)
        #expect(account.bytes(in: Self.june) == 7)
        #expect(account.bytes(in: Self.may) == 0)
        account.add(bytes: 3, month: Self.may)
        #expect(account.bytes(in: Self.june) == 10)
        account.add(bytes: 9, month: Self.july)
        // The clock was wrong and has been set back by two months.
        account.add(bytes: 1, month: Self.may)
        #expect(account.bytes(in: Self.may) == 1)
        account.preset(bytes: 12_345, month: Self.june)
        account.add(bytes: 5, month: Self.june)
        #expect(account.bytes(in: Self.june) == 12_350)
    }

    @Test("counts beyond all measure neither trap nor reach the month")
    func absurdCounts() {
        for bytes in [Int.min, -1, 0] { account.add(bytes: bytes, month: Self.may) }
        #expect(account.bytes(in: Self.may) == 0)
        account.preset(bytes: .max, month: Self.may)
        let full = account.bytes(in: Self.may)
        #expect(full > 4_000_000_000_000_000)
        for _ in 0..<1000 { account.add(bytes: .max, month: Self.may) }
        #expect(account.bytes(in: Self.may) == full)
        account.preset(bytes: full - 1, month: Self.may)
        for _ in 0..<1000 { account.add(bytes: .max, month: Self.may) }
        #expect((full...(full + 1 << 38)).contains(account.bytes(in: Self.may)))
    }

    @Test("months are those of the calendar in UTC, for every day of 240 years")
    func calendar() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
        for day in UInt64(0)..<(240 * 365) {
            for seconds in [day * 86_400, day * 86_400 + 86_399] {
                let parts = calendar.dateComponents(
                    [.year, .month],
                    from: Date(timeIntervalSince1970: Double(seconds))
                )
                let (year, month) = (try #require(parts.year), try #require(parts.month))
                let number = AccountMonth(unixSeconds: seconds).number
                try #require(number == UInt64((year - 1970) * 12 + month - 1), "\(seconds)")
            }
        }
        #expect(AccountMonth(unixSeconds: .max).number == 4095)
    }

    @Test("workers at once never exceed a limit of allocations")
    func threadsAtLimit() async {
        let account = Account()
        let most = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var most = 0
                    // A limit of one: two threads at the same time are enough to exceed it, and now and then they are.
                    for _ in 0..<3_000_000 where account.tryAddAllocation(limit: 1) {
                        most = max(most, account.allocations)
                        account.removeAllocation()
                    }
                    return most
                }
            }
            return await group.reduce(0, max)
        }
        #expect(most == 1)
        #expect(account.allocations == 0)
    }

    @Test("workers at once lose no allocation and no byte")
    func threads() async {
        let account = Account()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for round in 0..<50_000 {
                        account.add(bytes: 3, month: round < 25_000 ? Self.may : Self.june)
                        _ = account.tryAddAllocation(limit: 1_000_000)
                        if round % 2 == 0 { account.removeAllocation() }
                    }
                }
            }
        }
        #expect(account.allocations == 8 * 25_000)
        // All of June, and of May what slower tasks counted after the page was turned.
        #expect((600_000...1_200_000).contains(account.bytes(in: Self.june)))
    }
}

@Suite("TokenBucket: bytes a second, by many workers, on an integer clock")
struct TokenBucketTests {
    static let second: UInt64 = 1_000_000_000
    let limit = Rate(perSecond: 100_000, burst: 5000)

    @Test("first the burst, then the rate, to the nanosecond")
    func burstThenRate() {
        let bucket = Account()
        let start = Instant(nanoseconds: 7 * Self.second)
        #expect((0..<10).count { _ in bucket.take(bytes: 1000, limit: limit, now: start) } == 5)
        // 1000 bytes take 10 ms.
        #expect(!bucket.take(bytes: 1000, limit: limit, now: Instant(nanoseconds: start.nanoseconds + 9_999_999)))
        let next = Instant(nanoseconds: start.nanoseconds + 10_000_000)
        #expect(bucket.take(bytes: 1000, limit: limit, now: next))
        #expect(!bucket.take(bytes: 1, limit: limit, now: next))
        #expect(
            (0..<10).count { _ in bucket.take(bytes: 1000, limit: limit, now: Instant(nanoseconds: .max / 2)) } == 5
        )
    }

    @Test("a datagram larger than the burst passes an empty bucket, and costs its time")
    func larger() {
        let bucket = Account()
        #expect(bucket.take(bytes: 20_000, limit: limit, now: Instant(nanoseconds: Self.second)))
        #expect(!bucket.take(bytes: 1, limit: limit, now: Instant(nanoseconds: Self.second + 150_000_000)))
        #expect(bucket.take(bytes: 1, limit: limit, now: Instant(nanoseconds: Self.second + 200_000_000)))
    }

    @Test("over 100 seconds of random load no more than burst and rate pass, and nearly as much")
    func longRun() {
        var generator = SeededGenerator.announced("token bucket")
        let bucket = Account()
        var (now, passed) = (Self.second, 0)
        while now < 101 * Self.second {
            let bytes = Int.random(in: 0...1500, using: &generator)
            if bucket.take(bytes: bytes, limit: limit, now: Instant(nanoseconds: now)) { passed += bytes }
            now += UInt64.random(in: 0...3_000_000, using: &generator)
        }
        #expect(passed <= 100 * 100_000 + 5000)
        #expect(passed >= 99 * 100_000)
    }

    @Test("limits, sizes and clocks beyond all measure do not trap, and a clock that steps back lets nothing through")
    func absurd() {
        for number in [Int.min, -1, 0, 1, Int.max] {
            for bytes in [Int.min, 0, 1, Int.max] {
                let bucket = Account()
                let limit = Rate(perSecond: number, burst: number)
                for now in [0, 1, UInt64.max] {
                    _ = bucket.take(bytes: bytes, limit: limit, now: Instant(nanoseconds: now))
                }
            }
        }
        let bucket = Account()
        #expect(bucket.take(bytes: 5000, limit: limit, now: Instant(nanoseconds: 9 * Self.second)))
        #expect(!bucket.take(bytes: 1, limit: limit, now: Instant(nanoseconds: 0)))
    }

    @Test("eight workers at once get exactly the burst, to the byte")
    func threads() async {
        let bucket = Account()
        let limit = Rate(perSecond: 1000, burst: 100_000)
        let passed = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<50_000).count { _ in bucket.take(bytes: 1, limit: limit, now: Instant(nanoseconds: 5)) }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(passed == 100_000)
    }
}
