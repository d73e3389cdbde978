import Addresses
import ServerSettings
import Synchronization
import TestRedis
import Testing

@testable import ClusterStore

@Suite(
    "A Redis that is named by a host name",
    .enabled(if: RedisUnderTest.isInstalled, "needs redis-server (Scripts/install-packages test)")
)
struct RedisHostTests {
    /// What the name stands for, and how often it was asked for.
    private final class Names: Sendable {
        let state = Mutex((addresses: [String](), questions: [String]()))

        func answer(_ addresses: [String]) { state.withLock { $0.addresses = addresses } }
        var questions: [String] { state.withLock(\.questions) }

        func resolve(_ host: String) throws(UnresolvedHost) -> [IPAddress] {
            let addresses = state.withLock { state in
                state.questions.append(host)
                return state.addresses
            }
            guard !addresses.isEmpty else { throw UnresolvedHost(reason: "there is no such name") }
            return addresses.compactMap { IPAddress($0) }
        }
    }

    private func store(_ redis: RedisUnderTest, _ names: Names, host: String = "redis.test") throws -> RedisClusterStore
    {
        let sources = SettingsSources(flags: ["redis": "redis://\(host):\(redis.port)"])
        let address = try #require(try Settings.load(from: sources).settings.redis)
        return RedisClusterStore(address) { host throws(UnresolvedHost) in try names.resolve(host) }
    }

    @Test("Its name is looked up with each new connection, and with no other question")
    func again() async throws {
        let redis = try RedisUnderTest()
        let names = Names()
        let store = try store(redis, names)
        let error = try await failure { try await store.members() }
        #expect(error == .unresolved(place: store.place, reason: "there is no such name"))
        // It is not asked for anew by each question that comes meanwhile.
        for _ in 0..<20 { #expect(try await failure { try await store.members() } == error) }
        #expect(names.questions.count < 21)
        names.answer(["127.0.0.1"])
        #expect(try await waits { (try? await store.members()) == [] })
        let questions = names.questions.count
        for _ in 0..<3 { _ = try await store.members() }
        #expect(names.questions.count == questions)
        redis.end()
        try redis.start()
        _ = try await store.members()
        #expect(names.questions.count == questions + 1)
        #expect(Set(names.questions) == ["redis.test"])
    }

    @Test("Of several addresses the first that takes the connection is used")
    func several() async throws {
        let redis = try RedisUnderTest()
        let names = Names()
        // Nobody listens at the first two.
        names.answer(["127.0.0.2", "::1", "127.0.0.1"])
        let store = try store(redis, names)
        #expect(try await store.members() == [])
        redis.end()
        let error = try await failure { try await store.members() }
        #expect(error == .unreachable(place: store.place, reason: "Connection refused"))
    }

    @Test("One that answers, and refuses, is the right one: no other address is tried")
    func refusal() async throws {
        let redis = try RedisUnderTest(password: "open: sesame")
        let names = Names()
        // Nobody listens at the second, which would be another error.
        names.answer(["127.0.0.1", "127.0.0.2"])
        let store = try store(redis, names)
        let error = try await failure { try await store.members() }
        #expect(error == .refused(place: store.place, code: "NOAUTH"))
    }

    @Test("An IP address is not looked up")
    func literal() async throws {
        let redis = try RedisUnderTest()
        let names = Names()
        #expect(try await store(redis, names, host: "127.0.0.1").members() == [])
        #expect(names.questions == [])
    }
}
