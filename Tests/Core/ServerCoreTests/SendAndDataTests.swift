import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Send and Data indications (RFC 8656 sections 11.2 and 11.3)")
struct SendAndDataTests {
    @Test("a Send's data is the peer's, byte for byte, for every length")
    func send() {
        var generator = SeededGenerator.announced("Send")
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        turn.permit(.peer)
        for count in Array(0...40) + [1200, 1400] {
            let data = generator.bytes(count)
            let outcome = turn.sendIndication(to: .peerOtherPort, data)
            #expect(outcome.verdict == .toPeer(.peerOtherPort, RelayID(index: 1), dontFragment: false))
            #expect(outcome.bytes == data)
            #expect(turn.indication([.data(data), .peer(.peer)]).bytes == data, "in any order")
        }
    }

    @Test("transaction IDs of Data indications are 96 bits that nobody can foresee, none twice")
    func transactionIDs() throws {
        let turn = TURNHarness()
        let relayed = try #require(turn.allocate().relayed.first)
        turn.permit(.peer)
        let count = 4096
        var seen: Set<[UInt8]> = []
        var ones = [Int](repeating: 0, count: 96)
        var equalHalves = 0
        for _ in 0..<count {
            let outcome = try #require(turn.fromPeer(.peer, to: relayed, []))
            let id = Array(outcome.bytes[8..<20])
            seen.insert(id)
            for bit in 0..<96 where id[bit / 8] >> UInt8(7 - bit % 8) & 1 == 1 { ones[bit] += 1 }
            // No part of an id may tell another part, or a counter beside it.
            let words = [Array(id[0..<4]), Array(id[4..<8]), Array(id[8..<12])]
            for (left, right) in [(0, 1), (0, 2), (1, 2)] where words[left].prefix(2) == words[right].prefix(2) {
                equalHalves += 1
            }
        }
        #expect(seen.count == count)
        // Six standard deviations of a fair coin, which is 32 for 4096 throws.
        for bit in 0..<96 { #expect(abs(ones[bit] - count / 2) < 192, "bit \(bit): \(ones[bit])") }
        #expect(equalHalves < 12, "\(equalHalves), where 0.2 are expected")
        let other = TURNHarness()
        other.server = Server(policy: turn.server.policy, seed: 0x5EED, indicationSeed: 0x1E, ledger: other.ledger)
        other.advance(seconds: 0)
        let otherRelayed = try #require(other.allocate().relayed.first)
        other.permit(.peer)
        let first = try #require(other.fromPeer(.peer, to: otherRelayed, []))
        #expect(!seen.contains(Array(first.bytes[8..<20])), "another secret, other ids")
    }

    @Test("transaction IDs come from ChaCha20: the block of RFC 8439 section 2.3.2")
    func chaCha20() {
        let key: [8 of UInt32] = [
            0x0302_0100, 0x0706_0504, 0x0B0A_0908, 0x0F0E_0D0C, 0x1312_1110, 0x1716_1514, 0x1B1A_1918, 0x1F1E_1D1C,
        ]
        let block = TransactionIDGenerator.block(key, [1, 0x0900_0000, 0x4A00_0000, 0])
        let expected: [16 of UInt32] = [
            0xE4E7_F110, 0x1559_3BD1, 0x1FDD_0F50, 0xC471_20A3, 0xC7F4_D1C7, 0x0368_C033, 0x9AAA_2204, 0x4E6C_D4C3,
            0x4664_82D2, 0x09AA_9F07, 0x05D7_C214, 0xA202_8BD9, 0xD19C_12B5, 0xB94E_16DE, 0xE883_D0CB, 0x4E3C_50A2,
        ]
        #expect(block.indices.allSatisfy { block[$0] == expected[$0] })
    }

    @Test("a Data indication has XOR-PEER-ADDRESS and DATA, is well formed and goes out on the 5-tuple")
    func data() throws {
        for (client, family, peer) in [
            (TURNClient.alice, 1, SocketAddress.peer), (.alice, 2, .peer6), (.alice6, 1, .peer), (.alice6, 2, .peer6),
        ] as [(TURNClient, UInt8, SocketAddress)] {
            let turn = TURNHarness()
            let relayed = try #require(turn.allocate([.family(family)], by: client).relayed.first)
            turn.permit(peer, by: client)
            let outcome = try #require(turn.fromPeer(peer, to: relayed, [9, 8, 7, 6, 5]))
            let reply = TURNReply(outcome, client: nil)
            #expect(outcome.verdict == .toClient(client.flow))
            #expect(reply.type == 0x0017)
            #expect(reply.types == [0x0012, 0x0013])
            #expect(reply.peer == peer)
            #expect(reply[0x0013] == [9, 8, 7, 6, 5])
        }
    }

    @Test("a Send without XOR-PEER-ADDRESS, without DATA or with an unknown attribute is dropped; empty DATA is sent")
    func incomplete() {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        turn.permit(.peer)
        #expect(turn.indication([.data([1])]).verdict == .drop(.malformed))
        #expect(turn.indication([.peer(.peer)]).verdict == .drop(.malformed))
        #expect(turn.indication([]).verdict == .drop(.malformed))
        #expect(turn.indication([.raw(0x0012, [0, 1, 2]), .data([1])]).verdict == .drop(.malformed))
        #expect(turn.indication([.raw(0x7777, []), .peer(.peer), .data([1])]).verdict == .drop(.unknownAttribute))
        #expect(turn.indication([.peer(.peer), .data([1]), .raw(0x0066, [])]).verdict == .drop(.unknownAttribute))
        #expect(turn.indication([.raw(0x8777, []), .peer(.peer), .data([1])]).bytes == [1], "need not be understood")
        #expect(turn.sendIndication(to: .otherPeer).verdict == .drop(.noPermission))
        #expect(turn.sendIndication(to: .peer6).verdict == .drop(.noPermission))
        #expect(turn.server.counters.traffic.packetsToPeers == 1)
        let empty = turn.sendIndication(to: .peer, [])
        #expect(empty.isToPeer && empty.bytes == [])
    }

    @Test("row 51: of two XOR-PEER-ADDRESS or DATA in a Send the first counts")
    func duplicates() {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        turn.permit(.peer, .otherPeer)
        let outcome = turn.indication([.peer(.peer), .peer(.otherPeer), .data([1]), .data([2])])
        #expect(outcome.verdict == .toPeer(.peer, RelayID(index: 1), dontFragment: false))
        #expect(outcome.bytes == [1])
        #expect(turn.indication([.peer(SocketAddress.peer6), .peer(.peer), .data([1])]).bytes == [])
    }

    @Test("row 15: what stands behind the integrity attribute of a Send is passed over")
    func behindIntegrity() {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        turn.permit(.peer, .otherPeer)
        for integrity in [
            TURNAttribute.raw(0x0008, [UInt8](repeating: 1, count: 20)), .raw(0x001C, [UInt8](repeating: 1, count: 32)),
        ] {
            #expect(turn.indication([integrity, .peer(.peer), .data([1])]).verdict == .drop(.malformed))
            #expect(turn.indication([.peer(.peer), integrity, .data([1])]).verdict == .drop(.malformed))
            let outcome = turn.indication([.peer(.peer), .data([1]), integrity, .raw(0x7777, []), .dontFragment])
            #expect(outcome.verdict == .toPeer(.peer, RelayID(index: 1), dontFragment: false))
        }
    }

    @Test("DONT-FRAGMENT in a Send is ignored, not refused, where a family is translated or both are IPv6")
    func dontFragment() throws {
        for (client, family, peer, isKept) in [
            (TURNClient.alice, 1, SocketAddress.peer, true), (.alice, 2, .peer6, false), (.alice6, 1, .peer, false),
            (.alice6, 2, .peer6, false),
        ] as [(TURNClient, UInt8, SocketAddress, Bool)] {
            let turn = TURNHarness()
            #expect(turn.allocate([.family(family)], by: client).isSuccess)
            turn.permit(peer, by: client)
            let asked = turn.sendIndication(to: peer, [1], [.dontFragment], by: client)
            #expect(asked.verdict == .toPeer(peer, RelayID(index: 1), dontFragment: isKept))
            #expect(asked.bytes == [1])
            let plain = turn.sendIndication(to: peer, [1], by: client)
            #expect(plain.verdict == .toPeer(peer, RelayID(index: 1), dontFragment: false))
        }
    }

    @Test("what a peer sends is padded with zeros in DATA, for every length")
    func padding() throws {
        let turn = TURNHarness()
        let relayed = try turn.allocateBoth()
        turn.permit(.peer, .peer6)
        for count in Array(0...64) + [1399, 1400, 1401, 1500] {
            let data = [UInt8](repeating: 0xAA, count: count)
            for (peer, address) in zip([SocketAddress.peer, .peer6], relayed) {
                let outcome = try #require(turn.fromPeer(peer, to: address, data))
                #expect(outcome.bytes.count % 4 == 0)
                #expect(TURNReply(outcome, client: nil)[0x0013] == data, "and row 44 in TURNReply")
                #expect(
                    outcome.bytes.suffix(outcome.bytes.count - (peer == .peer ? 36 : 48) - count).allSatisfy { $0 == 0 }
                )
            }
        }
    }

    @Test("a peer's datagram that leaves no room for a header is dropped and counted")
    func tooLarge() throws {
        let turn = TURNHarness()
        let relayed = try #require(turn.allocate().relayed.first)
        turn.permit(.peer)
        let relay = try #require(turn.relay(at: relayed))
        for (count, fits) in [(65468, true), (65469, false), (65508, false), (65535, false)] {
            let (verdict, _) = withPacket([UInt8](repeating: 1, count: count), capacity: 65536, headroom: 64) {
                packet in
                turn.server.receiveFromPeer(&packet, at: relay, from: .peer, now: turn.now)
            }
            #expect((verdict == .drop(.tooLarge)) == !fits, "\(count)")
        }
        let (verdict, _) = withPacket([1, 2, 3], headroom: 8) { packet in
            turn.server.receiveFromPeer(&packet, at: relay, from: .peer, now: turn.now)
        }
        #expect(verdict == .drop(.tooLarge))
        #expect(turn.drops(.tooLarge) == 4)
        turn.bind(0x4000, to: .peer)
        for (count, fits) in [(65503, true), (65504, false), (65527, false)] {
            let (verdict, _) = withPacket([UInt8](repeating: 1, count: count), capacity: 65536, headroom: 64) {
                packet in
                turn.server.receiveFromPeer(&packet, at: relay, from: .peer, now: turn.now)
            }
            #expect((verdict == .drop(.tooLarge)) == !fits, "\(count) by a channel")
        }
    }

    @Test("a Send with a wrong FINGERPRINT is dropped, with a right one it is sent")
    func fingerprint() {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        turn.permit(.peer)
        let id = turn.nextID()
        let list = [TURNAttribute.peer(.peer), .data([1, 2])].map { $0.wire(id: id) }
        var datagram = Wire.appendingFingerprint(to: Wire.message(0x0016, as: .cookie, id: id, list))
        #expect(turn.send(datagram, from: TURNClient.alice.flow).bytes == [1, 2])
        datagram[datagram.count - 1] ^= 1
        #expect(turn.send(datagram, from: TURNClient.alice.flow).verdict == .drop(.badFingerprint))
    }
}
