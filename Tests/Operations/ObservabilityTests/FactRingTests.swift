import Addresses
import Foundation
import Observability
import Synchronization
import Testing

@Suite("What packet workers tell of more than packets")
struct FactRingTests {
    /// A fact with a reference, so that one that is lost or told twice would show in its count.
    private struct Fact: Sendable {
        let number: Int
        let witness: Witness
    }
    private final class Witness: Sendable {}

    @Test("facts become entries in their order, mixed with the events of all rings by their time")
    func order() {
        let log = EventLog()
        let pump = LogPump(into: log) { 0 }
        let events = pump.makeRing(slots: 4)
        let facts = pump.makeRing(of: Int.self, slots: 4) { number in
            number < 0 ? nil : LogEntry(.startWarning, "fact \(number)", at: Int64(number))
        }
        events.append(.started, .notice, time: 2)
        for number in [1, -1, 3] { #expect(facts.append(number)) }
        pump.pump(now: 4)
        #expect(log.history.entries.map(\.text) == ["fact 1", "Started", "fact 3"])
    }

    @Test("a full ring loses the new fact, counts it, tells it as lost, and goes on when there is room")
    func full() {
        let log = EventLog()
        let pump = LogPump(into: log) { 0 }
        let told = Mutex<[Int]>([])
        let facts = pump.makeRing(of: Int.self, slots: 2) { number in
            told.withLock { $0.append(number) }
            return nil
        }
        for round in 0..<3 {
            let taken = (0..<4).map { facts.append(round * 10 + $0) }
            #expect(taken == [true, true, false, false])
            pump.pump(now: Int64(round) * 2_000_000_000)
        }
        #expect(told.withLock { $0 } == [0, 1, 10, 11, 20, 21])
        #expect(facts.dropped == 6)
        #expect(log.history.entries.map(\.text) == Array(repeating: "Log entries lost: 2", count: 3))
    }

    @Test("what facts hold is let go when they are told, and what is left when the ring goes")
    func references() {
        weak var told: Witness?
        weak var left: Witness?
        do {
            let pump = LogPump(into: EventLog()) { 0 }
            let facts = pump.makeRing(of: Fact.self, slots: 4) { _ in nil }
            do {
                let witness = Witness()
                told = witness
                facts.append(Fact(number: 1, witness: witness))
            }
            #expect(told != nil)
            pump.pump(now: 0)
            #expect(told == nil)
            let witness = Witness()
            left = witness
            facts.append(Fact(number: 2, witness: witness))
        }
        #expect(left == nil)
    }

    @Test("one thread fills while another empties, and nothing is lost, torn or told twice")
    func twoThreads() async {
        let pump = LogPump(into: EventLog()) { 0 }
        let told = Mutex<[Int]>([])
        let facts = pump.makeRing(of: [Int].self, slots: 16) { fact in
            told.withLock { $0.append(fact[0] == fact[1] ? fact[0] : -1) }
            return nil
        }
        let count = 20_000
        let producer = Thread {
            var number = 0
            while number < count { if facts.append([number, number]) { number += 1 } }
        }
        producer.start()
        while told.withLock({ $0.count }) < count { pump.pump(now: 0) }
        #expect(told.withLock { $0 } == Array(0..<count))
    }

    @Test("the thread of the log is woken by a fact")
    func wakeUp() async {
        let pump = LogPump(into: EventLog()) { 0 }
        let (stream, continuation) = AsyncStream.makeStream(of: Int.self)
        let facts = pump.makeRing(of: Int.self) { number in
            continuation.yield(number)
            return nil
        }
        pump.start()
        defer { pump.stop() }
        facts.append(7)
        facts.signal()
        var numbers = stream.makeAsyncIterator()
        #expect(await numbers.next() == 7)
    }
}

@Suite("A remark stands behind the address")
struct RemarkTests {
    @Test("in the text, in JSON and in front of the repeats; and what strangers sent stays on the line (row 26)")
    func forms() throws {
        let address = try #require(SocketAddress("192.0.2.1:5"))
        let entry = LogEntry(.requestRefused, "Refused", address: address, remark: "a\u{1B}[2J\r\nb \"%s%n\"", at: 0)
        #expect(
            entry.formatted(.text)
                == #"[6] Thu Jan  1 00:00:00 1970: Refused from 192.0.2.1:5: a\u{1b}[2J\u{d}\u{a}b "%s%n""#
        )
        #expect(
            entry.formatted(.json).hasSuffix(
                #""text":"Refused","address":"192.0.2.1:5","remark":"a\u001b[2J\r\nb \"%s%n\""}"#
            )
        )
    }

    @Test("a remark without end is cut")
    func long() {
        let entry = LogEntry(.requestRefused, remark: String(repeating: "x", count: 9000), at: 0)
        #expect(entry.remark?.count == LogEntry.longestText + 3)
    }
}
