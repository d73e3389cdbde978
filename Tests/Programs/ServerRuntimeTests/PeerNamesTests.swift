import Addresses
import NameService
import Observability
import ServerSettings
import Synchronization
import TestNames
import Testing

@testable import ServerRuntime

@Suite("The names of other STUN servers are kept up to date")
struct PeerNamesTests {
    @Test("A name has the addresses that it resolves to, and is asked again when their time is over")
    func resolves() async throws {
        let run = try PeerNamesRun("stun2.test:3480")
        run.names.set("stun2.test", v4: ["192.0.2.2"], v6: ["2001:db8::2"], ttl: 120)
        run.begin()
        #expect(await run.pause() == 120)
        #expect(
            run.lists.map { $0.map(\.shown) } == [["stun2.test:3480 - -"], ["stun2.test:3480 192.0.2.2 2001:db8::2"]]
        )
        run.names.set("stun2.test", v4: ["192.0.2.3"], ttl: 60)
        #expect(await run.nextPause() == 60)
        #expect(run.lists.last?.map(\.shown) == ["stun2.test:3480 192.0.2.3 -"])
        // In another order and with another time it is the same.
        run.names.set("stun2.test", v4: ["192.0.2.3", "192.0.2.3"], ttl: 90)
        #expect(await run.nextPause() == 90)
        #expect(run.lists.count == 3 && run.messages.isEmpty)
    }

    @Test("An answer is used for 30 seconds at least and 10 minutes at most", arguments: [(0, 30), (86_400, 600)])
    func bounds(ttl: Int, expected: Int) async throws {
        let run = try PeerNamesRun("a.test")
        run.names.set("a.test", v4: ["192.0.2.2"], ttl: ttl)
        run.begin()
        #expect(await run.pause() == expected)
    }

    @Test("A name that stops resolving keeps its addresses; 1016 tells it once each time, 1150 that it is back")
    func disappears() async throws {
        let run = try PeerNamesRun("a.test")
        run.names.set("a.test", v4: ["192.0.2.2"])
        run.begin()
        _ = await run.pause()
        run.names.fail("a.test", .noSuchName)
        #expect(await run.nextPause() == 30)
        run.names.fail("a.test", .timedOut)
        #expect(await run.nextPause() == 30)
        #expect(run.lists.last?.map(\.shown) == ["a.test:3478 192.0.2.2 -"])
        #expect(run.lists.last?.first?.problem == "no name server answered in time")
        #expect(
            run.messages == ["1016 a.test: there is no such name; the last addresses stay in use: 192.0.2.2"]
        )
        run.names.set("a.test", v4: ["192.0.2.5"])
        _ = await run.nextPause()
        #expect(run.lists.last?.map(\.shown) == ["a.test:3478 192.0.2.5 -"] && run.lists.last?.first?.problem == nil)
        #expect(run.messages.dropFirst() == ["1150 a.test is resolved again: 192.0.2.5"])
        run.names.fail("a.test", .serverFailure)
        _ = await run.nextPause()
        #expect(run.messages.count == 3 && run.messages.last?.hasPrefix("1016 a.test: the name server failed") == true)
    }

    @Test("A family that cannot be asked now keeps its addresses, one that has none any more loses them")
    func families() async throws {
        let run = try PeerNamesRun("a.test")
        run.names.set("a.test", v4: ["192.0.2.2"], v6: ["2001:db8::2"])
        run.begin()
        _ = await run.pause()
        run.names.set("a.test", v4: ["192.0.2.2"], sixth: .serverFailure)
        #expect(await run.nextPause() == 30)
        #expect(run.lists.last?.map(\.shown) == ["a.test:3478 192.0.2.2 2001:db8::2"])
        run.names.set("a.test", v4: ["192.0.2.2"], sixth: .noData)
        #expect(await run.nextPause() == 60)
        #expect(run.lists.last?.map(\.shown) == ["a.test:3478 192.0.2.2 -"] && run.messages.isEmpty)
    }

    @Test("Several addresses are servers of their own, at most four of a family; more are told once")
    func several() async throws {
        let run = try PeerNamesRun("a.test")
        let many = (1...64).map { "192.0.2.\($0)" }
        run.names.set("a.test", v4: many.reversed(), v6: ["2001:db8::2", "2001:db8::1"])
        run.begin()
        _ = await run.pause()
        #expect(
            run.lists.last?.map(\.shown) == [
                "a.test:3478 192.0.2.1 2001:db8::1", "a.test:3478 192.0.2.2 2001:db8::2", "a.test:3478 192.0.2.3 -",
                "a.test:3478 192.0.2.4 -",
            ]
        )
        // Those in use stay, though others come with lower numbers.
        run.names.set("a.test", v4: ["192.0.1.1", "192.0.2.4", "192.0.1.2", "192.0.2.3", "192.0.1.3"])
        _ = await run.nextPause()
        let used = run.lists.last?.compactMap { $0.v4?.description }
        #expect(used == ["192.0.1.1", "192.0.1.2", "192.0.2.3", "192.0.2.4"])
        #expect(run.messages == ["1151 a.test has 64 addresses of one family: 4 are used"])
    }

    @Test("There are never more than 64 servers, and the log says so")
    func bounded() async throws {
        let hosts = (1...40).map { "s\($0).test" }
        let run = try PeerNamesRun(hosts.joined(separator: " "))
        for host in hosts { run.names.set(host, v4: ["192.0.2.1", "192.0.2.2"]) }
        run.begin()
        for _ in hosts { _ = await run.pause() }
        #expect(run.lists.last?.count == 64)
        #expect(run.messages.contains { $0.hasPrefix("1151 other-stun-servers stand for ") })
    }

    @Test(
        "Addresses that no server can have are refused in words",
        arguments: [
            "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "127.0.0.1", "::1", "fe80::1",
            "::ffff:192.0.2.1",
        ]
    )
    func refused(_ text: String) async throws {
        let run = try PeerNamesRun("a.test \(text.contains(":") ? "[\(text)]:3478" : "\(text):3478")")
        run.names.set("a.test", [text])
        run.begin()
        _ = await run.pause()
        let last = try #require(run.lists.last)
        #expect(last.allSatisfy { $0.v4 == nil && $0.v6 == nil && $0.problem?.contains("is not used: ") == true })
        #expect(run.messages.count == 2 && run.messages.allSatisfy { $0.hasPrefix("1016 ") }, "\(run.messages)")
        // A good one beside it is used.
        run.names.set("a.test", [text, "192.0.2.7"])
        _ = await run.nextPause()
        #expect(run.lists.last?.first?.v4?.description == "192.0.2.7")
    }

    @Test("Who listens on a loopback address may have others there")
    func loopback() async throws {
        let run = try PeerNamesRun("127.0.0.2:3480 a.test", listening: ["127.0.0.1"])
        run.names.set("a.test", v4: ["127.0.0.3"])
        run.begin()
        _ = await run.pause()
        #expect(run.lists.last?.map(\.shown) == ["127.0.0.2:3480 127.0.0.2 -", "a.test:3478 127.0.0.3 -"])
    }

    @Test("Other settings take over what is known, and nothing is told after the end")
    func changes() async throws {
        let run = try PeerNamesRun("a.test")
        run.names.set("a.test", v4: ["192.0.2.2"])
        run.names.set("b.test", v4: ["192.0.2.3"])
        run.begin()
        _ = await run.pause()
        run.use("b.test a.test/classic")
        _ = (await run.pause(), await run.pause())
        #expect(run.lists[2].map(\.shown) == ["b.test:3478 - -", "a.test:3478/classic 192.0.2.2 -"])
        #expect(run.lists.last?.map(\.shown) == ["b.test:3478 192.0.2.3 -", "a.test:3478/classic 192.0.2.2 -"])
        run.peers.stop()
        let count = run.lists.count
        run.names.set("a.test", v4: ["192.0.2.9"])
        run.use("")
        await run.list(count)
        #expect(run.lists.count == count + 1 && run.lists.last == [])
    }

    @Test(
        "With a real name server: a name changes, disappears and comes back",
        .enabled(if: TestNameServer.isInstalled, "needs Debian's dnsmasq-base")
    )
    func real() async throws {
        let server = try TestNameServer(["host-record=a.test,192.0.2.1,2001:db8::1,300"])
        let run = try PeerNamesRun("a.test", resolver: NameService(servers: [server.address]))
        run.begin()
        #expect(await run.pause() == 300)
        #expect(run.lists.last?.map(\.shown) == ["a.test:3478 192.0.2.1 2001:db8::1"])
        try server.change(["host-record=a.test,192.0.2.2,45"])
        #expect(await run.nextPause() == 45)
        #expect(run.lists.last?.map(\.shown) == ["a.test:3478 192.0.2.2 -"])
        try server.change([])
        #expect(await run.nextPause() == 30)
        server.stop()
        #expect(await run.nextPause() == 30)
        #expect(run.lists.last?.map(\.shown) == ["a.test:3478 192.0.2.2 -"] && run.messages.count == 1)
        try server.change(["host-record=a.test,192.0.2.3", "host-record=a.test,192.0.2.4"])
        _ = await run.nextPause()
        #expect(run.lists.last?.map(\.shown) == ["a.test:3478 192.0.2.3 -", "a.test:3478 192.0.2.4 -"])
        #expect(run.messages.count == 2, "\(run.messages)")
    }
}

/// `PeerNames` with what a test gives it and hears of it.
private final class PeerNamesRun: Sendable {
    let names = FixedNames()
    let peers: PeerNames
    private let servers: [OtherServer]
    private let pauses = Pauses()
    private let box: Heard
    private let told: AsyncStream<Void>

    private final class Heard: Sendable {
        let heard = Mutex((lists: [[ResolvedServer]](), messages: [String]()))
    }

    init(_ servers: String, listening: [String] = [], resolver: (any NameResolving)? = nil) throws {
        self.servers = try Self.parsed(servers)
        let stream = AsyncStream<Void>.makeStream()
        told = stream.stream
        let box = Heard()
        self.box = box
        peers = PeerNames(
            resolver ?? names,
            listening: listening.compactMap(IPAddress.init),
            pause: { [pauses] in try await pauses.wait($0) },
            tell: { code, text in box.heard.withLock { $0.messages.append("\(code.rawValue) \(text)") } },
            onChange: { list in
                box.heard.withLock { $0.lists.append(list) }
                stream.continuation.yield()
            }
        )
    }

    static func parsed(_ text: String) throws -> [OtherServer] {
        try text.split(separator: " ").map { try #require(OtherServer(String($0))) }
    }

    var lists: [[ResolvedServer]] { box.heard.withLock(\.lists) }
    var messages: [String] { box.heard.withLock(\.messages) }

    func begin() { peers.use(servers) }
    func use(_ text: String) { peers.use((try? Self.parsed(text)) ?? []) }

    /// Waits until there are more than `count` lists.
    func list(_ count: Int) async { for await _ in told where lists.count > count { return } }
    /// Waits until a name waits for its next turn; returns for how many seconds.
    func pause() async -> Int { await pauses.begun() }
    /// Has a name wait no longer, and waits until one waits again.
    func nextPause() async -> Int {
        pauses.end()
        return await pauses.begun()
    }
}

extension ResolvedServer {
    var shown: String { "\(server) \(v4?.description ?? "-") \(v6?.description ?? "-")" }
}

/// A name service that knows what it is told.
final class FixedNames: NameResolving {
    private struct Key: Hashable {
        let name: String
        let family: IPAddress.Family
    }
    private let known = Mutex<[Key: Result<AddressAnswer, NameError>]>([:])

    func set(_ name: String, v4: [String] = [], v6: [String] = [], ttl: Int = 60, sixth: NameError = .noData) {
        for (family, texts) in [(IPAddress.Family.v4, v4), (.v6, v6)] {
            let records = texts.compactMap { IPAddress($0) }.map { AddressRecord($0, ttl: ttl) }
            let none = Result<AddressAnswer, NameError>.failure(family == .v6 ? sixth : .noData)
            let result = records.isEmpty ? none : .success(AddressAnswer(records))
            known.withLock { $0[Key(name: name, family: family)] = result }
        }
    }

    /// Addresses of either family.
    func set(_ name: String, _ texts: [String]) {
        set(name, v4: texts.filter { !$0.contains(":") }, v6: texts.filter { $0.contains(":") })
    }

    func fail(_ name: String, _ error: NameError) {
        for family in IPAddress.Family.allCases {
            known.withLock { $0[Key(name: name, family: family)] = .failure(error) }
        }
    }

    func addresses(of name: String, family: IPAddress.Family) async throws(NameError) -> AddressAnswer {
        try (known.withLock { $0[Key(name: name, family: family)] } ?? .failure(.noSuchName)).get()
    }
}

/// Waits that end when the test says so.
private final class Pauses: Sendable {
    private let waiting = Mutex<[UInt64: CheckedContinuation<Void, Never>]>([:])
    private let number = Atomic<UInt64>(0)
    private let begin = AsyncStream<Int>.makeStream()

    func wait(_ duration: Duration) async throws {
        let id = number.wrappingAdd(1, ordering: .relaxed).newValue
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                waiting.withLock { $0[id] = continuation }
                if Task.isCancelled { end(id) }
                begin.continuation.yield(Int(duration / .seconds(1)))
            }
        } onCancel: {
            end(id)
        }
        try Task.checkCancellation()
    }

    func begun() async -> Int {
        for await seconds in begin.stream { return seconds }
        return -1
    }

    func end() { for id in waiting.withLock({ Array($0.keys) }) { end(id) } }

    private func end(_ id: UInt64) { waiting.withLock { $0.removeValue(forKey: id) }?.resume() }
}
