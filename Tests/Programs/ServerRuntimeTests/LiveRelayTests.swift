import Addresses
import Administration
import Foundation
import PacketEngine
import TestSockets
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite("The relay of the running server, on loopback (RFC 8656)")
struct LiveRelayTests {
    @Test("a client allocates, binds a channel and exchanges data with a peer", arguments: [false, true])
    func exchange(isWildcard: Bool) throws {
        let range = try RelayRange.free(8)
        let settings = RelayClient.settings + range.setting + "workers: 2\nrelay-address: 127.0.0.1\n"
        let host = try ServerUnderTest(settings, isWildcard: isWildcard)
        let client = try RelayClient(asking: host.address())
        let peer = try TestClient(bindingTo: .loopback(0))
        let relayed = try client.allocate()
        #expect(relayed.address == .loopbackV4 && range.contains(relayed.port))
        #expect(try client.permit(peer.local).isSuccess)
        for data in [[1, 2, 3], [], [UInt8](repeating: 7, count: 1400)] {
            try client.send(data, to: peer.local)
            let received = try peer.receiveFrom()
            #expect(received.bytes == data && received.source == relayed)
            try peer.send(data, to: relayed)
            let indication = try #require(RelayClient.Answer(try client.receive()))
            #expect(indication.attributes.type == 0x0017)
            #expect(indication.peer == peer.local && indication.attributes[0x0013] == data)
        }
        try client.bind(0x4001, to: peer.local)
        for data in [[4, 5], [], [UInt8](repeating: 9, count: 1401)] {
            try client.send(data, by: 0x4001)
            let received = try peer.receiveFrom()
            #expect(received.bytes == data && received.source == relayed)
            try peer.send(data, to: relayed)
            #expect(try client.receive() == [0x40, 0x01] + Wire.bytes(UInt16(data.count)) + data)
        }
        try client.release()
        #expect(range.free == 8)
        #expect(try client.permit(peer.local).code == 437)
    }

    @Test("two clients of one server reach each other through their relay addresses, with peers on loopback denied")
    func relayToRelay() throws {
        let range = try RelayRange.free(8)
        let host = try ServerUnderTest("turn-users: alice:\(RelayClient.password)\n" + range.setting + "workers: 2\n")
        let clients = try (0..<4).map { _ in try RelayClient(asking: host.address()) }
        let relayed = try clients.map { try $0.allocate() }
        for (client, other) in zip(clients, relayed.reversed()) { #expect(try client.permit(other).isSuccess) }
        for (index, client) in clients.enumerated() {
            try client.send([UInt8(index)], to: relayed[3 - index])
            let indication = try #require(RelayClient.Answer(try clients[3 - index].receive()))
            #expect(indication.peer == relayed[index] && indication.attributes[0x0013] == [UInt8(index)])
        }
        // Whoever else is on this host stays out of reach.
        let peer = try TestClient(bindingTo: .loopback(0))
        try clients[0].send([9], to: peer.local)
        try clients[0].send([8], to: relayed[3])
        #expect(RelayClient.Answer(try clients[3].receive())?.attributes[0x0013] == [8])
        #expect(try clients[0].request(0x0009, [.init(0x000C, [0x40, 0, 0, 0])], peers: [peer.local]).code == 403)
        #expect(peer.hasNothing)
    }

    @Test("a port that one worker keeps for a token is claimed by a client of another worker (row 35)")
    func reservationAcrossWorkers() async throws {
        let range = try RelayRange.free(32)
        let host = try ServerUnderTest(RelayClient.settings + range.setting + "workers: 2\n")
        let first = try RelayClient(asking: host.address())
        let answer = try first.request(0x0003, [RelayClient.udp, .init(0x0018, [0x80])])
        let relayed = try #require(answer.relayed)
        let token = try #require(answer.attributes[0x0022])
        #expect(relayed.port % 2 == 0)
        let other = try await client(of: host, notWith: first)
        let claimed = try other.allocate([.init(0x0022, token)])
        #expect(claimed == SocketAddress(.loopbackV4, port: relayed.port + 1))
        let peer = try TestClient(bindingTo: .loopback(0))
        #expect(try other.permit(peer.local).isSuccess)
        try other.send([1], to: peer.local)
        #expect(try peer.receiveFrom().source == claimed)
        let again = try RelayClient(asking: host.address())
        #expect(try again.request(0x0003, [RelayClient.udp, .init(0x0022, token)]).code == 508)
    }

    /// A client without an allocation whom the kernel gives to another worker.
    private func client(of host: ServerUnderTest, notWith first: RelayClient) async throws -> RelayClient {
        let worker = try await host.worker(of: first)
        for _ in 0..<60 {
            let client = try RelayClient(asking: host.address())
            try client.allocate()
            let own = try await host.worker(of: client)
            try client.release()
            if own != worker { return client }
        }
        throw RelayClient.Failure(description: "60 clients came to worker \(worker)")
    }

    @Test(
        "one Allocate gets both families, also by the number that ADDITIONAL-ADDRESS-FAMILY had in drafts",
        .enabled(if: (try? TestClient(bindingTo: .loopback(.v6))) != nil, "needs the IPv6 loopback"),
        arguments: [UInt16(0x8000), 0x8032]
    )
    func bothFamilies(number: UInt16) throws {
        let host = try ServerUnderTest(
            "turn-users: alice:\(RelayClient.password)\nallow-peers: 127.0.0.0/8 ::1/128\n"
                + "relay-address: 127.0.0.1 ::1\n"
        )
        let client = try RelayClient(asking: host.address())
        let answer = try client.request(0x0003, [RelayClient.udp, .init(number, [2, 0, 0, 0])]).attributes
        let relayed = answer.attributes.filter { $0.type == 0x0016 }
            .compactMap { Wire.unveiled($0.value, id: answer.id) }
        #expect(relayed.map(\.address.family) == [.v4, .v6])
        for relay in relayed {
            let peer = try TestClient(bindingTo: .loopback(relay.address.family))
            #expect(try client.permit(peer.local).isSuccess)
            try client.send([1, 2], to: peer.local)
            let received = try peer.receiveFrom()
            #expect(received.bytes == [1, 2] && received.source == relay)
            try peer.send([3], to: relay)
            let indication = try #require(RelayClient.Answer(try client.receive()))
            #expect(indication.peer == peer.local && indication.attributes[0x0013] == [3])
        }
    }

    @Test("an ICMP error reaches the client as a Data indication with ICMP (RFC 8656 section 11.5)")
    func icmp() throws {
        let host = try ServerUnderTest(RelayClient.settings)
        let client = try RelayClient(asking: host.address())
        try client.allocate()
        let nobody = try SocketAddress.closed(.v4)
        let peer = try TestClient(bindingTo: .loopback(0))
        #expect(try client.permit(peer.local).isSuccess)
        for _ in 0..<3 {
            try client.send([1, 2, 3], to: nobody)
            let indication = try #require(RelayClient.Answer(try client.receive()))
            #expect(indication.attributes.types == [0x0012, 0x8004])
            // Destination unreachable, port unreachable: 16 zero bits, 7 of type, 9 of code.
            #expect(indication.attributes[0x8004] == [0, 0, 3 << 1, 3, 0, 0, 0, 0])
            #expect(indication.peer == nobody)
            // The socket goes on.
            try client.send([4], to: peer.local)
            #expect(try peer.receive() == [4])
        }
    }

    @Test(
        "a router's \"fragmentation needed\" reaches the client with the MTU that it names",
        .enabled(if: geteuid() == 0)
    )
    func tooBig() throws {
        let host = try ServerUnderTest(RelayClient.settings)
        let client = try RelayClient(asking: host.address())
        let relayed = try client.allocate()
        let peer = try TestClient(bindingTo: .loopback(0))
        #expect(try client.permit(peer.local).isSuccess)
        try client.send([1], to: peer.local)
        _ = try peer.receive()
        try ICMPForger.fragmentationNeeded(mtu: 1280, of: relayed, to: peer.local)
        let indication = try #require(RelayClient.Answer(try client.receive()))
        #expect(indication.attributes[0x8004] == [0, 0, 3 << 1, 4, 0, 0, 5, 0])
        #expect(indication.peer == peer.local)
    }

    @Test(
        "a relayed packet leaves with the host's default TTL or hop limit, whatever it came with (row 32)",
        .enabled(if: geteuid() == 0)
    )
    func timeToLive() throws {
        let text = try String(contentsOfFile: "/proc/sys/net/ipv4/ip_default_ttl", encoding: .utf8)
        let standard = try #require(UInt8(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        let host = try ServerUnderTest(RelayClient.settings)
        let client = try RelayClient(asking: host.address())
        let relayed = try client.allocate()
        let peer = try TestClient(bindingTo: .loopback(0))
        try client.bind(0x4000, to: peer.local)
        let sniffer = try IPSniffer()
        for hops in [Int32(1), 2, 200] {
            client.socket.setTimeToLive(hops)
            peer.setTimeToLive(hops)
            try client.send([1], by: 0x4000)
            #expect(try sniffer.header(toPort: host.port1)[8] == UInt8(hops))
            #expect(try sniffer.header(toPort: peer.local.port)[8] == standard)
            _ = try peer.receive()
            try peer.send([2], to: relayed)
            #expect(try sniffer.header(toPort: client.socket.local.port)[8] == standard)
            _ = try client.receive()
        }
    }

    @Test("DSCP and ECN of a relayed packet are those that it came with, both ways")
    func trafficClass() throws {
        let host = try ServerUnderTest(RelayClient.settings)
        let client = try RelayClient(asking: host.address())
        let relayed = try client.allocate()
        let peer = try TestClient(bindingTo: .loopback(0))
        try client.bind(0x4000, to: peer.local)
        // EF with ECT(0), CS1 with CE, nothing, AF41.
        for byte in [0xB8 | 2, 0x20 | 3, 0, 0x88] as [UInt8] {
            try client.socket.setTrafficClass(byte)
            try client.send([1], by: 0x4000)
            #expect(try peer.receiveWithTrafficClass() == ([1], byte))
            try peer.setTrafficClass(byte ^ 0x20)
            try peer.send([2], to: relayed)
            #expect(try client.socket.receiveWithTrafficClass() == ([0x40, 0, 0, 1, 2], byte ^ 0x20))
        }
    }

    @Test(
        "DF is set for a Send with DONT-FRAGMENT from IPv4 to IPv4 and for nothing else",
        .enabled(if: geteuid() == 0)
    )
    func dontFragment() throws {
        let host = try ServerUnderTest(RelayClient.settings)
        let client = try RelayClient(asking: host.address())
        try client.allocate([.init(0x001A, [])])
        let peer = try TestClient(bindingTo: .loopback(0))
        try client.bind(0x4000, to: peer.local)
        let sniffer = try IPSniffer()
        for isWanted in [false, true, true, false, true, false] {
            try client.send([1], to: peer.local, isWanted ? [.init(0x001A, [])] : [])
            #expect(try sniffer.next(toPort: peer.local.port) == isWanted)
            try client.send([1], by: 0x4000)
            #expect(try !sniffer.next(toPort: peer.local.port))
        }
    }
}

extension ServerUnderTest {
    /// The number of the worker that has a client's allocation.
    func worker(of client: RelayClient) async throws -> String {
        let rows = try await server.sessions(SessionsQuery()).rows
        let row = try #require(rows.first { $0.client == "\(client.socket.local)" })
        return String(row.id.prefix { $0 != "-" })
    }
}
