import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("ICMP errors (RFC 8656 sections 11.5 and 18.13)")
struct ICMPTests {
    static let unreachable = ICMP(type: 3, code: 3, data: 0)

    @Test("an ICMP error counts by the peer that the packet was sent to, and not by who sent the error")
    func peer() throws {
        let turn = TURNHarness()
        let relayed = try #require(turn.allocate().relayed.first)
        turn.permit(.peer)
        #expect(turn.icmp(Self.unreachable, to: .peerOtherPort, from: relayed)?.isToClient == true)
        #expect(turn.icmp(Self.unreachable, to: .otherPeer, from: relayed)?.verdict == .drop(.noPermission))
        #expect(turn.icmp(Self.unreachable, to: .peer6, from: relayed)?.verdict == .drop(.noAllocation))
        turn.wait(seconds: 300)
        #expect(turn.icmp(Self.unreachable, to: .peer, from: relayed)?.verdict == .drop(.noPermission))
        turn.permit(.peer)
        turn.wait(seconds: 300)
        #expect(turn.icmp(Self.unreachable, to: .peer, from: relayed)?.verdict == .drop(.noAllocation))
    }

    @Test("its Data indication has XOR-PEER-ADDRESS and ICMP and no DATA, also where a channel is bound")
    func indication() throws {
        let turn = TURNHarness()
        let relayed = try turn.allocateBoth()
        turn.bind(0x4000, to: .peer)
        turn.bind(0x4001, to: .peer6)
        for (peer, address) in zip([SocketAddress.peer, .peer6], relayed) {
            let outcome = try #require(turn.icmp(ICMP(type: 3, code: 1, data: 0), to: peer, from: address))
            let reply = TURNReply(outcome, client: nil)
            #expect(outcome.verdict == .toClient(TURNClient.alice.flow))
            #expect(reply.type == 0x0017)
            #expect(reply.types == [0x0012, 0x8004])
            #expect(reply.peer == peer)
            #expect(reply[0x8004] == hex("0000 0601 00000000"))
            let again = try #require(turn.icmp(ICMP(type: 3, code: 1, data: 0), to: peer, from: address))
            #expect(TURNReply(again, client: nil).id != reply.id)
        }
        #expect(turn.server.counters.traffic.packets == 0, "no datagram was relayed")
    }

    @Test("ICMP names the MTU where a packet was too big, and zero for every other error")
    func mtu() throws {
        let turn = TURNHarness()
        let relayed = try turn.allocateBoth()
        turn.permit(.peer, .peer6)
        for type in UInt8(0)...127 {
            for code in [0, 3, 4, 5] as [UInt8] {
                for (peer, address) in zip([SocketAddress.peer, .peer6], relayed) {
                    let isV4 = peer == .peer
                    let isRelayed = isV4 ? type == 3 || type == 11 : (1...3).contains(type)
                    let outcome = try #require(
                        turn.icmp(ICMP(type: type, code: code, data: 1280), to: peer, from: address)
                    )
                    #expect(outcome.isToClient == isRelayed, "\(type)")
                    guard isRelayed else { continue }
                    let isTooBig = isV4 ? type == 3 && code == 4 : type == 2
                    let value = try #require(TURNReply(outcome, client: nil)[0x8004])
                    #expect(
                        value == [0, 0] + Wire.bytes(UInt16(type) << 9 | UInt16(code))
                            + Wire.bytes(UInt32(isTooBig ? 1280 : 0))
                    )
                }
            }
        }
    }
}
