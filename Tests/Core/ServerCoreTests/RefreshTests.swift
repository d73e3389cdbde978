import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Refresh (RFC 8656 section 8.2)")
struct RefreshTests {
    @Test("a Refresh gives a new lifetime from now, within the same bounds as Allocate")
    func lifetimes() {
        let expected: [(UInt32?, UInt32)] = [(nil, 600), (1, 600), (1200, 1200), (3600, 3600), (.max, 3600)]
        for (asked, granted) in expected {
            let turn = TURNHarness()
            #expect(turn.allocate([.lifetime(900)]).lifetime == 900)
            turn.advance(seconds: 500)
            let reply = turn.refresh(asked)
            #expect(reply.isSuccess(0x0004))
            #expect(reply.types == [0x000D, 0x0008])
            #expect(reply.lifetime == granted)
            turn.advance(seconds: granted - 1)
            turn.wait(nanoseconds: 999_999_999)
            #expect(turn.permit(.peer).isSuccess)
            turn.wait(nanoseconds: 1)
            #expect(turn.permit(.peer).code == 437)
            turn.advance(seconds: 2)
            #expect(turn.server.sessionCount == 0)
            #expect(turn.ports.open.isEmpty)
        }
    }

    @Test("lifetime 0 ends the allocation at once, with its socket, permissions and channels, and the answer says 0")
    func delete() {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        turn.permit(.peer)
        turn.bind(0x4000, to: .otherPeer)
        _ = turn.server.takeEffects()
        #expect(turn.refresh(0).lifetime == 0)
        #expect(turn.state == TURNHarness.nothingLeft(places: 1, effects: 1, accounts: 1))
        guard case .ended(let session, .deleted)? = turn.server.takeEffects().first else {
            Issue.record("no end is told")
            return
        }
        #expect(session.username == "alice")
        #expect(turn.refresh(0).code == 437, "the retransmission")
        #expect(turn.channelData(0x4000).verdict == .drop(.noAllocation))
        #expect(turn.server.nextDeadline == nil)
    }

    @Test("a Refresh of a family that the allocation does not relay gets 443, and nothing changes")
    func otherFamily() {
        let turn = TURNHarness()
        #expect(turn.allocate([.lifetime(600)]).isSuccess)
        turn.wait(seconds: 300)
        for family in [0, 2, 3, 255] as [UInt8] {
            for lifetime in [0, 3600] as [UInt32] {
                let refused = turn.refresh(lifetime, [.family(family)])
                #expect(refused.code == 443 && refused.isSigned)
            }
        }
        #expect(turn.refresh(3600, [.raw(0x0017, [1, 0])]).code == 400)
        #expect(turn.refresh(nil, [.raw(0x000D, [0, 0])]).code == 400)
        #expect(turn.server.sessions(now: turn.now).first?.session.expiresIn == 300)
        #expect(turn.refresh(3600, [.family(1)]).lifetime == 3600)
    }

    @Test("a Refresh after the time is up gets 437, whether or not the timers have run")
    func tooLate() {
        let turn = TURNHarness()
        #expect(turn.allocate().isSuccess)
        turn.wait(seconds: 600)
        #expect(turn.refresh().code == 437)
        turn.advance(seconds: 2)
        #expect(turn.refresh().code == 437)
        #expect(turn.server.sessionCount == 0)
    }
}

extension TURNHarness {
    /// What `state` is when all is over: places stay, accounts are remembered, effects wait to be taken.
    static func nothingLeft(places: Int, effects: Int, accounts: Int) -> [Int] {
        [0, places, 0, 0, effects, 0, 0, accounts, 0]
    }
}
