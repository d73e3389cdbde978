import Addresses
import PacketEngine
import TestSockets
import Testing

@testable import ServerRuntime

@Suite("Wake moderation: strangers make no call wait")
struct LiveWakeTests {
    private static let settings = RelayClient.settings + "workers: 1\nrate-limit-exempt: 127.0.0.0/8\n"

    @Test("a flood of what is dropped makes no worker gather")
    func garbage() async throws {
        let host = try ServerUnderTest(Self.settings)
        let stranger = try TestClient(bindingTo: .loopback(0))
        // One by one and often, which is what gathering is for; the worker wakes up for each.
        var next = SystemClock.monotonic()
        for _ in 0..<3000 {
            next += 50_000
            while SystemClock.monotonic() < next {}
            try stranger.send([0xFF, 0xFF, 1, 2, 3], to: host.address())
        }
        _ = try await host.counter("drops-not-stun", reaching: 1)
        #expect(await host.server.pool.reports().map(\.gathering.packets) == [0])
    }

    @Test("while there is an allocation, requests that are answered make no worker gather")
    func answers() async throws {
        let host = try ServerUnderTest(Self.settings)
        let client = try RelayClient(asking: host.address())
        try client.allocate()
        let stranger = try TestClient(bindingTo: .loopback(0))
        let request: [UInt8] = [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: 7, count: 12)
        for _ in 0..<3000 {
            try stranger.send(request, to: host.address())
            _ = try stranger.receive()
        }
        #expect(await host.server.pool.reports().map(\.gathering.packets) == [0])
    }
}
