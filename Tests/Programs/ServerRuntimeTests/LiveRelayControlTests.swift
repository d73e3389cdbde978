import AccountStore
import Addresses
import Administration
import Foundation
import ServerSettings
import TestSockets
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite("What operators see of the relay and do to it, on loopback")
struct LiveRelayControlTests {
    @Test("sessions shows who uses the relay, from where, for how long and how much")
    func sessions() async throws {
        let host = try ServerUnderTest(RelayClient.settings + "workers: 2\n")
        let clients = try (0..<3).map { _ in try RelayClient(asking: host.address()) }
        let relayed = try clients.map { try $0.allocate() }
        let peer = try TestClient(bindingTo: .loopback(0))
        try clients[1].bind(0x4007, to: peer.local)
        try clients[1].send([1, 2, 3], by: 0x4007)
        _ = try peer.receive()
        for size in [5, 6] { try peer.send([UInt8](repeating: 0, count: size), to: relayed[1]) }
        for _ in 0..<2 { _ = try clients[1].receive() }
        let report = try await host.server.sessions(SessionsQuery())
        #expect(report.totalSessions == 3 && report.rows.count == 3)
        #expect(Set(report.rows.map(\.client)) == Set(clients.map { "\($0.socket.local)" }))
        let row = try #require(report.rows.first { $0.client == "\(clients[1].socket.local)" })
        #expect(row.user == "alice" && row.realm == "stund")
        #expect(row.relays == ["\(relayed[1])"] && row.listener == "\(host.address())")
        #expect(row.permissions.map(\.address) == ["127.0.0.1"])
        #expect(row.channels.map(\.number) == ["0x4007"] && row.channels.map(\.peer) == ["\(peer.local)"])
        #expect(row.toPeers == SessionsReport.Row.Traffic(packets: 1, bytes: 3))
        #expect(row.toClient == SessionsReport.Row.Traffic(packets: 2, bytes: 11))
        #expect((595...600).contains(row.expiresIn) && row.age < 60)
        let limited = try await host.server.sessions(SessionsQuery(limit: 1))
        #expect(limited.rows.count == 1 && limited.totalSessions == 3)
        let status = try await host.server.status()
        #expect(status.relay?.sessions == 3 && status.relay?.users == 1)
        #expect(status.relay?.addresses.map { $0.portsTotal - $0.portsFree } == [3])
        #expect(status.counters.first { $0.name == "relayed-packets-to-clients" }?.value == 2)
    }

    @Test("a user who is called like a session's id is not ended with it, nor that session with the user")
    func confusingNames() async throws {
        let range = try RelayRange.free(4)
        let names = ["0-2", "0-3", "0-1"]
        let users = names.map { "\($0):\(RelayClient.password)" }.joined(separator: " ")
        let host = try ServerUnderTest("turn-users: \(users)\nworkers: 1\n" + range.setting)
        for name in names { try RelayClient(asking: host.address(), user: name).allocate() }
        let rows = try await host.server.sessions(SessionsQuery()).rows
        #expect(rows.contains { $0.id == "0-1" && $0.user != "0-1" })
        #expect(try await host.server.disconnect(.session("0-1")) == 1)
        #expect(try await host.server.sessions(SessionsQuery()).rows.contains { $0.user == "0-1" })
        #expect(try await host.server.disconnect(.user("0-1")) == 1)
        #expect(try await host.server.sessions(SessionsQuery()).totalSessions == 1)
        #expect(try await host.server.disconnect(.session("0-3:")) == 0)
    }

    @Test("disconnect ends the sessions of an id, a user or a client address at once, and no others")
    func disconnect() async throws {
        let range = try RelayRange.free(8)
        let users = "turn-users: alice:\(RelayClient.password) bob:\(RelayClient.password)\n"
        let host = try ServerUnderTest(users + "allow-peers: 127.0.0.0/8\nworkers: 2\nlog-level: 9\n" + range.setting)
        let names = ["alice", "alice", "bob", "bob"]
        let clients = try names.map { try RelayClient(asking: host.address(), user: $0) }
        for client in clients { try client.allocate() }
        func isGone(_ index: Int) throws -> Bool {
            try clients[index].request(0x0004, [.init(0x000D, [0, 0, 2, 88])]).code == 437
        }
        let rows = try await host.server.sessions(SessionsQuery()).rows
        let id = try #require(rows.first { $0.client == "\(clients[0].socket.local)" }?.id)
        #expect(try await host.server.disconnect(.any(id)) == 1)
        #expect(try isGone(0) && !isGone(1) && !isGone(2) && !isGone(3))
        #expect(range.free == 5)
        #expect(try await host.server.disconnect(.any("\(clients[2].socket.local)")) == 1)
        #expect(try !isGone(1) && isGone(2) && !isGone(3))
        #expect(try await host.server.disconnect(.any("bob")) == 1)
        #expect(try !isGone(1) && isGone(3))
        for nobody in ["carol", "9-9", "127.0.0.9", "127.0.0.1:1"] {
            #expect(try await host.server.disconnect(.any(nobody)) == 0)
        }
        #expect(try await host.server.disconnect(.any("127.0.0.1")) == 1)
        // Sockets are closed at the end of the worker's turn, before it reads the next question.
        #expect(try await host.server.sessions(SessionsQuery()).totalSessions == 0)
        #expect(range.free == 8)
        // Whoever was disconnected may come again.
        try clients[0].allocate()
        let log = try await host.server.log(LogQuery()).lines
        #expect(log.count { $0.contains("ended by an operator") } == 4)
    }

    @Test("explain tells of a user and of an address why requests were refused, and what is so now")
    func explain() async throws {
        let host = try ServerUnderTest("turn-users: alice:\(RelayClient.password)\nworkers: 2\n")
        let wrong = try RelayClient(asking: host.address(), password: "not-the-password")
        #expect(try wrong.request(0x0003, [RelayClient.udp]).code == 401)
        var about = try await host.server.explain("alice")
        #expect(about.refusals.map(\.code) == [401])
        #expect(about.refusals.map(\.client) == ["\(wrong.socket.local)"])
        #expect(about.refusals.first?.user == "alice" && about.refusals.first?.method == "Allocate")
        let right = try RelayClient(asking: host.address())
        try right.allocate()
        let peer = SocketAddress(.v4("10.0.0.9"), port: 5)
        #expect(try right.request(0x0009, [.init(0x000C, [0x40, 0, 0, 0])], peers: [peer]).code == 403)
        about = try await host.server.explain("alice")
        #expect(about.refusals.map(\.code) == [403, 401])
        #expect(about.sessions.map(\.client) == ["\(right.socket.local)"])
        about = try await host.server.explain("\(wrong.socket.local)")
        #expect(about.refusals.map(\.code) == [401] && about.sessions.isEmpty)
        about = try await host.server.explain("10.0.0.9")
        #expect(about.refusals.map(\.code) == [403] && !about.findings.isEmpty)
        about = try await host.server.explain("carol")
        #expect(about.refusals.isEmpty && about.sessions.isEmpty && !about.findings.isEmpty)
        // What happens to every client that does all right is no news.
        #expect(try await host.server.explain("127.0.0.1").refusals.map(\.code).sorted() == [401, 403])
    }

    @Test("a reload that denies a peer revokes its permissions and channels at once, both ways")
    func revoked() async throws {
        let host = try ServerUnderTest(RelayClient.settings + "workers: 2\n")
        let client = try RelayClient(asking: host.address())
        let relayed = try client.allocate()
        let denied = try TestClient(bindingTo: SocketAddress(.v4("127.0.0.2"), port: 0))
        let allowed = try TestClient(bindingTo: SocketAddress(.v4("127.0.0.3"), port: 0))
        try client.bind(0x4000, to: denied.local)
        try client.bind(0x4001, to: allowed.local)
        try client.send([1], by: 0x4000)
        #expect(try denied.receive() == [1])
        try host.rewrite(RelayClient.settings + "workers: 2\ndeny-peers: 127.0.0.2/32\n")
        try await host.server.reload()
        // Nobody has to wait: what `sessions` tells is asked of the worker after the new policy.
        let row = try #require(try await host.server.sessions(SessionsQuery()).rows.first)
        #expect(row.permissions.map(\.address) == ["127.0.0.3"] && row.channels.map(\.number) == ["0x4001"])
        try client.send([2], by: 0x4000)
        try client.send([2], to: denied.local)
        try client.send([3], by: 0x4001)
        #expect(try allowed.receive() == [3])
        #expect(denied.hasNothing)
        try denied.send([4], to: relayed)
        try allowed.send([5], to: relayed)
        #expect(try client.receive() == [0x40, 1, 0, 1, 5])
        #expect(try client.permit(denied.local).code == 403)
    }

    @Test("a reload takes over users of the settings and of the store, and those that are gone are refused")
    func users() async throws {
        let host = try ServerUnderTest(RelayClient.settings)
        let bob = try RelayClient(asking: host.address(), user: "bob", password: "builder")
        #expect(try bob.request(0x0003, [RelayClient.udp]).code == 401)
        let text = try (OpaqueString("bob"), OpaqueString("stund"), OpaqueString("builder"))
        try AccountStore(path: host.database)
            .add(StoredUser(name: text.0, realm: text.1, password: text.2, created: 0))
        try await host.server.reload()
        try bob.allocate()
        try host.rewrite("allow-peers: 127.0.0.0/8\n")
        try await host.server.reload()
        let alice = try RelayClient(asking: host.address())
        #expect(try alice.request(0x0003, [RelayClient.udp]).code == 401)
        #expect(try await host.server.status().relay?.users == 1)
    }
}
