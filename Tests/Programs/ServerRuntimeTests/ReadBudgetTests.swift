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
