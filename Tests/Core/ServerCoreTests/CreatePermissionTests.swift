import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("CreatePermission and permissions (RFC 8656 sections 9 and 10.2)")
struct CreatePermissionTests {
    @Test("a permission lasts 300 seconds from its last request, to the nanosecond")
    func lifetime() throws {
        let turn = TURNHarness()
        let relayed = try #require(turn.allocate([.lifetime(3600)]).relayed.first)
        #expect(turn.permit(.peer).isSuccess(0x0008))
        turn.wait(seconds: 200)
        #expect(turn.permit(.peer).types == [0x0008], "an answer without any attribute of its own")
        turn.wait(seconds: 299, nanoseconds: 999_999_999)
        #expect(turn.sendIndication(to: .peer).isToPeer)
        #expect(turn.fromPeer(.peer, to: relayed)?.isToClient == true)
        turn.wait(nanoseconds: 1)
        #expect(turn.sendIndication(to: .peer).verdict == .drop(.noPermission))
        #expect(turn.fromPeer(.peer, to: relayed)?.verdict == .drop(.noPermission))
        turn.advance(seconds: 2)
        #expect(turn.server.table.permissions.count == 0)
        #expect(turn.permit(.peer).isSuccess)
        #expect(turn.sendIndication(to: .peer).isToPeer)
    }

    @Test("CreatePermission without a peer, or with one that cannot be read, gets 400, and permits nobody")
    func malformed() {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        #expect(turn.request(0x0008).code == 400)
        #expect(turn.server.refused?.refusal == .missing(.xorPeerAddress))
        let bad: [[UInt8]] = [
            [], [0, 1], hex("0001 1234 010203"), hex("0003 1234 01020304"), hex("0002 1234 01020304"),
        ]
        for value in bad {
            #expect(turn.request(0x0008, [.raw(0x0012, value)]).code == 400)
            #expect(turn.request(0x0008, [.peer(.peer), .raw(0x0012, value)]).code == 400)
            #expect(turn.request(0x0008, [.raw(0x0012, value), .peer(.peer)]).code == 400)
        }
        #expect(turn.server.table.permissions.count == 0)
    }

    @Test(
        "a CreatePermission with one peer of a family that the allocation does not relay gets 443, and nothing changes"
    )
    func otherFamily() {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        #expect(turn.permit(.peer6).code == 443)
        #expect(turn.permit(.peer, .peer6).code == 443)
        #expect(turn.permit(.peer6, .peer).code == 443)
        #expect(turn.server.table.permissions.count == 0)
        #expect(turn.permit(.peer, .otherPeer).isSuccess)
        #expect(turn.server.table.permissions.count == 2)
    }

    @Test("row 51: CreatePermission permits all peers that it names, or none, and refreshes none when it is refused")
    func allOrNone() throws {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        let loopback = SocketAddress(try #require(IPAddress("127.0.0.1")), port: 5000)
        for peers in [[SocketAddress.peer, .otherPeer, loopback], [loopback, .peer], [.peer, loopback, .otherPeer]] {
            #expect(turn.request(0x0008, peers.map { .peer($0) }).code == 403)
            #expect(turn.server.table.permissions.count == 0)
        }
        #expect(turn.permit(.peer).isSuccess)
        turn.wait(seconds: 200)
        #expect(turn.permit(.peer, loopback).code == 403)
        turn.wait(seconds: 100)
        #expect(turn.sendIndication(to: .peer).verdict == .drop(.noPermission), "nothing was refreshed")
    }

    @Test("a permission is for an address: the port of the request does not matter, not even 0")
    func ports() {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        #expect(turn.permit(SocketAddress.peer.port(0)).isSuccess)
        #expect(turn.sendIndication(to: .peer).isToPeer)
        #expect(turn.sendIndication(to: .peerOtherPort).isToPeer)
        #expect(turn.sendIndication(to: SocketAddress.peer.port(0)).verdict == .drop(.noPermission))
        #expect(turn.permit(.peer, .peerOtherPort).isSuccess)
        #expect(turn.server.table.permissions.count == 1)
    }

    @Test("row 37: an allocation has at most 128 permissions; the next gets 508, refreshing them still succeeds")
    func limit() {
        let turn = TURNHarness()
        #expect(turn.allocate([.lifetime(3600)]).isSuccess)
        func peer(_ number: Int) -> SocketAddress {
            SocketAddress(IPAddress(v4: 0x0808_0000 + UInt32(number)), port: 9)
        }
        for number in 0..<126 { #expect(turn.permit(peer(number)).isSuccess) }
        #expect(turn.permit(peer(126), peer(127), peer(128)).code == 508, "all or none")
        #expect(turn.server.refused?.refusal == .permissionLimit(128))
        #expect(turn.server.table.permissions.count == 126)
        #expect(turn.permit(peer(126), peer(127), peer(126), peer(0)).isSuccess, "one that stands twice counts once")
        #expect(turn.permit(peer(128)).code == 508)
        #expect(turn.bind(0x4000, to: peer(128)).code == 508)
        #expect(turn.server.table.channels.count == 0)
        #expect(turn.permit(peer(0), peer(127)).isSuccess)
        #expect(turn.bind(0x4000, to: peer(0)).isSuccess)
        #expect(turn.permit(peer(128), peer(0)).code == 508)
        turn.wait(seconds: 301)
        #expect(turn.permit(peer(128)).isSuccess, "the others' time is up")
    }
}

extension TURNHarness.Outcome {
    var isToPeer: Bool { if case .toPeer = verdict { true } else { false } }
    var isToClient: Bool { if case .toClient = verdict { true } else { false } }
}
