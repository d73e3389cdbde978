import AccountStore
import Foundation
import ServerSettings
import Synchronization
import TestRedis
import Testing

@testable import ClusterStore

@Suite(
    "A Redis that is lost",
    .enabled(if: RedisUnderTest.isInstalled, "needs redis-server (Scripts/install-packages test)")
)
struct RedisLossTests {
    private static let long = Duration.seconds(600)

    @Test("One that is not there is told, and asked again less and less often")
    func absent() async throws {
        let redis = try RedisUnderTest()
        redis.end()
        let store = try redis.store()
        let error = try await failure { try await store.members() }
        #expect("\(error)" == "the Redis at unix:\(redis.socket) can't be reached: No such file or directory")
        try redis.start()
        #expect(try await waits { (try? await store.members()) == [] })
    }

    @Test("A restart between two questions is not even noticed, but for the data that is gone")
    func restarted() async throws {
        let redis = try RedisUnderTest()
        let store = try redis.store(unix: false)
        try await store.put(try StoredUser("alice"))
        let version = try await store.accountsVersion()
        redis.end()
        try redis.start()
        #expect(try await store.accountsVersion() == 0)
        #expect(try await store.accounts().users == [])
        // A later change must not have a number that was there before.
        try await store.put(try StoredUser("bob"))
        #expect(try await store.accountsVersion() > version)
    }

    @Test("One that hangs is given up after a second, and holds up nothing else")
    func frozen() async throws {
        let redis = try RedisUnderTest()
        let store = try redis.store()
        _ = try await store.members()
        redis.freeze()
        // More questions than there are threads for tasks: if one of those waited for the Redis, `beats` would not count.
        let pulse = Pulse()
        let errors = try await withThrowingTaskGroup(of: ClusterStoreError.self) { group in
            for _ in 0..<64 { group.addTask { try await failure { try await store.members() } } }
            let beating = Task { await pulse.beat() }
            defer { beating.cancel() }
            return try await group.reduce(into: Set<ClusterStoreError>()) { $0.insert($1) }
        }
        #expect(errors == [.timedOut(place: store.place)])
        #expect(pulse.beats.load(ordering: .relaxed) > 1000)
        redis.thaw()
        #expect(try await waits { (try? await store.members()) == [] })
    }

    @Test("Wrong, missing and unasked-for passwords are told, and no error repeats one")
    func passwords() async throws {
        let redis = try RedisUnderTest(password: "open sesame")
        let address = try redis.address(unix: true)
        let wrong = RedisClusterStore(address, login: redis.login("hunter2"))
        let error = try await failure { try await wrong.members() }
        #expect("\(error)".contains("redis-password") && !"\(error)".contains("hunter2"))
        let nobody = RedisClusterStore(address, login: RedisLogin(user: "nobody", password: "hunter2"))
        let unknown = try await failure { try await nobody.members() }
        #expect("\(unknown)".contains("redis-password") && !"\(unknown)".contains("hunter2"))
        let none = RedisClusterStore(address)
        let missing = try await failure { try await none.members() }
        #expect("\(missing)".hasSuffix("refused: it wants a password, set redis-password"))

        let open = try RedisUnderTest()
        let unasked = RedisClusterStore(try open.address(unix: true), login: redis.login("hunter2"))
        let surplus = try await failure { try await unasked.members() }
        #expect("\(surplus)".contains("redis-password") && !"\(surplus)".contains("hunter2"))
        #expect("\(String(reflecting: redis.login("hunter2")))".contains("hunter2") == false)
    }

    @Test("A user of the access lists may log in, and a database that is not there is told")
    func usersAndDatabases() async throws {
        let redis = try RedisUnderTest()
        let store = try redis.store()
        let rights: RedisCommand = ["ACL", "SETUSER", "stund", "on", ">p:w", "~stund:*", "+@all"]
        #expect(try await store.redis.run(rights) == .bytes(Array("OK".utf8)))
        let login = RedisLogin(user: "stund", password: "p:w")
        let limited = RedisClusterStore(try redis.address(unix: true), login: login)
        #expect(try await limited.nonceKey(orElse: [1, 2]) == [1, 2])
        let refused = try await failure {
            try await limited.redis.run(["GET", "another"])
        }
        #expect(refused == .refused(place: limited.place, code: "NOPERM"))
        let absent = try redis.store(database: 9)
        let error = try await failure { try await absent.members() }
        #expect("\(error)".hasSuffix("refused: it has no database of that number, look at redis"))
        #expect(try await redis.store(database: 1).nonceKey(orElse: [3]) == [3])
    }
}

@Suite(
    "What somebody else writes to a Redis",
    .enabled(if: RedisUnderTest.isInstalled, "needs redis-server (Scripts/install-packages test)")
)
struct RedisBoundsTests {
    private static let long = Duration.seconds(600)

    @Test("10,000 servers are listed; one more is refused, and makes room where others are gone")
    func manyMembers() async throws {
        let redis = try RedisUnderTest()
        let store = try redis.store()
        let script = """
            for number = 1, 9999 do
                redis.call('SADD', 'stund:members', 'm' .. number)
                redis.call('SET', 'stund:member:m' .. number, '{"name":"m' .. number .. '"}')
                redis.call('SET', 'stund:counts:m' .. number, string.rep('\\1', 40))
            end
            """
        _ = try await store.redis.run(["EVAL", "\(script)", "0"])
        try await store.publish(FleetMember(name: "last"), expiresIn: Self.long)
        #expect(try await store.members().count == 10_000)
        #expect(try await store.counts(elsewhereThan: "last").count == 1)
        let one = try await failure {
            try await store.publish(FleetMember(name: "more"), expiresIn: Self.long)
        }
        #expect(one == .tooMany("servers", limit: 10_000))
        _ = try await store.redis.run(["DEL", "stund:member:m7"])
        try await store.publish(FleetMember(name: "more"), expiresIn: Self.long)
        #expect(try await store.members().contains { $0.name == "more" })
        _ = try await store.redis.run(["SADD", "stund:members", "by-hand"])
        let many = try await failure { try await store.members() }
        #expect(many == .tooMany("servers", limit: 10_000))
    }

    @Test("Values of any size cost no more than what may stand there")
    func largeValues() async throws {
        let redis = try RedisUnderTest()
        let store = try redis.store()
        try await store.publish(FleetMember(name: "good"), expiresIn: Self.long)
        // One after the other, since each may take a second at most.
        for key in ["stund:member:huge", "stund:counts:huge", "stund:totals:huge", "stund:version"] {
            _ = try await store.redis.run(["SETRANGE", "\(key)", "\(20 << 20)", "x"])
        }
        _ = try await store.redis.run(["SADD", "stund:members", "huge"])
        let script = "return redis.call('HSET', 'stund:users', 'huge', redis.call('GET', 'stund:version'))"
        _ = try await store.redis.run(["EVAL", "\(script)", "0"])
        #expect(try await store.members().map(\.name) == ["good"])
        #expect(try await store.counts(elsewhereThan: "good") == [])
        #expect(try await store.totals() == [:])
        #expect(try await store.accountsVersion() == 0)
        let error = try await failure { try await store.accounts() }
        #expect(error == .tooLarge("an answer of \(store.place)", limit: StoreLimits.replyBytes))
        #expect(try await store.members().map(\.name) == ["good"])
    }

    @Test("A server whose name is none is not one, and of one with many addresses a few are kept")
    func oddMembers() async throws {
        let redis = try RedisUnderTest()
        let store = try redis.store()
        let addresses = (1...20).map { "\"192.0.2.\($0)\"" }.joined(separator: ",")
        _ = try await store.redis.run([
            ["SADD", "stund:members", "a b", "many"], ["SET", "stund:member:a b", "{\"name\":\"a b\"}"],
            ["SET", "stund:member:many", "{\"name\":\"many\",\"addresses\":[\(addresses)]}"],
        ])
        let members = try await store.members()
        #expect(members.map(\.name) == ["many"] && members.first?.addresses.count == 16)
    }

    @Test("As many servers may be asked to drain by name as there may be, and all together still")
    func manyDrains() async throws {
        let redis = try RedisUnderTest()
        let store = try redis.store()
        let script = "for number = 1, \(StoreLimits.drains) do redis.call('SADD', 'stund:drains', 'm' .. number) end"
        _ = try await store.redis.run(["EVAL", "\(script)", "0"])
        let error = try await failure { try await store.setDrain(.member("more")) }
        #expect(error == .tooMany("servers that are asked to drain", limit: StoreLimits.drains))
        try await store.setDrain(.member("m1"))
        try await store.setDrain(.all)
        let drains = try await store.drains()
        #expect(drains.all && drains.members.count == StoreLimits.drains)
    }

    @Test("A server that is there again while it is being forgotten stays")
    func rememberedInTime() async throws {
        let redis = try RedisUnderTest()
        let store = try redis.store()
        try await store.publish(FleetMember(name: "back"), expiresIn: Self.long)
        _ = try await store.redis.run(["SADD", "stund:members", "gone"])
        try await store.forget(["back", "gone"])
        #expect(try await store.members().map(\.name) == ["back"])
        #expect(try await store.redis.run(["SCARD", "stund:members"]).integer("") == 1)
    }

    @Test("A user whose record is too long is left out and counted")
    func longRecord() async throws {
        let redis = try RedisUnderTest()
        let store = try redis.store()
        let alice = try StoredUser("alice")
        try await store.put(alice)
        var record = try StoreRecord.write(UserRecord(alice), "")
        // Spaces at the end change nothing of what it says.
        record += [UInt8](repeating: 0x20, count: StoreLimits.recordBytes)
        _ = try await store.redis.run(["HSET", "stund:users", "long", RedisArgument(record)])
        let accounts = try await store.accounts()
        #expect(accounts.users == [alice] && accounts.unreadable == 1)
    }

    @Test("Records that are none are left out and counted; keys of another kind are told")
    func wrongRecords() async throws {
        let redis = try RedisUnderTest()
        let store = try redis.store()
        let alice = try StoredUser("alice")
        try await store.put(alice)
        _ = try await store.redis.run([
            "HSET", "stund:users", "a", "{", "b", "{\"name\":\"b\"}", "c",
            "{\"name\":\"c\",\"realm\":\"r\",\"md5\":\"AA==\",\"sha256\":\"\",\"created\":1,\"comment\":\"\"}",
        ])
        let accounts = try await store.accounts()
        #expect(accounts.users == [alice])
        #expect(accounts.unreadable == 3)
        for value in ["", "[]", "{\"name\":\"another\"}", "{\"name\":\"m\",\"load\":-1}", "\u{0}"] {
            _ = try await store.redis.run([
                ["SADD", "stund:members", "m"], ["SET", "stund:member:m", "\(value)"],
                ["SADD", "stund:members", RedisArgument([0xFF, 0x00])],
            ])
            #expect(try await store.members() == [])
        }
        _ = try await store.redis.run(["SET", "stund:secrets", "text"])
        let error = try await failure { try await store.accounts() }
        #expect(error == .refused(place: store.place, code: "WRONGTYPE"))
        _ = try await store.redis.run(["SET", "stund:nonce-key", "no key"])
        let key = try await failure { try await store.nonceKey(orElse: [1]) }
        #expect(key == .unexpected(place: store.place))
    }

    @Test(
        "Whoever only looks like a Redis is given up within its bounds",
        arguments: [
            ("HTTP/1.1 400 Bad Request\\r\\n\\r\\n", "unexpected"), ("*1000000000\\r\\n", "tooLarge"),
            ("$-7\\r\\n", "unexpected"),
            ("*1\\r\\n*1\\r\\n*1\\r\\n*1\\r\\n*1\\r\\n*1\\r\\n*1\\r\\n*1\\r\\n*1\\r\\n*1\\r\\n", "unexpected"),
            ("$99\\r\\nshort", "timedOut"), ("", "unreachable"),
        ]
    )
    func impostor(_ answer: String, _ kind: String) async throws {
        let impostor = try Impostor(answer)
        let settings = try Settings.load(from: SettingsSources(flags: ["redis": "unix:\(impostor.socket)"])).settings
        let store = RedisClusterStore(try #require(settings.redis))
        let error = try await failure { try await store.members() }
        #expect(error.kind == kind)
    }
}

extension ClusterStoreError {
    fileprivate var kind: String {
        switch self {
        case .unexpected: "unexpected"
        case .tooLarge: "tooLarge"
        case .timedOut: "timedOut"
        case .unreachable: "unreachable"
        default: "another"
        }
    }
}

/// Counts for as long as a task gets a thread.
private final class Pulse: Sendable {
    let beats = Atomic<Int>(0)

    func beat() async {
        while !Task.isCancelled {
            beats.wrappingAdd(1, ordering: .relaxed)
            await Task.yield()
        }
    }
}

/// A program that answers all that it is sent with the same bytes; with none it closes the connection.
private final class Impostor {
    let socket: String
    private let process = Process()

    init(_ answer: String) throws {
        socket = NSTemporaryDirectory() + "stund-impostor-" + UUID().uuidString
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        let script = """
            import signal, socket, sys
            signal.alarm(60)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(sys.argv[1])
            listener.listen()
            kept = []
            while True:
                connection = listener.accept()[0]
                connection.recv(4096)
                answer = sys.argv[2].encode().decode('unicode_escape').encode()
                if answer: connection.sendall(answer); kept.append(connection)
                else: connection.close()
            """
        process.arguments = ["-c", script, socket, answer]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        let socket = socket
        guard comesTrue({ FileManager.default.fileExists(atPath: socket) }) else {
            throw RedisUnderTest.Failure(description: "the impostor does not listen")
        }
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        try? FileManager.default.removeItem(atPath: socket)
    }
}
