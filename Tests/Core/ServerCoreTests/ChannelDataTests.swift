import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("ChannelData (RFC 8656 sections 12.4 to 12.6)")
struct ChannelDataRelayTests {
    @Test("what a client sends on a channel is the peer's, byte for byte, for every length; padding stays behind")
    func toPeer() {
        var generator = SeededGenerator.announced("ChannelData to a peer")
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        #expect(turn.bind(0x4001, to: .peer).isSuccess)
        for count in Array(0...70) + [1000, 1400, 1984] {
            let data = generator.bytes(count)
            for padding in 0...5 {
                let outcome = turn.channelData(0x4001, data, padding: padding)
                #expect(outcome.verdict == .toPeer(.peer, RelayID(index: 1), dontFragment: false))
                #expect(outcome.bytes == data)
            }
        }
    }

    @Test("a length beyond the datagram is dropped")
    func tooShort() {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        #expect(turn.bind(0x4001, to: .peer).isSuccess)
        for datagram in ["4001 0001", "4001 0004 010203", "4001 ffff 010203"] {
            #expect(turn.send(hex(datagram), from: TURNClient.alice.flow).verdict == .drop(.malformed))
        }
        for datagram in ["4001", "4001 00"] {
            #expect(turn.send(hex(datagram), from: TURNClient.alice.flow).bytes == [])
        }
        #expect(turn.server.counters.traffic.packets == 0)
    }

    @Test("what exceeds a user's bandwidth is dropped and counted, both ways")
    func bandwidth() throws {
        let turn = TURNHarness { $0.quotas.userBytes = Rate(perSecond: 1000, burst: 1000) }
        let relayed = try #require(turn.allocate().relayed.first)
        #expect(turn.bind(0x4000, to: .peer).isSuccess)
        let data = [UInt8](repeating: 5, count: 400)
        #expect(turn.channelData(0x4000, data).isToPeer)
        #expect(turn.fromPeer(.peer, to: relayed, data)?.isToClient == true)
        for _ in 0..<3 {
            #expect(turn.channelData(0x4000, data).verdict == .drop(.overQuota))
            #expect(turn.sendIndication(to: .peer, data).verdict == .drop(.overQuota))
            #expect(turn.fromPeer(.peer, to: relayed, data)?.verdict == .drop(.overQuota))
            #expect(turn.fromPeer(.peerOtherPort, to: relayed, data)?.verdict == .drop(.overQuota))
        }
        #expect(turn.drops(.overQuota) == 12)
        #expect(turn.server.counters.traffic.bytes == 800)
        turn.wait(nanoseconds: 200_000_000)
        #expect(turn.channelData(0x4000, data).isToPeer)
        let bob = try #require(turn.allocate(by: .bob).relayed.first)
        turn.permit(.peer, by: .bob)
        #expect(turn.fromPeer(.peer, to: bob, data)?.isToClient == true, "another user")
    }

    @Test("the server's bandwidth is shared by all users")
    func totalBandwidth() {
        let turn = TURNHarness { $0.quotas.totalBytes = Rate(perSecond: 1000, burst: 1000) }
        for client in [TURNClient.alice, .bob] {
            #expect(turn.allocate(by: client).isSuccess)
            #expect(turn.bind(0x4000, to: .peer, by: client).isSuccess)
        }
        let data = [UInt8](repeating: 5, count: 600)
        #expect(turn.channelData(0x4000, data).isToPeer)
        #expect(turn.channelData(0x4000, data, by: .bob).verdict == .drop(.overQuota))
    }

    @Test(
        "a user's bytes of the month end relaying within ten seconds, refuse Allocate with 486, and begin anew next month"
    )
    func month() throws {
        let turn = TURNHarness(nonceLifetime: 10_000_000) { $0.quotas.userBytesPerMonth = 1000 }
        let relayed = try #require(turn.allocate([.lifetime(3600)]).relayed.first)
        #expect(turn.bind(0x4000, to: .peer).isSuccess)
        #expect(turn.channelData(0x4000, [UInt8](repeating: 1, count: 999)).isToPeer)
        turn.advance(seconds: 10)
        #expect(turn.channelData(0x4000, [1]).isToPeer)
        turn.advance(seconds: 10)
        #expect(turn.channelData(0x4000, [1]).verdict == .drop(.overQuota))
        #expect(turn.fromPeer(.peer, to: relayed)?.verdict == .drop(.overQuota))
        #expect(turn.allocate(by: .alice6).code == 486)
        #expect(turn.server.refused?.refusal == .monthlyBytes(1000))
        #expect(turn.allocate(by: .bob).isSuccess)
        turn.advance(seconds: 31 * 86_400)
        #expect(turn.allocate(by: .alice6).isSuccess)
    }

    @Test("a first byte of 4 to 15 or from 80 on is dropped, from 128 on also with rfc5766-channels")
    func firstByte() {
        for accepts in [false, true] {
            let turn = TURNHarness { $0.acceptsRFC5766Channels = accepts }
            #expect(turn.allocate().isSuccess)
            for first in Array(4...15) + Array(16...63) + Array((accepts ? 128 : 80)...255) as [UInt8] {
                let outcome = turn.send([first, 0, 0, 4, 1, 2, 3, 4], from: TURNClient.alice.flow)
                #expect(outcome.verdict == .drop(.notSTUN), "\(first)")
                let long = turn.send([first, 0] + [UInt8](repeating: 0, count: 40), from: TURNClient.alice.flow)
                #expect(long.bytes == [], "\(first)")
            }
            let outcome = turn.send([79, 0, 0, 4, 1, 2, 3, 4], from: TURNClient.alice.flow)
            #expect(outcome.verdict == .drop(.noChannel))
        }
    }

    @Test("what a peer with a channel sends is ChannelData; from another port of it, a Data indication")
    func toClient() throws {
        var generator = SeededGenerator.announced("ChannelData to a client")
        let turn = TURNHarness()
        let relayed = try #require(turn.allocate().relayed.first)
        #expect(turn.bind(0x4ABC, to: .peer).isSuccess)
        for count in Array(0...20) + [1200, 1400] {
            let data = generator.bytes(count)
            let outcome = try #require(turn.fromPeer(.peer, to: relayed, data))
            #expect(outcome.verdict == .toClient(TURNClient.alice.flow))
            #expect(outcome.bytes == hex("4ABC") + Wire.bytes(UInt16(count)) + data)
            let other = try #require(turn.fromPeer(.peerOtherPort, to: relayed, data))
            #expect(other.verdict == .toClient(TURNClient.alice.flow))
            #expect(TURNReply(other, client: nil).type == 0x0017)
            #expect(TURNReply(other, client: nil)[0x0013] == data)
        }
    }

    @Test("neither ChannelData nor Send nor what a peer sends prolongs a permission, a channel or an allocation")
    func prolongsNothing() throws {
        let turn = TURNHarness()
        let relayed = try #require(turn.allocate().relayed.first)
        #expect(turn.bind(0x4000, to: .peer).isSuccess)
        for _ in 0..<29 {
            turn.advance(seconds: 10)
            #expect(turn.channelData(0x4000).isToPeer)
            #expect(turn.sendIndication(to: .peer).isToPeer)
            #expect(turn.fromPeer(.peer, to: relayed)?.isToClient == true)
            #expect(turn.icmp(ICMP(type: 3, code: 3, data: 0), to: .peer, from: relayed)?.isToClient == true)
        }
        turn.advance(seconds: 10)
        #expect(turn.channelData(0x4000).verdict == .drop(.noPermission))
        for _ in 0..<29 {
            turn.advance(seconds: 10)
            turn.permit(.peer)
            #expect(turn.channelData(0x4000).isToPeer)
        }
        turn.advance(seconds: 10)
        #expect(turn.channelData(0x4000).verdict == .drop(.noAllocation))

        #expect(turn.allocate([.lifetime(3600)]).isSuccess)
        #expect(turn.bind(0x4000, to: .peer).isSuccess)
        for _ in 0..<59 {
            turn.advance(seconds: 10)
            turn.permit(.peer)
            #expect(turn.channelData(0x4000).isToPeer)
        }
        turn.advance(seconds: 10)
        #expect(turn.channelData(0x4000).verdict == .drop(.noChannel))
    }

    @Test("traffic is counted in both directions, of the session and of the server, without any header")
    func counting() throws {
        let turn = TURNHarness()
        let relayed = try #require(turn.allocate().relayed.first)
        #expect(turn.bind(0x4000, to: .peer).isSuccess)
        _ = turn.channelData(0x4000, [1, 2, 3, 4, 5], padding: 3)
        _ = turn.sendIndication(to: .peer, [1, 2])
        _ = turn.fromPeer(.peer, to: relayed, [1])
        _ = turn.fromPeer(.peerOtherPort, to: relayed, [])
        for traffic in [turn.server.counters.traffic, turn.server.sessions(now: turn.now)[0].session.traffic] {
            #expect(traffic.packetsToPeers == 2 && traffic.bytesToPeers == 7)
            #expect(traffic.packetsToClient == 2 && traffic.bytesToClient == 1)
        }
        turn.advance(seconds: 10)
        #expect(turn.server.sources.newestFirst.first?.mirrorForwards == 4)
        turn.advance(seconds: 600)
        #expect(turn.server.sources.newestFirst.first?.mirrorForwards == 4)
        #expect(turn.server.counters.traffic.packets == 4)
    }
}
