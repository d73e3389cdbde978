import STUNCodec
import Testing
import WireFixtures

@testable import ClusterCore

@Suite("Heartbeats: a server asks another how it is")
struct HeartbeatTests {
    static let state: ServerState = {
        var state = ServerState()
        state.instance = Fleet.second
        state.version = 0x0003_0201
        state.load = 1001
        state.allocations = 0x0102_0304
        state.isDraining = true
        state.port2 = 3479
        return state
    }()

    let ping = Heartbeat.ping(id: 0xABCD, from: Fleet.first, at: Fleet.now, with: Fleet.key)

    /// The pong of the second server, or why there is none.
    func answer(
        _ ping: [UInt8],
        at time: UInt64 = Fleet.now,
        key: ClusterKey = Fleet.key
    ) -> (result: Result<Heartbeat.Ping, SealedDatagramError>, pong: [UInt8]) {
        let (result, pong) = withPacket(ping) { packet in
            let read = Result { () throws(SealedDatagramError) in
                try Heartbeat.readPing(packet.bytes, at: time, with: key)
            }
            if case .success(let ping) = read {
                Heartbeat.answer(ping, over: &packet, with: Self.state, at: time, key: key)
            }
            return read
        }
        return (result, pong)
    }

    @Test("a pong brings the ping's number back, all of the other's state, and its clock")
    func roundTrip() throws {
        let (read, pong) = answer(ping, at: Fleet.now + 1234)
        let asked = try read.get()
        #expect((asked.id, asked.instance, asked.age, asked.isFresh) == (0xABCD, Fleet.first, 1234, true))
        let expected = Heartbeat.Pong(
            id: 0xABCD,
            state: Self.state,
            unixMilliseconds: Fleet.now + 1234,
            foundStale: false
        )
        #expect(try Heartbeat.readPong(pong, with: Fleet.key) == expected)
    }

    @Test("a pong is as long as its ping, so that nobody gains by a forged source")
    func noAmplification() {
        #expect(ping.count == 64)
        #expect(answer(ping).pong.count == 64)
    }

    @Test("a ping whose time is more than 5 s off is answered with a pong that says so")
    func stale() throws {
        for (offset, isFresh) in [(-5001, false), (-5000, true), (5000, true), (5001, false), (-900_000, false)] {
            let (read, pong) = answer(ping, at: UInt64(Int64(Fleet.now) + Int64(offset)))
            #expect(try read.get().age == Int64(offset))
            #expect(try read.get().isFresh == isFresh)
            #expect(try Heartbeat.readPong(pong, with: Fleet.key).foundStale == !isFresh)
        }
    }

    @Test("whatever byte of a ping or a pong is changed or missing, it is not read")
    func forgeries() {
        let pong = answer(ping).pong
        for index in 0..<64 {
            for bit in 0..<8 {
                var (changedPing, changedPong) = (ping, pong)
                changedPing[index] ^= 1 << bit
                changedPong[index] ^= 1 << bit
                #expect(throws: SealedDatagramError.self) { try answer(changedPing).result.get() }
                #expect(throws: SealedDatagramError.self) { try Heartbeat.readPong(changedPong, with: Fleet.key) }
            }
            #expect(throws: SealedDatagramError.notOurs) { try answer(Array(ping.prefix(index))).result.get() }
            #expect(throws: SealedDatagramError.notOurs) {
                try Heartbeat.readPong(Array(pong.prefix(index)), with: Fleet.key)
            }
        }
        #expect(throws: SealedDatagramError.notOurs) { try answer(ping + [0]).result.get() }
    }

    @Test("a pong is no ping, a ping no pong, and neither a hand-over")
    func kinds() {
        let pong = answer(ping).pong
        #expect(throws: SealedDatagramError.notOurs) { try answer(pong).result.get() }
        #expect(throws: SealedDatagramError.notOurs) { try Heartbeat.readPong(ping, with: Fleet.key) }
        #expect(Fleet().open(ping).result == .failure(.notOurs))
        // Under the other purpose's key even the right kind is forged.
        var disguised = ping
        disguised[20] = SealedDatagram.Kind.handOver.rawValue
        #expect(Fleet().open(disguised).result == .failure(.forged))
    }

    @Test("a filter knows a ping again, and one that has no room for it does not")
    func repeated() throws {
        let read = try answer(ping).result.get()
        let (filter, full) = (ReplayFilter(), ReplayFilter())
        let found = [filter, filter].map { read.isKnown(to: $0, at: 5) }
        #expect(found == [false, true])
        let other = try answer(Heartbeat.ping(id: 0xABCE, from: Fleet.first, at: Fleet.now, with: Fleet.key)).result
            .get()
        let isOtherKnown = other.isKnown(to: filter, at: 5)
        #expect(!isOtherKnown)
        for number in 1...ReplayFilter.groupSize { _ = full.admit(read.tagHigh, UInt64(number) << 24, at: 5) }
        let again = [full, full].map { read.isKnown(to: $0, at: 5) }
        #expect(again == [false, false])
    }

    @Test("what a datagram claims is only what begins like one of the fleet")
    func claims() {
        func claim(_ bytes: [UInt8]) -> (isHeartbeat: Bool, instance: UInt64?) {
            (SealedDatagram.isHeartbeat(bytes.raw), SealedDatagram.claimedInstance(bytes.raw))
        }
        let stun = [UInt8](repeating: 0, count: 20) + [2] + [UInt8](repeating: 0, count: 43)
        #expect(claim(stun) == (false, nil))
        #expect(claim(ping) == (true, Fleet.first))
        #expect(claim(answer(ping).pong) == (true, Fleet.second))
        for count in 0..<44 { #expect(claim(Array(ping.prefix(count))) == (false, nil)) }
        for kind in [0, 1, 4, 255] as [UInt8] {
            var other = ping
            other[20] = kind
            #expect(!claim(other).isHeartbeat)
        }
    }

    @Test("another cluster-key is told as forged")
    func otherKey() {
        #expect(throws: SealedDatagramError.forged) { try answer(ping, key: Fleet.otherKey).result.get() }
        #expect(throws: SealedDatagramError.forged) {
            try Heartbeat.readPong(answer(ping).pong, with: Fleet.otherKey)
        }
    }

    /// A heartbeat with a right tag, whatever it holds.
    private func tagged(_ kind: SealedDatagram.Kind, flags: UInt8 = 0, _ rest: UInt8 = 0) -> [UInt8] {
        withPacket([UInt8](repeating: rest, count: 64)) { packet in
            SealedDatagram.Head(kind, flags: flags, at: Fleet.now, from: Fleet.first, number: 1).write(to: &packet)
            SealedDatagram.seal(&packet, with: Fleet.key.heartbeat)
        }.datagram
    }

    @Test("flags that nobody knows are refused, under a right tag")
    func unknownFlags() {
        for flags in [1, 2, 4, 0x80] as [UInt8] {
            #expect(throws: SealedDatagramError.malformed) { try answer(tagged(.ping, flags: flags)).result.get() }
            let isKnown = flags < 4
            let pong = try? Heartbeat.readPong(tagged(.pong, flags: flags), with: Fleet.key)
            #expect((pong != nil) == isKnown, "\(flags)")
        }
    }

    @Test("what a ping holds that is not asked for does not come back")
    func noEcho() {
        let pong = answer(tagged(.ping, 0xEE)).pong
        #expect(pong.count == 64 && pong[56..<64].allSatisfy { $0 == 0 })
    }

    @Test("nothing of the packet that was there before leaves with a pong (attacks row 44)")
    func noLeftovers() {
        let pong = answer(ping).pong
        #expect(pong[56..<64].allSatisfy { $0 == 0 })
    }
}
