import PacketEngine
import Testing

@Suite("Random numbers of the kernel")
struct KernelRandomTests {
    @Test("a thousand numbers are all different, over many fetches, and none is the zero of an unfilled place")
    func different() {
        var random = KernelRandom()
        let numbers = (0..<1000).map { _ in random.next() }
        #expect(Set(numbers).count == 1000)
        #expect(!numbers.contains(0))
    }

    @Test("two generators give different numbers")
    func two() {
        var (first, second) = (KernelRandom(), KernelRandom())
        #expect(first.next() != second.next())
    }
}
