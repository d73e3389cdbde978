import Addresses
import PacketEngine
import ServerCore
import ServerSettings
import Testing

@testable import ServerRuntime

@Suite("How many connections clients may have")
struct ConnectionLimitTests {
    private static let one = IPAddress(v4: 0x0A00_0001)
    private static let two = IPAddress(v4: 0x0A00_0002)

    @Test("one client has as many as connections-per-client, others go on, and each that ends makes room")
    func perClient() {
        let limits = limits { $0.connectionsPerClient = 2 }
        #expect(limits.enter(Self.one) == nil)
        #expect(limits.enter(Self.one) == nil)
        #expect(limits.enter(Self.one) == .client(2))
        #expect(limits.enter(Self.two) == nil)
        limits.leave(Self.one)
        #expect(limits.enter(Self.one) == nil)
        #expect(limits.count == 3)
    }

    @Test("all IPv6 addresses of a /64 are one client")
    func prefix() throws {
        let limits = limits { $0.connectionsPerClient = 1 }
        #expect(limits.enter(try #require(IPAddress("2001:db8::1"))) == nil)
        #expect(limits.enter(try #require(IPAddress("2001:db8::ffff:2"))) == .client(1))
        #expect(limits.enter(try #require(IPAddress("2001:db8:0:1::1"))) == nil)
    }

    @Test("max-connections bounds all, also clients without a limit of their own")
    func total() throws {
        let exempt = try #require(IPPrefix("10.0.0.1/32"))
        let limits = limits {
            $0.maxConnections = 3
            $0.connectionsPerClient = 1
            $0.rateLimitExempt = [exempt]
        }
        for _ in 0..<3 { #expect(limits.enter(Self.one) == nil) }
        #expect(limits.enter(Self.two) == .total(3))
        limits.leave(Self.one)
        #expect(limits.enter(Self.two) == nil)
        #expect(limits.enter(Self.two) == .total(3))
    }

    @Test("limits that are changed hold from then on, and take nothing away")
    func changed() {
        let limits = limits { $0.maxConnections = 3 }
        for _ in 0..<3 { #expect(limits.enter(Self.one) == nil) }
        limits.adopt(settings { $0.maxConnections = 2 })
        #expect(limits.count == 3)
        limits.leave(Self.one)
        #expect(limits.enter(Self.two) == .total(2))
        limits.leave(Self.one)
        #expect(limits.enter(Self.two) == nil)
    }

    @Test("connections and relay sockets share the open files that are left")
    func files() throws {
        let plan = FilePlan(limit: 100, listeners: 0, workers: 1)
        let files = FileBudget(plan)
        let limits = ConnectionLimits(Settings(), files: files)
        files.setRelays(plan.room - 1)
        #expect(limits.enter(Self.one) == nil)
        #expect(limits.enter(Self.one) == .openFiles(100))
        #expect(!files.hasRoom(forRelays: plan.room))
        #expect(files.hasRoom(forRelays: plan.room - 1))
        limits.leave(Self.one)
        #expect(files.hasRoom(forRelays: plan.room))
    }

    private func limits(_ change: (inout Settings) -> Void) -> ConnectionLimits {
        ConnectionLimits(settings(change), files: FileBudget())
    }

    private func settings(_ change: (inout Settings) -> Void) -> Settings {
        var settings = Settings()
        change(&settings)
        return settings
    }
}
