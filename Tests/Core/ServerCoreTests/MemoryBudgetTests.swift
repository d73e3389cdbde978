import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("The memory ceiling: what would go over it is refused with 508, what is there goes on")
struct MemoryBudgetTests {
    private static let one = MemoryCost.allocation + MemoryCost.relaySocket
    private static let permission = MemoryCost.permission
    private static let channel = MemoryCost.channel

    private func clients(_ count: Int) -> [TURNClient] {
        (0..<count).map { TURNClient.alice.at(SocketAddress.client.port(UInt16(1000 + $0))) }
    }

    @Test("exactly so many allocations fit, one byte less is one fewer, and the next fits when one has ended")
    func allocations() {
        for (limit, room) in [(3 * Self.one, 3), (3 * Self.one - 1, 2), (0, 0)] {
            let turn = TURNHarness { $0.quotas.memory = limit }
            let clients = clients(5)
            for client in clients.prefix(room) { #expect(turn.allocate(by: client).isSuccess) }
            let before = turn.state
            for client in clients.dropFirst(room) { #expect(turn.allocate(by: client).code == 508) }
            #expect(turn.server.refused?.refusal == .memory(limit))
            // A user's own count is as it was too.
            #expect(turn.ledger.total.allocations == room && turn.ports.open.count == room)
            #expect(turn.ledger.memory.used == room * Self.one)
            #expect(turn.server.counters.shortages[1] == UInt64(5 - room))
            #expect(turn.state[0...3] == before[0...3])
            guard room > 0 else { continue }
            #expect(turn.refresh(0, by: clients[0]).isSuccess)
            #expect(turn.allocate(by: clients[4]).isSuccess)
        }
    }

    @Test("a permission and a channel that do not fit are refused; those that are there are refreshed, and relay")
    func permissionsAndChannels() throws {
        let limit = Self.one + 2 * Self.permission + Self.channel
        let turn = TURNHarness { $0.quotas.memory = limit }
        let relayed = try #require(turn.allocate([.lifetime(3600)]).relayed.first)
        #expect(turn.permit(.peer).isSuccess)
        #expect(turn.bind(0x4000, to: .otherPeer).isSuccess)
        #expect(turn.ledger.memory.used == limit)
        let third = SocketAddress(IPAddress(v4: 0x0808_0808), port: 9)
        for _ in 0..<2 {
            #expect(turn.permit(third).code == 508)
            #expect(turn.server.refused?.refusal == .memory(limit))
            #expect(turn.permit(.peer, third).code == 508)
            #expect(turn.bind(0x4001, to: third).code == 508)
            #expect(turn.bind(0x4001, to: .peer).code == 508)
        }
        turn.wait(seconds: 200)
        #expect(turn.permit(.peer).isSuccess)
        #expect(turn.bind(0x4000, to: .otherPeer).isSuccess)
        #expect(turn.refresh(3600).isSuccess)
        turn.wait(seconds: 200)
        #expect(turn.sendIndication(to: .peer).isToPeer)
        #expect(turn.channelData(0x4000).isToPeer)
        #expect(turn.fromPeer(.otherPeer, to: relayed)?.isToClient == true)
        #expect(turn.ledger.memory.used == limit)
        #expect(turn.server.counters.shortages[1] == 8)
    }

    @Test("what expires is given back, at the latest when its memory is wanted")
    func expiry() {
        let limit = Self.one + Self.permission + Self.channel
        let turn = TURNHarness { $0.quotas.memory = limit }
        #expect(turn.allocate([.lifetime(3600)]).isSuccess)
        #expect(turn.bind(0x4000, to: .peer).isSuccess)
        #expect(turn.permit(.otherPeer).code == 508)
        turn.wait(seconds: 601)
        #expect(turn.permit(.otherPeer).isSuccess)
        #expect(turn.ledger.memory.used == Self.one + Self.permission)
        turn.advance(seconds: 3600)
        #expect(turn.server.sessionCount == 0)
        #expect(turn.ledger.memory.used == 0)
    }

    @Test("a dual allocation takes two sockets, one where a family cannot be had, and gives each back with its family")
    func dual() throws {
        let both = Self.one + MemoryCost.relaySocket
        let turn = TURNHarness { $0.quotas.memory = both }
        #expect(try turn.allocateBoth().count == 2)
        #expect(turn.ledger.memory.used == both)
        #expect(turn.refresh(0, [.family(2)]).isSuccess)
        #expect(turn.ledger.memory.used == Self.one)
        #expect(turn.refresh(0).isSuccess)
        #expect(turn.ledger.memory.used == 0)
        turn.ports.addresses = [.relay]
        #expect(turn.allocate([.dual]).isSuccess)
        #expect(turn.ledger.memory.used == Self.one)
        let narrow = TURNHarness { $0.quotas.memory = both - 1 }
        #expect(narrow.allocate([.dual]).code == 508)
        #expect(narrow.ledger.memory.used == 0)
    }

    @Test("an Allocate that fails for another reason leaves nothing taken")
    func otherFailures() {
        let turn = TURNHarness()
        turn.ports.failure = .noneFree
        #expect(turn.allocate().code == 508)
        turn.ports.failure = .openFiles(20)
        #expect(turn.allocate().code == 508)
        #expect(turn.server.refused?.refusal == .relayPort(.openFiles(20)))
        #expect(turn.ledger.memory.used == 0)
        #expect(turn.server.counters.shortages[2] == 1 && turn.server.counters.shortages[3] == 1)
        #expect(turn.server.counters.shortages[1] == 0)
    }

    @Test("a ceiling that was lowered below what is taken refuses what is new, and ends nothing")
    func lowered() {
        let turn = TURNHarness()
        let clients = clients(3)
        for client in clients.prefix(2) { #expect(turn.allocate(by: client).isSuccess) }
        turn.server.policy.turn?.quotas.memory = 1
        #expect(turn.allocate(by: clients[2]).code == 508)
        #expect(turn.refresh(by: clients[0]).isSuccess && turn.refresh(by: clients[1]).isSuccess)
        #expect(turn.server.sessionCount == 2)
    }

    @Test("an allocation takes under 2 kB of the process, whatever else is counted for the kernel")
    func size() {
        #expect(MemoryCost.allocation + Self.permission + Self.channel < 2000)
    }
}
