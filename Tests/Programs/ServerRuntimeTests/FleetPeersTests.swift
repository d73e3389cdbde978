import Addresses
import ClusterCore
import ClusterStore
import ServerSettings
import Synchronization
import Testing

@testable import ServerRuntime

@Suite("Servers of the fleet's store, of whom anybody who writes there may say anything")
struct FleetPeersTests {
    private static func member(_ number: Int, _ addresses: [String]? = nil, port: UInt16 = 3478) -> FleetMember {
        FleetMember(
            name: "server-\(1000 + number)",
            instance: UInt64(number) + 1,
            addresses: (addresses ?? ["198.18.\(number / 250).\(number % 250 + 1)"]).compactMap { IPAddress($0) },
            port1: port
        )
    }

    private static func own(_ number: Int) -> FleetPeers.Own {
        FleetPeers.Own(name: "server-\(1000 + number)", instance: UInt64(number) + 1)
    }

    private func rows(_ members: [FleetMember], own: FleetPeers.Own = own(999), loopback: Bool = false) -> [String] {
        FleetPeers.rows(of: members, besides: own, allowsLoopback: loopback).map(\.shown)
    }

    @Test("A server is asked by its first address of each family, and this one is left out by name and by instance")
    func addresses() {
        let members = [
            Self.member(1, ["192.0.2.1", "2001:db8::1", "192.0.2.9"], port: 3480), Self.member(2), Self.member(3),
        ]
        #expect(
            rows(members, own: FleetPeers.Own(name: "server-1002", instance: 4))
                == ["192.0.2.1:3480 192.0.2.1 2001:db8::1"]
        )
    }

    @Test(
        "An address that no server can have is not used, nor is one without a port",
        arguments: [
            ["0.0.0.0"], ["224.0.0.1"], ["255.255.255.255"], ["::"], ["ff02::1"], ["fe80::1"], ["::ffff:192.0.2.1"],
            ["127.0.0.1"], ["::1"], [],
        ]
    )
    func unusable(_ addresses: [String]) {
        #expect(rows([Self.member(1, addresses)]) == [])
        #expect(rows([Self.member(1, addresses + ["192.0.2.1"])]) == ["192.0.2.1:3478 192.0.2.1 -"])
        #expect(rows([Self.member(1, port: 0)]) == [])
    }

    @Test("A loopback address is used where this server listens on one")
    func loopback() {
        #expect(rows([Self.member(1, ["127.0.0.1"])], loopback: true) == ["127.0.0.1:3478 127.0.0.1 -"])
    }

    @Test(
        "Of any number as many are asked as there is room for, and who is asked asks, too",
        arguments: [2, 3, 64, 66, 300]
    )
    func ring(_ count: Int) {
        let members = (0..<count).map { Self.member($0) }
        let asked = members.indices.map { index in
            Set(
                FleetPeers.rows(of: members.shuffled(), besides: Self.own(index), allowsLoopback: false).compactMap(
                    \.v4
                )
            )
        }
        for index in members.indices {
            #expect(asked[index].count == min(count - 1, ClusterView.mostPeers))
            #expect(!asked[index].contains(members[index].addresses[0]))
            for other in members.indices where asked[index].contains(members[other].addresses[0]) {
                #expect(asked[other].contains(members[index].addresses[0]))
            }
        }
    }

    @Test("With two addresses each half as many are asked")
    func bothFamilies() {
        let members = (0..<100).map { Self.member($0, ["198.18.0.\($0 + 1)", "2001:db8::\($0 + 1)"]) }
        let rows = FleetPeers.rows(of: members, besides: Self.own(50), allowsLoopback: false)
        #expect(rows.count == ClusterView.mostPeers / 2)
        #expect(rows.flatMap(\.addresses).count <= ClusterView.mostPeers)
    }

    @Test("One that is gone from the store is asked on for ten seconds as long as it answers, and then no more")
    func grace() {
        var peers = FleetPeers()
        let answering: Set<SocketAddress> = [SocketAddress(IPAddress(v4: 0xC612_0002), port: 3478)]
        func take(_ members: [FleetMember], _ answering: Set<SocketAddress>, _ second: UInt64) -> [String] {
            peers.take(
                members,
                besides: Self.own(999),
                allowsLoopback: false,
                answering: answering,
                at: second * 1_000_000_000
            )
            return peers.rows.map { "\($0.server)" }
        }
        #expect(take([Self.member(1), Self.member(2)], [], 100) == ["198.18.0.2:3478", "198.18.0.3:3478"])
        #expect(take([], answering, 109) == ["198.18.0.2:3478"])
        #expect(take([], answering, 110) == [])
        #expect(take([Self.member(1)], [], 120) == ["198.18.0.2:3478"])
        #expect(take([], [], 122) == [])
        // One that says other addresses at once is asked by those.
        #expect(take([Self.member(1)], answering, 130) == ["198.18.0.2:3478"])
        let moved = Self.member(1, ["198.18.0.2", "2001:db8::2"])
        #expect(take([moved], answering, 132) == ["198.18.0.2:3478"])
        #expect(peers.rows.first?.v6 != nil)
    }

    @Test("Servers that the settings name come first and as they are named, and the same list is told once")
    func lists() throws {
        let heard = Mutex<[[String]]>([])
        let lists = PeerLists(allowsLoopback: false) { list in heard.withLock { $0.append(list.map(\.shown)) } }
        let named = ResolvedServer(server: try #require(OtherServer("a.test")), v4: IPAddress("198.18.0.2"))
        let store = [Self.member(1), Self.member(2)]
        func find(_ members: [FleetMember]) { lists.use(members, besides: Self.own(999), answering: [], at: 0) }
        find(store)
        lists.use(storeServers: true)
        lists.use(named: [named])
        find(store)
        find([Self.member(1)])
        lists.use(named: [])
        lists.use(storeServers: false)
        let (first, second, name) = (
            "198.18.0.2:3478 198.18.0.2 -", "198.18.0.3:3478 198.18.0.3 -", "a.test:3478 198.18.0.2 -"
        )
        #expect(heard.withLock { $0 } == [[], [first, second], [name, second], [name], [first], []])
    }
}
