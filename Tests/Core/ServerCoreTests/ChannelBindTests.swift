import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("ChannelBind and channels (RFC 8656 sections 12 and 12.2)")
struct ChannelBindTests {
    @Test("a ChannelBind to a peer of a family that the allocation does not relay gets 443, and nothing changes")
    func otherFamily() {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        let refused = turn.bind(0x4000, to: .peer6)
        #expect(refused.code == 443 && refused.isSigned)
        #expect(turn.server.table.channels.count == 0)
        #expect(turn.server.table.permissions.count == 0)
        #expect(turn.bind(0x4000, to: .peer).isSuccess)
    }

    @Test("row 50: 0x4000 to 0x4FFF are granted, all other numbers get 400; up to 0x7FFE with rfc5766-channels")
    func numbers() {
        for (accepts, last) in [(false, 0x4FFF), (true, 0x7FFE)] as [(Bool, UInt16)] {
            let turn = TURNHarness { $0.acceptsRFC5766Channels = accepts }
            #expect(turn.allocate([.lifetime(3600)]).isSuccess)
            let numbers =
                [0, 1, 0x3FFF, 0x4000, 0x4001, 0x4FFE, 0x4FFF, 0x5000, 0x7FFE, 0x7FFF, 0x8000, 0xFFFF] as [UInt16]
            for (index, number) in numbers.enumerated() {
                let reply = turn.bind(number, to: SocketAddress.peer.port(UInt16(index + 1)))
                let isGranted = number >= 0x4000 && number <= last
                #expect(reply.code == (isGranted ? nil : 400))
                #expect(reply.isSuccess(0x0009) == isGranted)
                #expect(turn.channelData(number).isToPeer == isGranted)
            }
        }
    }

    @Test("row 50: a number has one peer and a peer one number, else 400; the same pair again is refreshed")
    func pairs() {
        let turn = TURNHarness()
        #expect(turn.allocate([.lifetime(3600)]).isSuccess)
        #expect(turn.bind(0x4000, to: .peer).types == [0x0008])
        #expect(turn.bind(0x4000, to: .otherPeer).code == 400)
        #expect(turn.server.refused?.refusal == .channelTaken(0x4000, by: .peer))
        #expect(turn.bind(0x4000, to: .peerOtherPort).code == 400)
        #expect(turn.bind(0x4001, to: .peer).code == 400)
        #expect(turn.server.refused?.refusal == .peerTaken(.peer, by: 0x4000))
        #expect(turn.bind(0x4001, to: .peerOtherPort).isSuccess)
        turn.wait(seconds: 500)
        #expect(turn.bind(0x4000, to: .peer).isSuccess)
        turn.wait(seconds: 500)
        #expect(turn.bind(0x4000, to: .otherPeer).code == 400, "refreshed")
        #expect(turn.bind(0x4001, to: .otherPeer).isSuccess, "its time is up")
        #expect(turn.server.table.channels.count == 2)
    }

    @Test(
        "row 50: a channel lasts 600 seconds to the nanosecond; then number and peer are free again, and data is dropped"
    )
    func lifetime() {
        let turn = TURNHarness()
        #expect(turn.allocate([.lifetime(3600)]).isSuccess)
        #expect(turn.bind(0x4000, to: .peer).isSuccess)
        turn.wait(seconds: 599, nanoseconds: 999_999_999)
        turn.permit(.peer)
        #expect(turn.channelData(0x4000).isToPeer)
        turn.wait(nanoseconds: 1)
        #expect(turn.channelData(0x4000).verdict == .drop(.noChannel))
        #expect(turn.bind(0x4000, to: .otherPeer).isSuccess)
        #expect(turn.bind(0x4001, to: .peer).isSuccess)
        #expect(turn.channelData(0x4000).verdict == .toPeer(.otherPeer, RelayID(index: 1), dontFragment: false))
    }

    @Test("a ChannelBind installs or refreshes the permission; a channel outlives it, and then neither way passes")
    func permission() throws {
        let turn = TURNHarness()
        let relayed = try #require(turn.allocate([.lifetime(3600)]).relayed.first)
        #expect(turn.bind(0x4000, to: .peer).isSuccess)
        #expect(turn.sendIndication(to: .peerOtherPort).isToPeer)
        turn.wait(seconds: 300)
        #expect(turn.channelData(0x4000).verdict == .drop(.noPermission))
        #expect(turn.fromPeer(.peer, to: relayed)?.verdict == .drop(.noPermission))
        turn.advance(seconds: 10)
        #expect(turn.channelData(0x4000).verdict == .drop(.noPermission))
        #expect(turn.permit(.peerOtherPort).isSuccess)
        #expect(turn.channelData(0x4000).isToPeer)
        turn.wait(seconds: 200)
        #expect(turn.bind(0x4000, to: .peer).isSuccess)
        turn.wait(seconds: 299)
        #expect(turn.channelData(0x4000).isToPeer)
        turn.advance(seconds: 302)
        #expect(turn.server.table.channels.count == 0)
        #expect(turn.server.table.permissions.count == 0)
    }

    @Test("a refused ChannelBind changes nothing: no channel, no permission, no time (row 51)")
    func refused() throws {
        let turn = TURNHarness()
        #expect(turn.allocate([.lifetime(3600)]).isSuccess)
        let loopback = SocketAddress(try #require(IPAddress("127.0.0.1")), port: 5000)
        #expect(turn.bind(0x4000, to: loopback).code == 403)
        #expect(turn.bind(0x4000, to: SocketAddress.peer.port(0)).code == 403)
        #expect(turn.request(0x0009, [.peer(.peer)]).code == 400)
        #expect(turn.request(0x0009, [.channel(0x4000)]).code == 400)
        #expect(turn.request(0x0009, [.raw(0x000C, [0x40, 0]), .peer(.peer)]).code == 400)
        #expect(turn.request(0x0009, [.channel(0x4000), .raw(0x0012, [0, 1, 2])]).code == 400)
        #expect(turn.server.table.channels.count == 0)
        #expect(turn.server.table.permissions.count == 0)
        #expect(turn.bind(0x4000, to: .peer).isSuccess)
        turn.wait(seconds: 299)
        #expect(turn.bind(0x4001, to: .peer).code == 400)
        turn.wait(seconds: 1)
        #expect(turn.channelData(0x4000).verdict == .drop(.noPermission))
    }

    @Test("row 37: an allocation has at most 256 channels; the next gets 508, refreshing them still succeeds")
    func limit() {
        let turn = TURNHarness()
        #expect(turn.allocate([.lifetime(3600)]).isSuccess)
        for number in UInt16(0)..<256 {
            #expect(turn.bind(0x4000 + number, to: SocketAddress.peer.port(1 + number)).isSuccess)
        }
        #expect(turn.bind(0x4100, to: SocketAddress.peer.port(300)).code == 508)
        #expect(turn.server.refused?.refusal == .channelLimit(256))
        #expect(turn.bind(0x4100, to: .otherPeer).code == 508)
        #expect(turn.server.table.permissions.count == 1)
        #expect(turn.bind(0x4000, to: SocketAddress.peer.port(1)).isSuccess)
        #expect(turn.server.table.channels.count == 256)
    }

    @Test("the last two bytes of CHANNEL-NUMBER are passed over")
    func reserved() {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        #expect(turn.request(0x0009, [.raw(0x000C, hex("4000 ffff")), .peer(.peer)]).isSuccess)
        #expect(turn.channelData(0x4000).isToPeer)
    }
}
