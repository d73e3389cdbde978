import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("EVEN-PORT and RESERVATION-TOKEN (RFC 8656 sections 7.2, 18.7, 18.10)")
struct PortReservationTests {
    @Test("row 35: EVEN-PORT without its bit gives an even port and reserves nothing")
    func even() {
        let turn = TURNHarness()
        turn.ports.range = 50001...50010
        for round in 0..<20 {
            let reply = turn.allocate([.evenPort(reserving: false)])
            #expect(reply.relayed.map(\.port) == [50002], "\(round)")
            #expect(reply.token == nil)
            #expect(turn.ports.reserved.isEmpty)
            #expect(turn.refresh(0).isSuccess)
            #expect(turn.ports.open.isEmpty)
        }
    }

    @Test("EVEN-PORT with its bit gives a token for the next port, which another client's Allocate can have once")
    func token() throws {
        let turn = TURNHarness()
        let first = turn.allocate([.evenPort(reserving: true)])
        let token = try #require(first.token)
        #expect(first.relayed[0].port & 1 == 0)
        #expect(turn.refresh(0).isSuccess, "the token does not depend on the allocation")
        let second = turn.allocate([.token(token)], by: .alice6)
        #expect(second.relayed == [SocketAddress(.relay, port: first.relayed[0].port + 1)])
        #expect(second.token == nil)
        for _ in 0..<2 {
            let refused = turn.allocate([.token(token)], by: .bob)
            #expect(refused.code == 508 && refused.isSigned)
        }
        #expect(turn.server.refused?.refusal == .relayPort(.unknownToken))
        #expect(turn.allocate([.token([1, 2, 3, 4, 5, 6, 7, 8])], by: .bob).code == 508)
        #expect(turn.ledger.total.allocations == 1)
    }

    @Test(
        "a token beside EVEN-PORT or a family gets 400, and so does one that is not eight bytes; REQUESTED-TRANSPORT is needed"
    )
    func conflicts() throws {
        let turn = TURNHarness()
        let token = try #require(turn.allocate([.evenPort(reserving: true)]).token)
        for other in [
            TURNAttribute.evenPort(reserving: false), .evenPort(reserving: true), .family(1), .family(2), .dual,
        ] {
            #expect(turn.allocate([.token(token), other], by: .bob).code == 400)
            #expect(turn.allocate([other, .token(token)], by: .bob).code == 400)
        }
        for count in [0, 4, 7, 9] {
            #expect(turn.allocate([.token(Array(repeating: 1, count: count))], by: .bob).code == 400)
        }
        #expect(turn.allocate([.raw(0x0018, [])], by: .bob).code == 400)
        #expect(turn.request(0x0003, [.token(token)], by: .bob).code == 400)
        #expect(turn.allocate([.token(token)], by: .bob).isSuccess, "none of these has used it up")
    }

    @Test("seven bits of EVEN-PORT are passed over")
    func reservedBits() {
        let turn = TURNHarness()
        #expect(turn.allocate([.raw(0x0018, [0x7F])]).token == nil)
        #expect(turn.allocate([.raw(0x0018, [0xFF])], by: .bob).token != nil)
    }

    @Test("an odd port that is reserved makes no allocation: quotas count what lives")
    func quota() throws {
        let turn = TURNHarness { $0.quotas.userAllocations = 2 }
        let token = try #require(turn.allocate([.evenPort(reserving: true)]).token)
        #expect(turn.allocate([.token(token)], by: .alice6).isSuccess)
        #expect(turn.allocate(by: .alice.at(.peer)).code == 486)
    }
}
