import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Which peers the relay reaches (attacks rows 1 to 12, 14, 30)")
struct RelayPeerTests {
    /// Addresses that are no place on the public Internet, by the row of the attack table that names them.
    static let forbidden: [(row: Int, addresses: [String])] = [
        (1, ["127.0.0.1", "127.255.255.254"]),
        (2, ["0.0.0.0", "0.1.2.3", "::", "::1"]),
        (3, ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0", "::ffff:192.168.1.1"]),
        (
            4,
            [
                "::127.0.0.1", "2002:7f00:1::", "64:ff9b::127.0.0.1", "64:ff9b:1::1", "2001:0:1:2::",
                "2a00::5efe:127.0.0.1",
            ]
        ),
        (5, ["169.254.169.254", "fe80::1", "fc00::1", "fd12::1", "fec0::1"]),
        (6, ["224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1"]),
        (
            11,
            [
                "10.1.2.3", "172.16.0.1", "192.168.0.1", "100.64.0.1", "192.0.0.1", "198.18.0.1", "240.0.0.1",
                "2001:db8::1",
            ]
        ),
        (12, ["198.51.100.10", "2001:db8::10"]),
    ]

    @Test("rows 1 to 6, 11, 12: CreatePermission and ChannelBind get 403, Send and what such a peer sends are dropped")
    func forbiddenPeers() throws {
        let turn = TURNHarness()
        let relayed = try turn.allocateBoth()
        turn.permit(.peer, .peer6)
        for (row, addresses) in Self.forbidden {
            for text in addresses {
                let address = try #require(IPAddress(text))
                for port in [1, 80, 443, 3478, 3479, 49152, 65535] as [UInt16] {
                    let peer = SocketAddress(address, port: port)
                    #expect(turn.permit(peer).code == 403, "row \(row): \(peer)")
                    #expect(turn.permit(.peer, peer).code == 403, "row \(row): \(peer)")
                    #expect(turn.bind(0x4000, to: peer).code == 403, "row \(row): \(peer)")
                    #expect(turn.sendIndication(to: peer).verdict == .drop(.noPermission))
                    let socket = relayed[address.family == .v4 ? 0 : 1]
                    #expect(turn.fromPeer(peer, to: socket)?.verdict == .drop(.noPermission))
                }
            }
        }
        #expect(turn.server.table.permissions.count == 2)
        #expect(turn.channelData(0x4000).verdict == .drop(.noChannel))
        #expect(turn.server.counters.traffic.packets == 0)
    }

    @Test("rows 5 and 11: allow-peers opens what it names, in all five ways, and nothing else")
    func allowed() throws {
        let turn = TURNHarness { $0.peers = TURNHarness.rules(allow: ["10.0.0.0/8"]) }
        let relayed = try #require(turn.allocate().relayed.first)
        let inside = SocketAddress(try #require(IPAddress("10.1.2.3")), port: 80)
        let outside = SocketAddress(try #require(IPAddress("192.168.0.1")), port: 80)
        #expect(turn.permit(inside).isSuccess)
        #expect(turn.bind(0x4000, to: inside).isSuccess)
        #expect(turn.sendIndication(to: inside).isToPeer)
        #expect(turn.channelData(0x4000).isToPeer)
        #expect(turn.fromPeer(inside, to: relayed)?.isToClient == true)
        #expect(turn.permit(outside).code == 403)
    }

    @Test("rows 8, 12 and 30: the server's own sockets and host are no peers, on any port but those of allocations")
    func ownSockets() throws {
        let turn = TURNHarness()
        let relayed = try #require(turn.allocate().relayed.first)
        for address in [IPAddress.relay, .server] {
            for port in [3478, 3479, 80, 50_000] as [UInt16] {
                #expect(turn.bind(0x4000, to: SocketAddress(address, port: port)).code == 403)
            }
        }
        #expect(
            turn.permit(SocketAddress(.relay, port: 1)).isSuccess,
            "a permission has no port: each packet is looked at"
        )
        for port in [3478, 3479, 80, 50_000] as [UInt16] {
            #expect(turn.sendIndication(to: SocketAddress(.relay, port: port)).verdict == .drop(.peerForbidden))
        }
        #expect(turn.drops(.peerForbidden) == 4)
        for port in [3478, 3479] as [UInt16] {
            let outcome = turn.fromPeer(SocketAddress(.relay, port: port), to: relayed)
            #expect(outcome?.verdict == .drop(.peerForbidden), "rules hold for what arrives too")
        }
    }

    @Test("row 10: two clients of one server reach each other through their relays, by Send and by channel")
    func relayToRelay() throws {
        let turn = TURNHarness()
        let alice = try #require(turn.allocate().relayed.first)
        let bob = try #require(turn.allocate(by: .bob).relayed.first)
        #expect(turn.bind(0x4000, to: bob).isSuccess)
        #expect(turn.permit(alice, by: .bob).isSuccess)
        #expect(turn.channelData(0x4000, [7]).verdict == .toPeer(bob, RelayID(index: 1), dontFragment: false))
        let arrived = try #require(turn.fromPeer(alice, to: bob, [7]))
        #expect(arrived.verdict == .toClient(TURNClient.bob.flow))
        #expect(TURNReply(arrived, client: nil).peer == alice)
        let back = turn.sendIndication(to: alice, [8], by: .bob)
        #expect(back.verdict == .toPeer(alice, RelayID(index: 2), dontFragment: false))
        #expect(turn.fromPeer(bob, to: alice, [8])?.bytes == hex("4000 0001 08"))
        #expect(turn.refresh(0, by: .bob).isSuccess)
        #expect(turn.channelData(0x4000, [7]).verdict == .drop(.peerForbidden), "the port is nobody's now")
        #expect(turn.bind(0x4001, to: bob.port(bob.port)).code != nil)
    }

    @Test("row 30: in a loop of two or three relays each packet leads to one packet to a client, and none by itself")
    func loops() throws {
        for count in [2, 3] {
            let turn = TURNHarness()
            let clients = (0..<count).map { TURNClient.alice.at(SocketAddress.client.port(UInt16(2000 + $0))) }
            let relayed = clients.compactMap { turn.allocate(by: $0).relayed.first }
            try #require(relayed.count == count)
            for (index, client) in clients.enumerated() {
                let next = relayed[(index + 1) % count]
                let previous = relayed[(index + count - 1) % count]
                #expect(turn.bind(0x4000, to: next, by: client).isSuccess)
                turn.permit(previous, by: client)
                #expect(turn.bind(0x4001, to: SocketAddress(.relay, port: 3478), by: client).code == 403)
            }
            // What the first client sends comes to the second's relay and ends at the second client: no relay sends on.
            let sent = turn.channelData(0x4000, [1], by: clients[0])
            #expect(sent.isToPeer)
            #expect(turn.fromPeer(relayed[0], to: relayed[1], sent.bytes)?.verdict == .toClient(clients[1].flow))
            #expect(turn.server.counters.traffic.packets == 2)
        }
    }

    @Test("external-ip: clients and peers see the external address, sockets the local one, both ways")
    func externalAddress() throws {
        let local = try #require(IPAddress("10.0.0.5"))
        let external = IPAddress.relay
        let turn = TURNHarness {
            $0.relayV4 = RelayAddress(local: local, external: external)
            $0.peers = TURNHarness.rules(relayAddresses: [local, external])
        }
        let alice = try #require(turn.allocate().relayed.first)
        let bob = try #require(turn.allocate(by: .bob).relayed.first)
        #expect(alice.address == external && bob.address == external)
        #expect(turn.bind(0x4000, to: bob).isSuccess)
        #expect(turn.permit(alice, by: .bob).isSuccess)
        let toBob = SocketAddress(local, port: bob.port)
        #expect(turn.channelData(0x4000, [7]).verdict == .toPeer(toBob, RelayID(index: 1), dontFragment: false))
        let sent = turn.sendIndication(to: bob, [7])
        #expect(sent.verdict == .toPeer(toBob, RelayID(index: 1), dontFragment: false), "clouds do not hairpin")
        let arrived = try #require(turn.fromPeer(SocketAddress(local, port: alice.port), to: bob, [7]))
        #expect(arrived.verdict == .toClient(TURNClient.bob.flow))
        #expect(TURNReply(arrived, client: nil).peer == alice)
        #expect(turn.fromPeer(alice, to: bob, [7])?.verdict == .toClient(TURNClient.bob.flow), "and where one does")
        #expect(turn.fromPeer(SocketAddress(local, port: bob.port), to: alice, [8])?.bytes == hex("4000 0001 08"))
        turn.permit(.peer)
        #expect(turn.sendIndication(to: .peer).verdict == .toPeer(.peer, RelayID(index: 1), dontFragment: false))
        let error = try #require(turn.icmp(ICMPTests.unreachable, to: toBob, from: alice))
        #expect(TURNReply(error, client: nil).peer == bob)
    }
}

@Suite("A change of rules while allocations live (attacks row 14)")
struct RuleReloadTests {
    @Test("row 14: a peer that is denied by a reload gets and sends nothing from the next packet on")
    func revoked() throws {
        let turn = TURNHarness()
        let relayed = try #require(turn.allocate([.lifetime(3600)]).relayed.first)
        turn.bind(0x4000, to: .peer)
        turn.permit(.otherPeer)
        #expect(turn.channelData(0x4000).isToPeer)
        turn.server.policy.turn?.peers = TURNHarness.rules(deny: ["93.184.216.34/32"])
        #expect(turn.channelData(0x4000).verdict == .drop(.noPermission))
        #expect(turn.sendIndication(to: .peer).verdict == .drop(.noPermission))
        #expect(turn.sendIndication(to: .peerOtherPort).verdict == .drop(.noPermission))
        #expect(turn.fromPeer(.peer, to: relayed)?.verdict == .drop(.noPermission))
        #expect(turn.fromPeer(.peerOtherPort, to: relayed)?.verdict == .drop(.noPermission))
        #expect(turn.icmp(ICMPTests.unreachable, to: .peer, from: relayed)?.verdict == .drop(.noPermission))
        #expect(turn.permit(.peer).code == 403)
        #expect(turn.bind(0x4000, to: .peer).code == 403)
        #expect(turn.sendIndication(to: .otherPeer).isToPeer, "others go on")
        #expect(
            turn.server.sessions(now: turn.now).first?.permissions.map(\.address) == [SocketAddress.otherPeer.address]
        )
    }

    @Test("row 14: rules that are loosened again let a permission live whose time is not up")
    func allowedAgain() throws {
        let turn = TURNHarness()
        let relayed = try #require(turn.allocate([.lifetime(3600)]).relayed.first)
        turn.bind(0x4000, to: .peer)
        turn.server.policy.turn?.peers = TURNHarness.rules(deny: ["93.0.0.0/8"])
        #expect(turn.channelData(0x4000).verdict == .drop(.noPermission))
        turn.server.policy.turn?.peers = TURNHarness.rules()
        #expect(turn.channelData(0x4000).isToPeer)
        #expect(turn.fromPeer(.peer, to: relayed)?.bytes.starts(with: hex("4000")) == true)
        turn.wait(seconds: 300)
        #expect(turn.channelData(0x4000).verdict == .drop(.noPermission))
    }

    @Test("row 14: a listening socket that is new shuts its port to channels and Sends that had it")
    func newListener() throws {
        let turn = TURNHarness { $0.peers = TURNHarness.rules(allow: ["198.51.100.10/32"]) }
        let relayed = try #require(turn.allocate([.lifetime(3600)]).relayed.first)
        let admin = SocketAddress(IPAddress.server, port: 8080)
        #expect(turn.bind(0x4000, to: admin).isSuccess)
        #expect(turn.channelData(0x4000).isToPeer)
        turn.server.policy.turn?.peers = PeerRules(
            allow: [IPPrefix("198.51.100.10/32")].compactMap { $0 },
            deny: [],
            lanPeers: false,
            listening: [admin],
            hostAddresses: [.server],
            relayAddresses: [.relay]
        )
        #expect(turn.channelData(0x4000).bytes == [])
        #expect(turn.sendIndication(to: admin).bytes == [])
        #expect(turn.fromPeer(admin, to: relayed)?.bytes == [])
        #expect(turn.sendIndication(to: admin.port(8081)).isToPeer)
    }

    @Test("row 14: whether a channel needs an allocation at its peer's port is decided anew, both ways")
    func ownRelayAddress() throws {
        let turn = TURNHarness()
        try #require(turn.allocate([.lifetime(3600)]).isSuccess)
        let bob = try #require(turn.allocate(by: .bob).relayed.first)
        #expect(turn.bind(0x4000, to: bob).isSuccess)
        #expect(turn.refresh(0, by: .bob).isSuccess)
        #expect(turn.channelData(0x4000).verdict == .drop(.peerForbidden), "no allocation has the port")
        turn.server.policy.turn?.peers = TURNHarness.rules(allow: ["\(IPAddress.relay)/32"])
        #expect(turn.channelData(0x4000).isToPeer, "the address is open now, whoever has the port")
        turn.server.policy.turn?.peers = TURNHarness.rules()
        #expect(turn.channelData(0x4000).verdict == .drop(.peerForbidden))
    }

    @Test("TURN switched off by a reload stops relaying at once, both ways")
    func turnOff() throws {
        let turn = TURNHarness()
        let relayed = try #require(turn.allocate().relayed.first)
        turn.bind(0x4000, to: .peer)
        turn.server.policy.turn = nil
        #expect(turn.channelData(0x4000).bytes == [])
        #expect(turn.sendIndication(to: .peer).bytes == [])
        #expect(turn.fromPeer(.peer, to: relayed)?.bytes == [])
        turn.advance(seconds: 600)
        #expect(turn.ports.open.isEmpty)
        #expect(turn.server.sessionCount == 0)
    }
}
