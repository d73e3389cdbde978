import Observability
import Testing

@Suite("The history in memory (manual, section 5.1)")
struct LogHistoryTests {
    @Test("the last 200 entries are kept, the oldest go first")
    func firstInFirstOut() {
        let history = LogHistory()
        fill(history, 0..<150)
        #expect(texts(history) == Array(0..<150))
        fill(history, 150..<431)
        #expect(texts(history) == Array(231..<431))
    }

    @Test("another size keeps the newest, wherever the circle began", arguments: [1, 2, 3, 4, 5, 6, 9])
    func resize(capacity: Int) {
        for count in 0..<12 {
            let history = LogHistory(capacity: 4)
            fill(history, 0..<count)
            history.capacity = capacity
            #expect(texts(history) == (0..<count).suffix(min(4, capacity)))
            fill(history, count..<(count + 3))
            #expect(texts(history) == ((0..<count).suffix(4) + (count..<(count + 3))).suffix(capacity))
        }
    }

    @Test("a cleared history is empty and fills again")
    func clear() {
        let history = LogHistory(capacity: 3)
        fill(history, 0..<5)
        history.clear()
        #expect(history.entries.isEmpty)
        fill(history, 5..<7)
        #expect(texts(history) == [5, 6])
    }

    @Test("a size below one is one")
    func smallest() {
        let history = LogHistory(capacity: -1)
        fill(history, 0..<2)
        #expect(texts(history) == [1] && history.capacity == 1)
    }

    private func fill(_ history: LogHistory, _ numbers: Range<Int>) {
        for number in numbers { history.append(LogEntry(.started, "\(number)", at: Int64(number))) }
    }

    private func texts(_ history: LogHistory) -> [Int] { history.entries.compactMap { Int($0.text) } }
}
