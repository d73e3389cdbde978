import Testing

@testable import ServerRuntime

@Suite("What is read of a socket in a turn is counted in datagrams")
struct ReadBudgetTests {
    @Test("datagrams that come alone are read 64 at a time until there were enough")
    func alone() {
        var budget = ReadBudget()
        budget.begin(256)
        for _ in 0..<4 {
            #expect(budget.slots == 64)
            budget.spend(64, in: 64)
        }
        #expect(budget.slots == 0)
    }

    @Test("after trains fewer slots are asked for, also in the next turn, until datagrams come alone again")
    func trains() {
        var budget = ReadBudget()
        budget.begin(1000)
        budget.spend(600, in: 60)
        #expect(budget.slots == 40)
        budget.spend(361, in: 36)
        #expect(budget.slots == 3)
        budget.spend(40, in: 3)
        #expect(budget.slots == 0)
        budget.begin(280)
        #expect(budget.slots == 20)
        budget.begin(5)
        #expect(budget.slots == 1)
        budget.spend(1, in: 1)
        #expect(budget.slots == 64)
        budget.spend(0, in: 0)
        #expect(budget.slots == 64)
    }

    @Test("a relay socket is asked for 16 slots, and for fewer when it had trains: 64 datagrams, or one train")
    func relays() {
        var burst = ReadBudget(most: 16)
        for (read, slots, next) in [(16, 16, 16), (16, 1, 4), (64, 4, 4), (90, 4, 2), (64, 1, 1), (3, 3, 16)] {
            burst.begin(64)
            burst.spend(read, in: slots)
            burst = ReadBudget(most: 16, each: burst.each)
            burst.begin(64)
            #expect(burst.slots == next, "after \(read) datagrams in \(slots) slots")
        }
        burst = ReadBudget(most: 16, each: 0)
        burst.begin(64)
        #expect(burst.slots == 16)
    }
}

@Suite("ListenerShare: listeners have as much of a worker as relay sockets")
struct ListenerShareTests {
    @Test("without relayed datagrams each listener is read alike; with them all listeners together have as many")
    func allowance() {
        var share = ListenerShare()
        #expect(share.allowance == 256)
        share.countRelayed(10)
        #expect(share.allowance == 256)
        share.countRelayed(590)
        #expect(share.allowance == 600)
        share.countListened(400)
        #expect(share.allowance == 200)
        share.countListened(150)
        #expect(share.allowance == 128, "but the last one is not left out")
    }

    @Test("what relay sockets had counts until a listener was read, also over several turns")
    func turns() {
        var share = ListenerShare()
        share.countRelayed(700)
        share.begin()
        #expect(share.allowance == 700)
        share.countListened(0)
        share.begin()
        #expect(share.allowance == 256)
    }

    @Test("listeners are due once relay sockets had very much, and once only")
    func due() {
        var share = ListenerShare()
        share.countRelayed(1023)
        #expect(!share.isDue)
        share.countRelayed(1)
        #expect(share.isDue)
        share.countListened(0)
        #expect(!share.isDue)
        share.countRelayed(1024)
        #expect(share.isDue)
    }
}
