import Foundation
import SecureTransport
import TestTLS
import Testing
import WireFixtures

@Suite("DTLS sessions: datagrams in, datagrams out (RFC 6347, RFC 7350)")
struct DatagramSessionTests {
    private func open(
        _ certificate: TestCertificate = .usual
    ) throws -> (server: DatagramPeer, client: DatagramPeer) {
        let client = try DatagramPeer.client(
            TestContext.datagramClient(protocols: ["stun.nat-discovery"]),
            name: "turn.example.org"
        )
        let server = try #require(try TestDoor().letIn(client, TestContext.datagramServer(certificate)))
        DatagramPeer.pump(server, client)
        return (server, client)
    }

    @Test("messages keep their boundaries, both ways, from 1 to 16,384 bytes")
    func messages() throws {
        for certificate in [TestCertificate.usual, .rsa] {
            let (server, client) = try open(certificate)
            #expect(server.state == .open && client.state == .open && server.version == "DTLSv1.2")
            #expect(server.applicationProtocol == "stun.nat-discovery" && server.serverName == "turn.example.org")
            #expect(server.deadline == nil && client.deadline == nil)
            let messages = [1, 20, 160, 1200, 1500, 16_384].map { [UInt8](repeating: UInt8($0 & 255), count: $0) }
            for message in messages {
                #expect(client.say(message))
                #expect(client.outbox.last?.count ?? 0 <= message.count + DatagramSession.recordOverhead)
                #expect(server.say(message))
            }
            #expect(client.outbox.count == messages.count)
            #expect(!client.say([UInt8](repeating: 0, count: 16_385)))
            DatagramPeer.pump(server, client)
            #expect(server.inbox == messages && client.inbox == messages)
        }
    }

    @Test("no datagram of the handshake is longer than asked for")
    func mtu() throws {
        let long = TestCertificate.rsa
        let client = try DatagramPeer.client(TestContext.datagramClient())
        let context = try TLSContext(server: .datagram, chain: long.chain + long.chain + long.chain, key: long.key)
        let server = try #require(try TestDoor().letIn(client, context))
        #expect(server.outbox.count >= 3)
        #expect(server.outbox.allSatisfy { $0.count <= 1200 })
        DatagramPeer.pump(server, client)
        #expect(server.state == .open)
    }

    @Test("a datagram that comes twice, and one that was changed, is dropped; the session goes on")
    func replay() throws {
        let (server, client) = try open()
        client.say([1])
        let first = client.takeOutbox()[0]
        for _ in 0..<3 { server.take(first) }
        client.say([2])
        var changed = client.takeOutbox()[0]
        changed[changed.count - 1] ^= 1
        server.take(changed)
        client.say([3])
        DatagramPeer.pump(server, client)
        #expect(server.inbox == [[1], [3]] && server.state == .open)
    }

    @Test("two records in one datagram are two messages")
    func packed() throws {
        let (server, client) = try open()
        client.say([1])
        client.say([2, 2])
        server.take(client.takeOutbox().flatMap { $0 })
        #expect(server.inbox == [[1], [2, 2]])
    }

    @Test("an end is told")
    func end() throws {
        let (server, client) = try open()
        client.close()
        DatagramPeer.pump(server, client)
        #expect(server.state == .closed && !server.say([1]))
    }

    @Test("a flight that is lost is sent again when its deadline has come, by either side")
    func retransmission() throws {
        let wait: UInt64 = 30_000_000
        let client = try DatagramPeer.client(TestContext.datagramClient(), firstWait: wait)
        let server = try #require(try TestDoor().letIn(client, TestContext.datagramServer(), firstWait: wait))
        // The server's first flight is lost.
        #expect(!server.takeOutbox().isEmpty)
        let deadline = try #require(server.deadline)
        #expect(deadline > 0 && deadline <= wait)
        server.now = deadline - 1
        server.tick()
        #expect(server.outbox.isEmpty)
        waitFor(server) { !server.outbox.isEmpty }
        #expect(server.deadline != nil)
        client.take(server.outbox[0])
        server.takeOutbox().dropFirst().forEach(client.take)
        // The client's answer is lost.
        _ = client.takeOutbox()
        waitFor(client) { !client.outbox.isEmpty }
        DatagramPeer.pump(server, client)
        #expect(server.state == .open && client.state == .open)
    }

    /// Advances the session's clock with the system's until something is there.
    private func waitFor(_ peer: DatagramPeer, _ holds: () -> Bool) {
        let start = DispatchTime.now().uptimeNanoseconds
        let base = peer.now
        while !holds(), DispatchTime.now().uptimeNanoseconds - start < 5_000_000_000 {
            peer.now = base + DispatchTime.now().uptimeNanoseconds - start
            peer.tick()
        }
    }

    @Test("a client that gets the cookie late says its first hello once more, and is let in all the same")
    func lateCookie() throws {
        let client = try DatagramPeer.client(TestContext.datagramClient(), firstWait: 20_000_000)
        let start = DispatchTime.now().uptimeNanoseconds
        while DispatchTime.now().uptimeNanoseconds - start < 25_000_000 {}
        let server = try #require(try TestDoor().letIn(client, TestContext.datagramServer()))
        DatagramPeer.pump(server, client)
        #expect(server.state == .open && client.state == .open)
    }

    @Test("handshakes with any one datagram lost end well, since both sides repeat")
    func anyLoss() throws {
        for lost in 0..<6 {
            let wait: UInt64 = 20_000_000
            let client = try DatagramPeer.client(TestContext.datagramClient(), firstWait: wait)
            let server = try #require(try TestDoor().letIn(client, TestContext.datagramServer(), firstWait: wait))
            var number = 0
            let start = DispatchTime.now().uptimeNanoseconds
            while server.state != .open || client.state != .open {
                guard DispatchTime.now().uptimeNanoseconds - start < 5_000_000_000 else { break }
                DatagramPeer.pump(server, client) { _ in
                    defer { number += 1 }
                    return number != lost
                }
                for peer in [server, client] {
                    peer.now = DispatchTime.now().uptimeNanoseconds - start
                    peer.tick()
                }
            }
            #expect(server.state == .open && client.state == .open)
        }
    }

    @Test("a session that no proven hello begins fails, and random datagrams never trap nor end an open one")
    func garbage() throws {
        var generator = SeededGenerator.announced("DatagramSessionTests.garbage")
        let (server, client) = try open()
        let id = try #require(server.hello)
        for _ in 0..<200 {
            let peer = DatagramPeer(try DatagramSession(server: TestContext.datagramServer(), hello: id))
            peer.take(generator.bytes(Int.random(in: 0...300, using: &generator)))
            #expect(peer.failure == "the first datagram is no whole DTLS hello")
        }
        for _ in 0..<2000 {
            var bytes = generator.bytes(Int.random(in: 0...100, using: &generator))
            if bytes.count > 13 {
                bytes.replaceSubrange(0..<5, with: [.random(in: 20...24, using: &generator), 254, 253, 0, 1])
            }
            server.take(bytes)
            guard server.state == .open else {
                Issue.record("\(server.state) after \(bytes)")
                break
            }
        }
        client.say([9])
        DatagramPeer.pump(server, client)
        #expect(server.inbox == [[9]])
    }

    @Test("records of a handshake's end that come too early take no more than a little memory")
    func early() throws {
        let client = try DatagramPeer.client(TestContext.datagramClient())
        let server = try #require(try TestDoor().letIn(client, TestContext.datagramServer()))
        ProcessMemory.giveBack()
        let before = ProcessMemory.resident()
        for number in 0..<200 {
            server.take([22, 254, 253, 0, 1, 0, 0, 0, 0, 0, UInt8(number), 0, 16] + [UInt8](repeating: 1, count: 16))
        }
        #expect(ProcessMemory.resident() - before < 600_000)
        #expect(server.state == .handshaking)
    }

    @Test("a client that has lost its session may begin another one, and a repeated hello is known as one")
    func again() throws {
        let (server, _) = try open()
        let client = try DatagramPeer.client(TestContext.datagramClient())
        let door = TestDoor()
        client.take(door.judge(client.takeOutbox()[0]).1)
        let hello = client.takeOutbox()[0]
        guard case .proven(let id) = door.judge(hello).0 else {
            Issue.record("not proven")
            return
        }
        #expect(id != server.hello)
        guard case .proven(let same) = door.judge(hello).0 else { return }
        #expect(id == same)
    }
}
