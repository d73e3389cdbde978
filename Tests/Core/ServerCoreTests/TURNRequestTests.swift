import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("What all TURN requests share (RFC 8656 section 5)")
struct TURNRequestTests {
    static let methods: [UInt16] = [0x0003, 0x0004, 0x0008, 0x0009]
    /// What each method needs besides.
    static let contents: [UInt16: [TURNAttribute]] = [
        0x0003: [.udp], 0x0004: [], 0x0008: [.peer(.peer)], 0x0009: [.channel(0x4000), .peer(.peer)],
    ]

    @Test("attributes of another method, as EVEN-PORT in a Refresh, are passed over")
    func otherMethods() {
        let strange: [TURNAttribute] = [
            .evenPort(reserving: true), .dual, .family(1), .token([1, 2, 3]), .transport(6), .data([1]), .dontFragment,
            .raw(0x0016, [1]), .raw(0x0020, [2]), .raw(0x0009, [0, 0, 4, 0]), .raw(0x0001, []), .raw(0x8022, [65]),
        ]
        let turn = TURNHarness()
        #expect(turn.request(0x0003, [.udp, .channel(1), .peer(.peer6), .data([1])]).isSuccess)
        #expect(turn.refresh(700, strange + [.channel(1), .peer(.peer6)]).lifetime == 700)
        #expect(turn.request(0x0008, [.peer(.peer), .lifetime(0), .channel(1)] + strange).isSuccess)
        #expect(turn.request(0x0009, [.channel(0x4000), .peer(.peer), .lifetime(0)] + strange).isSuccess)
        #expect(turn.ports.open.count == 1)
        #expect(turn.ports.reserved.isEmpty)
        #expect(turn.server.sessions(now: turn.now).first?.session.expiresIn == 700)
    }

    @Test(
        "an attribute that must be understood and is not gets 420 with its number, after the credential and before 437"
    )
    func unknownAttributes() {
        for method in Self.methods {
            let turn = TURNHarness()
            let contents = Self.contents[method] ?? []
            let refused = turn.request(method, contents + [.raw(0x7777, [1]), .raw(0x8777, []), .raw(0x0066, [])])
            #expect(refused.code == 420 && refused.isSigned)
            #expect(refused[0x000A] == hex("7777 0066"))
            let stranger = turn.request(method, contents + [.raw(0x7777, [1])], by: .alice.with { $0.password = "no" })
            #expect(stranger.code == 401)
            #expect(stranger[0x000A] == nil)
            #expect(turn.server.sessionCount == 0)
            let many = turn.request(method, (0..<40).map { .raw(0x7000 + UInt16($0), []) })
            #expect(many[0x000A]?.count == 32)
        }
    }

    @Test("a retransmitted Refresh, CreatePermission or ChannelBind only refreshes, and its answer is the same")
    func retransmissions() {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        for method in [0x0004, 0x0008, 0x0009] as [UInt16] {
            let datagram = turn.signed(method, Self.contents[method] ?? [])
            let first = turn.send(datagram, from: TURNClient.alice.flow)
            let state = turn.state
            for _ in 0..<3 {
                turn.wait(nanoseconds: 500_000_000)
                #expect(turn.send(datagram, from: TURNClient.alice.flow) == first)
            }
            #expect(turn.state == state)
            #expect(TURNReply(first, client: .alice).isSuccess(method))
        }
        turn.wait(seconds: 299)
        #expect(turn.channelData(0x4000).isToPeer)
    }

    @Test("row 15: LIFETIME, XOR-PEER-ADDRESS and unknown attributes behind MESSAGE-INTEGRITY change nothing")
    func behindIntegrity() throws {
        for kind in TURNClient.Kind.allCases {
            let turn = TURNHarness()
            let alice = TURNClient.alice.with { $0.kind = kind }
            let loopback = SocketAddress(try #require(IPAddress("127.0.0.1")), port: 1)
            let behind: [TURNAttribute] = [
                .lifetime(0), .peer(.otherPeer), .peer(loopback), .raw(0x0012, [1]), .raw(0x7777, [1]), .family(2),
                .evenPort(reserving: true), .channel(1), .dual, .raw(0x0006, Array("bob".utf8)),
                .raw(0x0014, Array("other".utf8)), .raw(0x0015, [1]),
            ]
            let allocated = turn.request(0x0003, [.udp], by: alice, behind: behind)
            #expect(allocated.isSuccess && allocated.token == nil && allocated.relayed.count == 1)
            #expect(turn.request(0x0004, [.lifetime(600)], by: alice, behind: behind).lifetime == 600)
            #expect(turn.request(0x0004, [], by: alice, behind: behind).lifetime == 600)
            #expect(turn.request(0x0008, [.peer(.peer)], by: alice, behind: behind).isSuccess)
            #expect(turn.request(0x0008, [], by: alice, behind: [.peer(.otherPeer)]).code == 400)
            #expect(turn.request(0x0009, [.channel(0x4000), .peer(.peer)], by: alice, behind: behind).isSuccess)
            #expect(turn.server.sessionCount == 1)
            #expect(turn.server.table.permissions.count == 1)
            #expect(turn.sendIndication(to: .otherPeer, by: alice).verdict == .drop(.noPermission))
        }
    }

    @Test("row 23: another user's Refresh, CreatePermission or ChannelBind gets 441, and nothing changes")
    func otherUser() {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        turn.wait(seconds: 300)
        let thief = TURNClient.bob.at(.client)
        for kind in TURNClient.Kind.allCases {
            for method in [0x0004, 0x0008, 0x0009] as [UInt16] {
                let refused = turn.request(method, Self.contents[method] ?? [], by: thief.with { $0.kind = kind })
                #expect(refused.code == 441 && refused.isSigned)
            }
            #expect(turn.refresh(0, by: thief).code == 441)
            #expect(turn.refresh(3600, by: thief).code == 441)
        }
        #expect(turn.server.refused?.refusal == .otherUser)
        #expect(turn.server.table.permissions.count == 0)
        #expect(turn.server.sessions(now: turn.now).first?.session.expiresIn == 300)
        #expect(turn.refresh(by: .alice).isSuccess)
    }

    @Test("without an allocation a request gets 437, Send and ChannelData silence")
    func noAllocation() {
        let turn = TURNHarness()
        for method in [0x0004, 0x0008, 0x0009] as [UInt16] {
            let refused = turn.request(method, Self.contents[method] ?? [])
            #expect(refused.code == 437 && refused.isSigned)
            #expect(turn.request(method).code == 437, "before anything of the method's own")
        }
        #expect(turn.sendIndication(to: .peer).verdict == .drop(.noAllocation))
        #expect(turn.channelData(0x4000).verdict == .drop(.noAllocation))
        #expect(turn.allocate(by: .bob).isSuccess)
        #expect(turn.refresh().code == 437, "another's allocation is none of hers")
    }

    @Test("a method with a class that it does not have is met with silence")
    func classes() {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        turn.permit(.peer)
        for method in [0x0003, 0x0004, 0x0006, 0x0007, 0x0008, 0x0009, 0x000A, 0x000B] as [UInt16] {
            for messageClass in [0x0010, 0x0100, 0x0110] as [UInt16] where method | messageClass != 0x0016 {
                let datagram = turn.signed(method | messageClass, [.udp, .peer(.peer), .data([1]), .lifetime(0)])
                #expect(turn.send(datagram, from: TURNClient.alice.flow).bytes == [], "\(method) \(messageClass)")
            }
        }
        for method in [0x0006, 0x0007] as [UInt16] {
            let datagram = turn.signed(method, [.peer(.peer), .data([1])])
            #expect(turn.send(datagram, from: TURNClient.alice.flow).bytes == [])
        }
        #expect(turn.server.sessionCount == 1)
    }

    @Test("an answer has FINGERPRINT where the request had one, and then as its last attribute")
    func fingerprint() {
        let turn = TURNHarness()
        for method in Self.methods {
            let datagram = Wire.appendingFingerprint(to: turn.signed(method, Self.contents[method] ?? []))
            let outcome = turn.send(datagram, from: TURNClient.alice.flow)
            let reply = TURNReply(outcome, client: .alice)
            #expect(reply.isSuccess(method))
            #expect(reply.types.suffix(2) == [0x0008, 0x8028])
            #expect(Wire.appendingFingerprint(to: Wire.withoutFingerprint(outcome.bytes)) == outcome.bytes)
            var broken = datagram
            broken[broken.count - 1] ^= 1
            #expect(turn.send(broken, from: TURNClient.alice.flow).verdict == .drop(.badFingerprint))
        }
    }

    @Test("with TURN off, its methods and ChannelData are met with silence")
    func off() {
        let turn = TURNHarness()
        let datagrams = Self.methods.map { turn.signed($0, Self.contents[$0] ?? []) }
        turn.server.policy.turn = nil
        for datagram in datagrams { #expect(turn.send(datagram, from: TURNClient.alice.flow).bytes == []) }
        #expect(turn.sendIndication(to: .peer).bytes == [])
        #expect(turn.channelData(0x4000).bytes == [])
    }

    @Test("TURN has no form without the cookie: silence")
    func cookieless() {
        let turn = TURNHarness()
        for dialect in [Dialect.classic, .rosenberg] {
            for method in Self.methods {
                #expect(turn.send(Wire.message(method, as: dialect), from: TURNClient.alice.flow).bytes == [])
            }
        }
    }
}

extension Wire {
    /// A message whose last attribute, FINGERPRINT, is taken off.
    static func withoutFingerprint(_ message: [UInt8]) -> [UInt8] {
        var shorter = Array(message.dropLast(8))
        shorter.replaceSubrange(2..<4, with: bytes(UInt16(shorter.count - 20)))
        return shorter
    }
}
