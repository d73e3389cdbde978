import Addresses
import ClusterStore
import NameService
import Observability
import Synchronization
import TestRedis
import Testing

@testable import ServerRuntime

@Suite("The host name of a Redis")
struct StoreHostTests {
    @Test("One that is not resolved is told once by 1025, and its last addresses stay in use")
    func failure() async throws {
        let names = FixedNames()
        let heard = Mutex<[String]>([])
        let host = StoreHost(names) { code, text in heard.withLock { $0.append("\(code.rawValue) \(text)") } }
        names.fail("redis.test", .noSuchName)
        for _ in 0..<2 {
            await #expect(throws: UnresolvedHost(reason: "there is no such name")) {
                try await host.addresses(of: "redis.test")
            }
        }
        names.set("redis.test", v4: ["192.0.2.7"], v6: ["2001:db8::7"])
        let both = ["192.0.2.7", "2001:db8::7"].compactMap { IPAddress($0) }
        #expect(try await host.addresses(of: "redis.test") == both)
        names.fail("redis.test", .timedOut)
        #expect(try await host.addresses(of: "redis.test") == both)
        names.set("redis.test", v4: ["192.0.2.8"])
        #expect(try await host.addresses(of: "redis.test") == [IPAddress("192.0.2.8")])
        #expect(
            heard.withLock { $0 } == [
                "1025 redis.test, which redis names: there is no such name",
                "1025 redis.test, which redis names: no name server answered in time; its last addresses stay in use: "
                    + "192.0.2.7, 2001:db8::7",
            ]
        )
    }
}
