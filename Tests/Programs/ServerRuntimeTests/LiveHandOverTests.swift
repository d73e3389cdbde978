import Addresses
import Administration
import Foundation
import Observability
import TestRedis
import TestSockets
import Testing

@testable import ServerRuntime

@Suite("Two servers with one address each answer for one another, on loopback", .serialized, .timeLimit(.minutes(2)))
struct LiveHandOverTests {
    private static let key = "cluster-key: \(String(repeating: "ab", count: 32))\n"

    /// Servers on 127.0.0.1 and 127.0.0.2 with the same ports, each of which finds the other one healthy.
    private struct Pair {
        let first: ServerUnderTest
        let second: ServerUnderTest

        /// - `redis`: where they find each other, instead of in their settings.
        init(_ more: String = "", redis: RedisUnderTest? = nil) async throws {
            let ports = try { () throws -> (UInt16, UInt16) in
                let host = try ServerUnderTest("")
                return (host.port1, host.port2)
            }()
            func start(_ own: Int, _ other: Int) throws -> ServerUnderTest {
                let others =
                    redis.map { "redis: unix:\($0.socket)\n" } ?? "other-stun-servers: 127.0.0.\(other):\(ports.0)\n"
                let settings = "address: 127.0.0.\(own)\n" + others
                return try ServerUnderTest(settings + key + "workers: 2\n" + more, isWildcard: true, ports: ports)
            }
            first = try start(1, 2)
            second = try start(2, 1)
            try await wait(first, "healthy")
            try await wait(second, "healthy")
        }

        /// Waits until a server says so of the other one.
        func wait(_ host: ServerUnderTest, _ state: String) async throws {
            for _ in 0..<1500 {
                if try await host.server.fleet().servers.dropFirst().first?.state == state { return }
                try await Task.sleep(for: .milliseconds(20))
            }
            Issue.record("the other server is not \(state): \(try await host.server.fleet())")
            throw CancellationError()
        }
    }

    /// The three dialects: a request with these flags, whose id ends with a number.
    private static func requests(ip: Bool, port: Bool, _ number: UInt8) -> [[UInt8]] {
        let low: UInt8 = (ip ? 4 : 0) | (port ? 2 : 0)
        let high: UInt8 = low << 5
        let id = [UInt8](repeating: 7, count: 11) + [number]
        return [
            [0, 1, 0, 8, 9, 9, 9, number, 0, 3, 0, 4, high, 0, 0, 0],
            [0, 1, 0, 8, 1, 2, 3, 4] + id + [0, 3, 0, 4, 0, 0, 0, low],
            [0, 1, 0, 8, 0x21, 0x12, 0xA4, 0x42] + id + [0, 3, 0, 4, 0, 0, 0, low],
        ]
    }

    @Test("every dialect, both ports and all flags: the answer comes from the socket that RFC 5780 names")
    func changedAddresses() async throws {
        let pair = try await Pair()
        let client = try TestClient(bindingTo: .loopback(0))
        let (port1, port2) = (pair.first.port1, pair.first.port2)
        let (one, two) = (IPAddress(v4: 0x7F00_0001), IPAddress(v4: 0x7F00_0002))
        var number: UInt8 = 0
        for asked in [(one, port1), (one, port2), (two, port1), (two, port2)] {
            for (ip, port) in [(false, false), (true, false), (false, true), (true, true)] {
                number += 1
                for request in Self.requests(ip: ip, port: port, number) {
                    try client.send(request, to: SocketAddress(asked.0, port: asked.1))
                    let answer = try client.receiveFrom()
                    let address = ip ? (asked.0 == one ? two : one) : asked.0
                    let source = port ? (asked.1 == port1 ? port2 : port1) : asked.1
                    #expect(answer.source == SocketAddress(address, port: source), "\(asked), \(ip), \(port)")
                    #expect(answer.bytes.prefix(2) == [1, 1])
                }
            }
        }
        for host in [pair.first, pair.second] {
            #expect(try await host.counter("handed-over") == 12)
            #expect(try await host.counter("answers-for-others") == 12)
        }
    }

    @Test(
        "servers that have nothing but a Redis and a key find each other, with TURN and without",
        .enabled(if: RedisUnderTest.isInstalled, "needs redis-server (Scripts/install-packages test)"),
        arguments: ["on", "off"]
    )
    func byRedis(_ turn: String) async throws {
        let redis = try RedisUnderTest()
        let pair = try await Pair("turn: \(turn)\nturn-users: alice:\(RelayClient.password)\n", redis: redis)
        let client = try TestClient(bindingTo: .loopback(0))
        for (number, request) in Self.requests(ip: true, port: true, 1).enumerated() {
            try client.send(request, to: pair.first.address())
            let answer = try client.receiveFrom()
            #expect(answer.source == SocketAddress(IPAddress(v4: 0x7F00_0002), port: pair.first.port2), "\(number)")
        }
        #expect(try await pair.second.counter("answers-for-others") == 3)
        #expect(pair.first.server.fleetPlaces.others.map(\.name) == ["127.0.0.2:\(pair.second.port1)"])
        guard turn == "on" else { return }
        // A client is sent to the other one, as with a list.
        _ = try await pair.first.server.drain(DrainOrder(stays: true), by: "test")
        let user = try RelayClient(asking: pair.first.address(), user: "alice", password: RelayClient.password)
        let answer = try user.request(0x0003, [RelayClient.udp])
        #expect(answer.code == 300)
    }

    @Test("the log names the other server, and the metrics count both directions (message 1015)")
    func told() async throws {
        let pair = try await Pair("log-level: 8\n")
        let client = try TestClient(bindingTo: .loopback(0))
        try client.send(Self.requests(ip: true, port: false, 1)[2], to: pair.first.address())
        _ = try client.receiveFrom()
        var query = LogQuery()
        query.code = 1015
        let entries = try await pair.first.server.log(query).entries
        #expect(entries.count == 1)
        #expect(entries.first?.address == "127.0.0.2:\(pair.first.port1)", "\(entries)")
        #expect(entries.first?.remark?.contains("\(client.local.port)") == true, "\(entries)")
        // Of all that was received and sent, heartbeats are left out: the request, its envelope there, and the answer.
        let envelope = "\(pair.first.address())"
        for (host, code, addresses) in [
            (pair.first, 1006, ["\(client.local)"]), (pair.first, 1017, []), (pair.second, 1006, [envelope]),
            (pair.second, 1017, ["\(client.local)"]),
        ] {
            query.code = code
            #expect(try await host.server.log(query).entries.map(\.address) == addresses, "\(code)")
        }
        let family = try await pair.first.server.metrics().first { $0.name == "stund_handed_over" }
        #expect(family?.samples.map(\.value) == [1, 0])
    }

    @Test("when the other server is gone, RFC 5780 is refused and the older dialects get silence, with message 1014")
    func alone() async throws {
        let pair = try await Pair("log-level: 6\n")
        pair.second.server.stop()
        try await pair.wait(pair.first, "lost")
        let client = try TestClient(connectingTo: pair.first.address())
        for request in Self.requests(ip: true, port: false, 1) { try client.send(request) }
        #expect(try client.receive().prefix(2) == [1, 0x11])
        let port = try TestClient(bindingTo: .loopback(0))
        for request in Self.requests(ip: false, port: true, 2) {
            try port.send(request, to: pair.first.address())
            #expect(try port.receiveFrom().source.port == pair.first.port2)
        }
        var query = LogQuery()
        query.code = 1014
        #expect(try await !pair.first.server.log(query).entries.isEmpty)
    }

    @Test(
        "forgeries are counted and lead to nothing, from a stranger and from the other server's address (attacks row 31)"
    )
    func forgeries() async throws {
        let pair = try await Pair()
        let forgery: [UInt8] =
            [0xC5, 0x53, 0x54, 0x44] + [UInt8](repeating: 0, count: 16) + [1, 0]
            + [UInt8](repeating: 0, count: 60)
        let stranger = try TestClient(bindingTo: SocketAddress(IPAddress(v4: 0x7F00_0003), port: 0))
        let neighbour = try TestClient(bindingTo: SocketAddress(IPAddress(v4: 0x7F00_0002), port: 0))
        for client in [stranger, neighbour] {
            try client.send(forgery, to: pair.first.address())
            try client.send(Self.requests(ip: false, port: false, 1)[2], to: pair.first.address())
            // The first answer to come is that to the request.
            #expect(try client.receiveFrom().bytes.prefix(2) == [1, 1])
        }
        #expect(try await pair.first.counter("drops-cluster-stranger") == 1)
        #expect(try await pair.first.counter("drops-cluster-forged") == 1)
    }
}
