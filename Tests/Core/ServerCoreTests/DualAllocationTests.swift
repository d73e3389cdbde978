import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Allocations of both families (RFC 8656 sections 7.2 and 8)")
struct DualAllocationTests {
    @Test("ADDITIONAL-ADDRESS-FAMILY gives both relayed addresses in one allocation, which counts once")
    func both() {
        for client in [TURNClient.alice, .alice6] {
            let turn = TURNHarness()
            let reply = turn.allocate([.dual], by: client)
            #expect(reply.relayed == [SocketAddress(.relay, port: 49152), SocketAddress(.relay6, port: 49152)])
            #expect(reply.lifetime == 600)
            #expect(reply.mapped == client.flow.source)
            #expect(turn.ledger.total.allocations == 1)
            #expect(turn.server.sessionCount == 1)
            turn.permit(.peer, .peer6, by: client)
            #expect(
                turn.sendIndication(to: .peer, by: client).verdict
                    == .toPeer(.peer, RelayID(index: 1), dontFragment: false)
            )
            #expect(
                turn.sendIndication(to: .peer6, by: client).verdict
                    == .toPeer(.peer6, RelayID(index: 2), dontFragment: false)
            )
            #expect(turn.fromPeer(.peer6, to: reply.relayed[1])?.isToClient == true)
            #expect(turn.refresh(0, by: client).isSuccess)
            #expect(turn.ports.open.isEmpty)
            #expect(turn.ledger.total.allocations == 0)
        }
    }

    @Test("ADDITIONAL-ADDRESS-FAMILY is read by its draft's number too")
    func draftNumber() {
        let turn = TURNHarness()
        #expect(turn.allocate([.raw(0x8032, [2, 0, 0, 0])]).relayed.map(\.address) == [.relay, .relay6])
    }

    @Test("only IPv6 can be additional, and not beside a requested family, a token or a reserved port: 400")
    func conflicts() {
        let turn = TURNHarness()
        for family in [0, 1, 3, 255] as [UInt8] { #expect(turn.allocate([.additional(family)]).code == 400) }
        #expect(turn.allocate([.family(1), .dual]).code == 400)
        #expect(turn.allocate([.family(2), .dual]).code == 400)
        #expect(turn.allocate([.evenPort(reserving: true), .dual]).code == 400)
        #expect(turn.allocate([.raw(0x8000, [2])]).code == 400)
        #expect(turn.ports.open.isEmpty)
        turn.ports.range = 50001...50009
        let even = turn.allocate([.evenPort(reserving: false), .dual])
        #expect(even.relayed.map(\.port) == [50002, 50002], "even in both")
        #expect(even.token == nil)
    }

    @Test("where one family cannot be had the other is a success with ADDRESS-ERROR-CODE; where none can, 508 or 440")
    func oneFamily() {
        let turn = TURNHarness()
        turn.ports.addresses = [.relay]
        let v4 = turn.allocate([.dual])
        #expect(v4.relayed.map(\.address) == [.relay])
        #expect(v4.addressError == [2, 440])
        #expect(turn.refresh(0).isSuccess)
        turn.ports.addresses = [.relay6]
        let v6 = turn.allocate([.dual])
        #expect(v6.relayed.map(\.address) == [.relay6])
        #expect(v6.addressError == [1, 440])
        #expect(turn.permit(.peer).code == 443)
        #expect(turn.permit(.peer6).isSuccess)
        #expect(turn.refresh(0).isSuccess)
        turn.ports.addresses = []
        #expect(turn.allocate([.dual]).code == 440)
        turn.ports.addresses = [.relay, .relay6]
        turn.ports.failure = .noneFree
        #expect(turn.allocate([.dual]).code == 508)
        #expect(turn.ledger.total.allocations == 0)
        turn.ports.failure = nil
        turn.ports.range = 50000...50000
        #expect(turn.allocate(by: .bob).isSuccess)
        #expect(turn.allocate([.dual]).addressError == [1, 508])
    }

    @Test("a retransmitted dual Allocate gets the same bytes, ADDRESS-ERROR-CODE too")
    func retransmission() {
        let turn = TURNHarness()
        let id = turn.nextID()
        let first = turn.allocate([.dual], id: id)
        #expect(turn.allocate([.dual], id: id).bytes == first.bytes)
        #expect(turn.ports.open.count == 2)
        turn.ports.addresses = [.relay]
        let other = turn.allocate([.dual], by: .bob, id: id)
        #expect(other.addressError == [2, 440])
        turn.ports.addresses = [.relay, .relay6]
        #expect(turn.allocate([.dual], by: .bob, id: id).bytes == other.bytes)
    }

    @Test("a Refresh of one family with lifetime 0 ends its half, with its permissions and channels, and no other")
    func endOfHalf() throws {
        for (family, kept) in [(2, 1), (1, 2)] as [(UInt8, UInt8)] {
            let turn = TURNHarness()
            let relayed = try turn.allocateBoth()
            let peers = [SocketAddress.peer, .peer6]
            let (gone, stays) = (peers[Int(family) - 1], peers[Int(kept) - 1])
            turn.bind(0x4001, to: .peer)
            turn.bind(0x4002, to: .peer6)
            #expect(turn.refresh(0, [.family(family)]).lifetime == 0)
            #expect(turn.ports.open.values.map { $0 } == [relayed[Int(kept) - 1]])
            #expect(turn.channelData(0x4000 + UInt16(family)).bytes == [])
            #expect(turn.channelData(0x4000 + UInt16(kept)).isToPeer)
            #expect(turn.sendIndication(to: gone).verdict == .drop(.noPermission))
            #expect(turn.sendIndication(to: stays).isToPeer)
            #expect(turn.server.table.channels.count == 1)
            #expect(turn.server.table.permissions.count == 1)
            #expect(turn.permit(gone).code == 443)
            #expect(turn.permit(stays, gone).code == 443)
            #expect(turn.bind(0x4000 + UInt16(family), to: gone).code == 443)
            #expect(turn.refresh(0, [.family(family)]).code == 443)
            #expect(turn.refresh(600, [.family(family)]).code == 443)
            #expect(turn.bind(0x4000 + UInt16(family), to: stays.port(9)).isSuccess, "the number is free again")
            #expect(turn.ledger.total.allocations == 1)
            #expect(turn.allocate().code == 437, "the 5-tuple is still in use")
            #expect(turn.refresh(0, [.family(kept)]).lifetime == 0)
            #expect(turn.ports.open.isEmpty)
            #expect(turn.server.sessionCount == 0)
            #expect(turn.ledger.total.allocations == 0)
            #expect(turn.allocate().isSuccess)
        }
    }

    @Test("each half has its own time: one that is refreshed alone lives on, the other ends with all that is its own")
    func timesOfHalves() throws {
        let turn = TURNHarness()
        let relayed = try turn.allocateBoth()
        #expect(turn.refresh(1800, [.family(1)]).lifetime == 1800)
        turn.wait(seconds: 599)
        turn.bind(0x4001, to: .peer)
        turn.bind(0x4002, to: .peer6)
        #expect(turn.channelData(0x4002).isToPeer)
        turn.wait(seconds: 1)
        #expect(turn.channelData(0x4002).bytes == [], "at its time, timers or not")
        #expect(turn.fromPeer(.peer6, to: relayed[1])?.verdict == .drop(.noAllocation))
        #expect(turn.permit(.peer6).code == 443)
        #expect(turn.channelData(0x4001).isToPeer)
        turn.advance(seconds: 2)
        #expect(turn.ports.open.values.map { $0 } == [relayed[0]])
        #expect(turn.server.table.channels.count == 1)
        #expect(turn.server.table.permissions.count == 1)
        #expect(turn.permit(.peer6).code == 443)
        turn.advance(seconds: 1200)
        #expect(turn.server.sessionCount == 0)
        #expect(turn.ports.open.isEmpty)
    }

    @Test("a Refresh of both families does not bring back a half whose time is up, timers or not")
    func noRevival() {
        for runsTimers in [false, true] {
            let turn = TURNHarness()
            #expect(turn.allocate([.dual]).isSuccess)
            #expect(turn.refresh(1800, [.family(1)]).isSuccess)
            turn.wait(seconds: 600)
            if runsTimers { turn.advance(seconds: 0) }
            #expect(turn.refresh(3600).lifetime == 3600)
            #expect(turn.permit(.peer6).code == 443)
            turn.advance(seconds: 2)
            #expect(turn.ports.open.count == 1)
        }
    }

    @Test("a Refresh without a family is for both, and lifetime 0 then ends both")
    func refreshOfBoth() {
        let turn = TURNHarness()
        #expect(turn.allocate([.dual]).isSuccess)
        turn.advance(seconds: 300)
        #expect(turn.refresh(1200).lifetime == 1200)
        turn.advance(seconds: 1199)
        #expect(turn.permit(.peer, .peer6).isSuccess)
        #expect(turn.refresh(0).lifetime == 0)
        #expect(turn.ports.open.isEmpty)
        #expect(turn.server.sessionCount == 0)
    }

    @Test("a channel number cannot serve both halves at once")
    func channelNumbers() {
        let turn = TURNHarness()
        #expect(turn.allocate([.dual]).isSuccess)
        #expect(turn.bind(0x4000, to: .peer).isSuccess)
        #expect(turn.bind(0x4000, to: .peer6).code == 400)
        #expect(turn.bind(0x4001, to: .peer6).isSuccess)
    }
}
