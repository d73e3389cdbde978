import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("The relay as a simple model says: requests, packets and clock steps in any order")
struct RelayModelTests {
    @Test(
        "20,000 random steps: no packet without a live permission, all that came is relayed or counted, nothing is left",
        arguments: 0..<3
    )
    func steps(round: Int) {
        var generator = SeededGenerator.announced("relay model, round \(round)")
        let turn = TURNHarness()
        var clients = [TURNClient.alice, .bob, .alice6].map { RelayModel(client: $0) }
        var packets: UInt64 = 0
        for step in 0..<20_000 {
            let which = Int.random(in: 0..<clients.count, using: &generator)
            switch Int.random(in: 0..<20, using: &generator) {
            case 0, 1: clients[which].allocate(turn, &generator)
            case 2: clients[which].refresh(turn, &generator)
            case 3, 4: clients[which].permit(turn, &generator)
            case 5, 6: clients[which].bind(turn, &generator)
            case 7:
                turn.wait(
                    seconds: .random(in: 0...150, using: &generator),
                    nanoseconds: generator.next() % 1_000_000_000
                )
            case 8: turn.advance(seconds: .random(in: 0...150, using: &generator))
            case 9...12: packets += clients[which].send(turn, &generator)
            case 13...15: packets += clients[which].channelData(turn, &generator)
            default: packets += clients[which].fromPeer(turn, &generator)
            }
            let dropped = DropReason.allCases.reduce(0) { $0 + turn.drops($1) }
            guard turn.server.counters.traffic.packets + dropped == packets else {
                Issue.record("step \(step): a packet is neither relayed nor counted")
                return
            }
        }
        #expect(turn.server.counters.traffic.packets > 500, "the steps reach something")
        turn.advance(seconds: 3602)
        #expect(turn.state.prefix(1) + turn.state[2...3] + turn.state[5...6] == [0, 0, 0, 0, 0])
        #expect(turn.ledger.total.allocations == 0)
        #expect(turn.server.nextDeadline == nil)
    }
}

/// What one client holds, by the words of the RFC and no cleverness: times in nanoseconds.
struct RelayModel {
    let client: TURNClient
    private var relayed: [IPAddress.Family: SocketAddress] = [:]
    private var sockets: [IPAddress.Family: RelayID] = [:]
    private var ends: [IPAddress.Family: UInt64] = [:]
    private var permissions: [IPAddress: UInt64] = [:]
    private var channels: [UInt16: (peer: SocketAddress, end: UInt64)] = [:]

    static let peers: [SocketAddress] = [.peer, .peerOtherPort, .otherPeer, .peer6, SocketAddress.peer6.port(5001)]
    static let numbers: [UInt16] = [0x4000, 0x4001, 0x4FFF]

    init(client: TURNClient) { self.client = client }

    private func isLive(_ family: IPAddress.Family, _ turn: TURNHarness) -> Bool {
        ends[family] ?? 0 > turn.now.nanoseconds
    }
    private func isLive(_ turn: TURNHarness) -> Bool { isLive(.v4, turn) || isLive(.v6, turn) }
    private func isPermitted(_ peer: SocketAddress, _ turn: TURNHarness) -> Bool {
        isLive(peer.address.family, turn) && permissions[peer.address] ?? 0 > turn.now.nanoseconds
    }
    private func channel(_ number: UInt16, _ turn: TURNHarness) -> SocketAddress? {
        channels[number].flatMap { $0.end > turn.now.nanoseconds ? $0.peer : nil }
    }
    private func number(of peer: SocketAddress, _ turn: TURNHarness) -> UInt16? {
        Self.numbers.first { channel($0, turn) == peer }
    }
    private func after(_ seconds: UInt32, _ turn: TURNHarness) -> UInt64 {
        turn.now.nanoseconds + UInt64(seconds) * 1_000_000_000
    }

    mutating func allocate(_ turn: TURNHarness, _ generator: inout SeededGenerator) {
        let wish: [TURNAttribute] = [[], [.dual], [.family(2)]].randomElement(using: &generator) ?? []
        let reply = turn.allocate(wish, by: client)
        guard !isLive(turn) else {
            #expect(reply.code == 437)
            return
        }
        #expect(reply.isSuccess)
        self = RelayModel(client: client)
        for address in reply.relayed {
            relayed[address.address.family] = address
            sockets[address.address.family] = turn.relay(at: address)
            ends[address.address.family] = after(600, turn)
        }
    }

    mutating func refresh(_ turn: TURNHarness, _ generator: inout SeededGenerator) {
        let family: IPAddress.Family? = [nil, .v4, .v6].randomElement(using: &generator) ?? nil
        let lifetime: UInt32? = [nil, 0, 700, 3600].randomElement(using: &generator) ?? nil
        let reply = turn.refresh(lifetime, family.map { [.family($0 == .v4 ? 1 : 2)] } ?? [], by: client)
        guard isLive(turn) else {
            #expect(reply.code == 437)
            return
        }
        if let family, !isLive(family, turn) {
            #expect(reply.code == 443)
            return
        }
        #expect(reply.lifetime == lifetime ?? 600)
        for half in IPAddress.Family.allCases where isLive(half, turn) && (family == nil || family == half) {
            ends[half] = lifetime == 0 ? nil : after(lifetime ?? 600, turn)
            guard lifetime == 0 else { continue }
            permissions = permissions.filter { $0.key.family != half }
            channels = channels.filter { $0.value.peer.address.family != half }
        }
    }

    mutating func permit(_ turn: TURNHarness, _ generator: inout SeededGenerator) {
        let peers = (0...Int.random(in: 0...1, using: &generator)).compactMap { _ in
            Self.peers.randomElement(using: &generator)
        }
        let reply = turn.request(0x0008, peers.map { .peer($0) }, by: client)
        guard isLive(turn) else {
            #expect(reply.code == 437)
            return
        }
        guard peers.allSatisfy({ isLive($0.address.family, turn) }) else {
            #expect(reply.code == 443)
            return
        }
        #expect(reply.isSuccess)
        for peer in peers { permissions[peer.address] = after(300, turn) }
    }

    mutating func bind(_ turn: TURNHarness, _ generator: inout SeededGenerator) {
        guard let number = Self.numbers.randomElement(using: &generator),
            let peer = Self.peers.randomElement(using: &generator)
        else { return }
        let reply = turn.bind(number, to: peer, by: client)
        guard isLive(turn) else {
            #expect(reply.code == 437)
            return
        }
        let isTaken = channel(number, turn).map { $0 != peer } ?? false
        let hasOther = self.number(of: peer, turn).map { $0 != number } ?? false
        // A half whose time is up goes with its channels when the timer runs, which may be a second later.
        if isTaken, let old = channel(number, turn), !isLive(old.address.family, turn), reply.isSuccess {
            channels[number] = nil
        } else if isTaken || hasOther {
            #expect(reply.code == (isLive(peer.address.family, turn) ? 400 : reply.code == 400 ? 400 : 443))
            return
        }
        guard isLive(peer.address.family, turn) else {
            #expect(reply.code == 443)
            return
        }
        #expect(reply.isSuccess)
        channels[number] = (peer, after(600, turn))
        permissions[peer.address] = after(300, turn)
    }

    func send(_ turn: TURNHarness, _ generator: inout SeededGenerator) -> UInt64 {
        guard let peer = Self.peers.randomElement(using: &generator) else { return 0 }
        let data = generator.bytes(Int(generator.next() % 40))
        let outcome = turn.sendIndication(to: peer, data, by: client)
        #expect(outcome.isToPeer == isPermitted(peer, turn))
        #expect(!outcome.isToPeer || outcome.bytes == data)
        return 1
    }

    func channelData(_ turn: TURNHarness, _ generator: inout SeededGenerator) -> UInt64 {
        guard let number = Self.numbers.randomElement(using: &generator) else { return 0 }
        let outcome = turn.channelData(number, [1, 2, 3], by: client)
        guard let peer = channel(number, turn), isPermitted(peer, turn) else {
            #expect(!outcome.isToPeer)
            return 1
        }
        guard case .toPeer(peer, let relay, dontFragment: false) = outcome.verdict else {
            Issue.record("\(outcome)")
            return 1
        }
        #expect(turn.ports.open[relay.index] == relayed[peer.address.family])
        #expect(outcome.bytes == [1, 2, 3])
        return 1
    }

    func fromPeer(_ turn: TURNHarness, _ generator: inout SeededGenerator) -> UInt64 {
        guard let peer = Self.peers.randomElement(using: &generator), let address = relayed[peer.address.family],
            turn.relay(at: address) == sockets[peer.address.family],
            let outcome = turn.fromPeer(peer, to: address, [9])
        else { return 0 }
        guard isPermitted(peer, turn) else {
            #expect(!outcome.isToClient)
            return 1
        }
        #expect(outcome.verdict == .toClient(client.flow))
        if let number = number(of: peer, turn) {
            #expect(outcome.bytes == Wire.bytes(number) + [0, 1, 9])
        } else {
            #expect(TURNReply(outcome, client: nil).peer == peer)
        }
        return 1
    }
}
