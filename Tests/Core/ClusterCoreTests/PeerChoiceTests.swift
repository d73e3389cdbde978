import Addresses
import Testing
import WireFixtures

@testable import ClusterCore

@Suite("Which other server a client is told of, and which one answers it")
struct PeerChoiceTests {
    static let second: UInt64 = 1_000_000_000
    static let client = SocketAddress(IPAddress(v4: 0xD9E6_BA6A), port: 29508)

    /// Servers 203.0.113.1 and so on, all healthy.
    static func view(_ count: Int, kind: ClusterPeer.Kind = .sealed, port2: UInt16? = 3479) -> ClusterView {
        let peers = (1...count).map { number in
            ClusterPeer(
                id: UInt16(number),
                kind: kind,
                v4: PeerEndpoints(address: IPAddress(v4: 0xCB00_7100 + UInt32(number)), port1: 3478, port2: port2),
                v6: nil,
                isHealthy: true
            )
        }
        return ClusterView(peers: peers, own: ServerState())
    }

    static func clients(_ count: Int) -> [IPAddress] {
        var generator = SeededGenerator.announced("clients")
        return (0..<count).map { _ in IPAddress(v4: UInt32.random(in: 0x0100_0000...0xDFFF_FFFF, using: &generator)) }
    }

    @Test("a client is told the same one as long as it is healthy, whatever becomes of the others")
    func stability() throws {
        var view = Self.view(5)
        for client in Self.clients(200) {
            let named = try #require(PeerChoice.named(for: client, .any, in: view))
            for index in view.peers.indices where index != named {
                view.peers[index].isHealthy = false
                #expect(PeerChoice.named(for: client, .any, in: view) == named)
                view.peers[index].isHealthy = true
            }
            view.peers[named].isHealthy = false
            #expect(PeerChoice.named(for: client, .any, in: view) != named)
            view.peers[named].isHealthy = true
        }
    }

    @Test("the order of the list changes nothing")
    func order() throws {
        let view = Self.view(5)
        var turned = view
        turned.peers.reverse()
        for client in Self.clients(100) {
            let (one, other) = try (
                #require(PeerChoice.named(for: client, .any, in: view)),
                #require(PeerChoice.named(for: client, .any, in: turned))
            )
            #expect(view.peers[one].id == turned.peers[other].id)
        }
    }

    @Test("clients spread over all of them")
    func spread() {
        let view = Self.view(5)
        var counts = [Int](repeating: 0, count: 5)
        for client in Self.clients(5_000) {
            if let index = PeerChoice.named(for: client, .any, in: view) { counts[index] += 1 }
        }
        #expect(counts.allSatisfy { (800...1200).contains($0) }, "\(counts)")
    }

    @Test("neither the ill, nor those of the other family, nor this server itself, nor for RFC 5780 one with one port")
    func whoCounts() {
        var view = Self.view(1)
        let client = Self.client.address
        #expect(PeerChoice.named(for: client, .bothPorts, in: view) == 0)
        #expect(PeerChoice.named(for: IPAddress(v6High: 1, low: 1), .any, in: view) == nil)
        view.peers[0].v4?.port2 = nil
        #expect(PeerChoice.named(for: client, .bothPorts, in: view) == nil)
        #expect(PeerChoice.named(for: client, .any, in: view) == 0)
        view.peers[0].state.instance = 9
        view.own.instance = 9
        #expect(PeerChoice.named(for: client, .any, in: view) == nil)
        view.own.instance = 8
        view.peers[0].isHealthy = false
        #expect(PeerChoice.named(for: client, .any, in: view) == nil)
    }

    @Test("foreign servers are for the older dialects, and only when none of ours is healthy")
    func foreignServers() {
        var view = Self.view(4)
        view.peers[1].kind = .classic
        view.peers[2].kind = .classic
        for client in Self.clients(100) {
            #expect([0, 3].contains(PeerChoice.named(for: client, .any, in: view)))
        }
        view.peers[0].isHealthy = false
        view.peers[3].isHealthy = false
        for client in Self.clients(100) {
            #expect([1, 2].contains(PeerChoice.named(for: client, .any, in: view)))
            #expect(PeerChoice.named(for: client, .bothPorts, in: view) == nil)
        }
    }

    @Test("the first request goes to the one that the client is told of, repetitions within 30 s go on to the others")
    func repetitions() throws {
        let view = Self.view(3)
        var choice = PeerChoice(seed: 1)
        let named = try #require(PeerChoice.named(for: Self.client.address, .any, in: view))
        let targets = (0..<5).map { number in
            choice.target(for: Self.client, .any, first: named, in: view, at: UInt64(number) * 29 * Self.second)
        }
        #expect(targets == [0, 1, 2, 3, 4].map { (named + $0) % 3 })
        // A sixth one in time would go elsewhere.
        let later = 4 * 29 * Self.second + 31 * Self.second
        let afterwards = choice.target(for: Self.client, .any, first: named, in: view, at: later)
        #expect(afterwards == named)
        let other = SocketAddress(Self.client.address, port: 1)
        let ofOther = choice.target(for: other, .any, first: named, in: view, at: later)
        #expect(ofOther == named)
    }

    @Test("repetitions leave the ill out")
    func repetitionsOfTheHealthy() throws {
        var view = Self.view(4)
        view.peers[2].isHealthy = false
        var choice = PeerChoice(seed: 1)
        let targets = (0..<6).map { _ in choice.target(for: Self.client, .any, first: 1, in: view, at: 1) }
        #expect(targets == [1, 3, 0, 1, 3, 0])
    }

    @Test("the drafts' requests take turns, whoever asks")
    func turns() {
        var view = Self.view(4)
        view.peers[1].isHealthy = false
        var choice = PeerChoice(seed: 1)
        let targets = (0..<6).compactMap { _ in choice.nextInTurn(.v4, in: view) }
        #expect(targets.count == 6)
        #expect(Set(targets.prefix(3)) == [0, 2, 3])
        #expect(targets.prefix(3) == targets.suffix(3))
        let ofV6 = choice.nextInTurn(.v6, in: view)
        #expect(ofV6 == nil)
    }

    @Test("more clients than the memory of repetitions holds only make more first requests")
    func manyClients() {
        var table = RepetitionTable(seed: 3)
        var generator = SeededGenerator.announced("many clients")
        for number in 0..<50_000 as Range<UInt64> {
            let client = SocketAddress(IPAddress(v4: UInt32.random(in: 1...UInt32.max, using: &generator)), port: 1)
            _ = table.count(client, at: number)
        }
        let first = table.count(Self.client, at: 50_000)
        #expect(first == 0)
        let second = table.count(Self.client, at: 50_001)
        #expect(second == 1)
    }

    @Test("no servers, and a place that is none, are no trap")
    func nobody() {
        var choice = PeerChoice(seed: .max)
        let none = ClusterView(peers: [], own: ServerState())
        #expect(PeerChoice.named(for: Self.client.address, .any, in: none) == nil)
        let next = choice.nextInTurn(.v4, in: none)
        #expect(next == nil)
        _ = choice.target(for: Self.client, .any, first: 5, in: none, at: 0)
        let target = choice.target(for: Self.client, .any, first: 5, in: none, at: 0)
        #expect(target == nil)
    }
}
