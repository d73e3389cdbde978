import ClientCore
import STUNCodec
import Testing

@Suite("Requests over UDP are sent again (RFC 8489 section 6.2.1)")
struct TransactionTests {
    private static let id = TransactionID(high: 1, low: 2)

    /// The milliseconds at which a request is sent, and given up, when nothing is ever answered.
    private func schedule(_ rules: Retransmission, start: UInt64 = 77) -> (sent: [UInt64], lost: UInt64) {
        var transaction = Transaction(Self.id, at: start, rules)
        var sent: [UInt64] = [0]
        for millisecond in UInt64(1)...60_000 {
            switch transaction.advance(to: start + millisecond * 1_000_000, rules) {
            case .waiting: continue
            case .again: sent.append(millisecond)
            case .lost: return (sent, millisecond)
            }
        }
        return (sent, 0)
    }

    @Test("The RFC's own example: 0, 500, 1500, 3500, 7500, 15500, 31500 ms, given up at 39500")
    func example() {
        let (sent, lost) = schedule(.standard)
        #expect(sent == [0, 500, 1500, 3500, 7500, 15_500, 31_500])
        #expect(lost == 39_500)
    }

    @Test("Once only, it is given up after the last wait")
    func once() {
        let (sent, lost) = schedule(Retransmission(timeout: 100_000_000, count: 1, last: 3))
        #expect(sent == [0])
        #expect(lost == 300)
    }

    @Test("A clock that jumps sends once, not many times")
    func jump() {
        var transaction = Transaction(Self.id, at: 0, .standard)
        #expect(transaction.advance(to: 5_000_000_000, .standard) == .again)
        #expect(transaction.advance(to: 5_000_000_001, .standard) == .waiting)
        #expect(transaction.sent == 2)
    }

    @Test("A count out of range is brought into it", arguments: [(-3, 1), (0, 1), (7, 7), (99, 16)])
    func range(given: Int, used: Int) {
        #expect(Retransmission(timeout: 1, count: given, last: 1).count == used)
    }
}
