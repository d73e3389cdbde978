import Addresses
import Testing
import WireFixtures

@testable import ServerCore

@Suite("FlowTable: a dictionary in fixed memory")
struct FlowTableTests {
    @Test("200,000 random inserts and removals agree with Dictionary", arguments: [1, 8, 100])
    func model(capacity: Int) throws {
        var generator = SeededGenerator.announced("flow table of \(capacity)")
        var table = FlowTable(capacity: capacity, seed: generator.next())
        var model: [SocketAddress: Int] = [:]
        for step in 0..<200_000 {
            // Few keys, so that most are met again, and long runs form.
            let key = Self.key(Int.random(in: 0..<(capacity * 3), using: &generator))
            // Stops at the first difference: a table with lost entries fills up, and then searches without end.
            try #require(table.value(of: key) == model[key])
            if model[key] != nil || model.count == capacity {
                table.remove(key)
                model[key] = nil
            } else {
                table.insert(key, value: step)
                model[key] = step
            }
            if step % 50_000 == 49_999 {
                table.removeAll()
                model.removeAll()
            }
            if step % 101 == 0 {
                for number in 0..<(capacity * 3) where table.value(of: Self.key(number)) != model[Self.key(number)] {
                    Issue.record("step \(step): key \(number)")
                }
            }
        }
    }

    @Test("addresses that differ in one part only are different keys")
    func keys() {
        let addresses = [
            IPAddress(v4: 1), IPAddress(v4: 1 << 31), IPAddress(v6High: 0, low: 1), IPAddress(v6High: 1, low: 0),
            IPAddress(v6High: 1 << 63, low: 0),
        ]
        var table = FlowTable(capacity: 32, seed: 1)
        let keys = addresses.flatMap { [SocketAddress($0, port: 1), SocketAddress($0, port: 0x8000)] }
        for (value, key) in keys.enumerated() { table.insert(key, value: value) }
        #expect(keys.map { table.value(of: $0) } == keys.indices.map { $0 })
    }

    /// A key of either family.
    private static func key(_ number: Int) -> SocketAddress {
        let address =
            number % 2 == 0
            ? IPAddress(v4: UInt32(number / 6)) : IPAddress(v6High: UInt64(number / 12), low: UInt64(number / 6 % 2))
        return SocketAddress(address, port: UInt16(number % 3))
    }
}
