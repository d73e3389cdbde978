import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ClusterCore

@Suite("Attacks row 31: only what another server of the fleet has sealed now, and once, is taken")
struct HandOverTests {
    var fleet = Fleet()

    @Test("what is sealed is opened again, with the request as it was", arguments: [Fleet.v4, Fleet.v6])
    mutating func roundTrip(handOver: HandOver) throws {
        let datagram = try fleet.sealed(handOver)
        #expect(datagram.count == Fleet.request.count + (handOver == Fleet.v4 ? 56 : 80))
        let opened = fleet.open(datagram)
        #expect(opened.result == .success(handOver))
        #expect(opened.packet == Fleet.request)
    }

    @Test("no first byte of it is that of STUN, ChannelData, DTLS or RTP (RFC 7983)")
    mutating func demultiplexing() throws {
        let datagram = try fleet.sealed()
        #expect(datagram[0] == 0xC5)
        #expect(Demultiplexer.classify(datagram.raw) == .notSTUN)
        #expect(SealedDatagram.claimedKind(datagram.raw) == .handOver)
    }

    @Test("the front fits the headroom of a packet, and without room nothing is done")
    mutating func room() {
        #expect(HandOver.frontLength(.v6) <= Packet.headroom)
        let (tooLittle, enough) = (fleet.seal(Fleet.v6, headroom: 61), fleet.seal(Fleet.v6, headroom: 62))
        #expect(tooLittle == nil)
        #expect(enough != nil)
        let (front, back) = (HandOver.frontLength(.v4), HandOver.addressLength(.v4))
        let behind = fleet.seal(capacity: Fleet.request.count + back - 1)
        #expect(behind == nil)
        let fitting = fleet.seal(capacity: Fleet.request.count + back)
        #expect(fitting?.count == front + Fleet.request.count + back)
    }

    @Test("two addresses of different families are not sealed")
    mutating func families() {
        var mixed = Fleet.v4
        mixed.other = Fleet.v6.other
        let sealed = fleet.seal(mixed)
        #expect(sealed == nil)
    }

    @Test("whatever byte is changed, it is refused", arguments: [Fleet.v4, Fleet.v6])
    mutating func flippedBytes(handOver: HandOver) throws {
        let datagram = try fleet.sealed(handOver)
        for index in datagram.indices {
            for bit in 0..<8 {
                var changed = datagram
                changed[index] ^= 1 << bit
                let opened = fleet.open(changed)
                let expected: SealedDatagramError = index < 4 || index == 20 ? .notOurs : .forged
                // A kind that exists, or one that does not: neither is a hand-over.
                #expect(opened.result == .failure(expected), "byte \(index), bit \(bit)")
                #expect(opened.packet == changed)
            }
        }
        #expect(fleet.open(datagram).result == .success(handOver))
    }

    @Test("wherever it is cut, and when more follows, it is refused")
    mutating func cuts() throws {
        let datagram = try fleet.sealed()
        for count in 0..<datagram.count {
            let expected: SealedDatagramError = count < 44 ? .notOurs : .forged
            #expect(fleet.open(Array(datagram.prefix(count))).result == .failure(expected), "\(count)")
        }
        #expect(fleet.open(datagram + [0]).result == .failure(.forged))
    }

    @Test("with a right tag a head alone, a cut envelope, unknown flags and an unknown kind are refused")
    func malformed() {
        for (flags, count) in [(0, 44), (0, 55), (2, 79), (4, 200), (0x80, 200)] as [(UInt8, Int)] {
            let (_, datagram) = withPacket([UInt8](repeating: 0, count: count)) { packet in
                let head = SealedDatagram.Head(.handOver, flags: flags, at: Fleet.now, from: Fleet.first, number: 1)
                head.write(to: &packet)
                SealedDatagram.seal(&packet, with: Fleet.key.handOver, for: Fleet.second)
            }
            #expect(fleet.open(datagram).result == .failure(.malformed), "\(flags), \(count)")
        }
    }

    @Test("an empty request comes out as an empty packet")
    mutating func empty() throws {
        let datagram = try fleet.sealed(Fleet.v4, [])
        let opened = fleet.open(datagram)
        #expect(opened.result == .success(Fleet.v4))
        #expect(opened.packet.isEmpty)
    }

    @Test("of another key it is forged, also when only a zero at its end differs")
    mutating func otherKey() throws {
        let foreign = try fleet.sealed(key: Fleet.otherKey)
        #expect(fleet.open(foreign).result == .failure(.forged))
        let longer = ClusterKey(secret: Array(0x20..<0x40) + [0])
        let almost = try fleet.sealed(key: longer)
        #expect(fleet.open(almost).result == .failure(.forged))
    }

    @Test("5 s before and after it is fresh, a millisecond more and it is stale by so much")
    mutating func staleness() throws {
        for (offset, isFresh) in [(-5001, false), (-5000, true), (0, true), (5000, true), (5001, false)] {
            let datagram = try fleet.sealed()
            let result = fleet.open(datagram, at: UInt64(Int64(Fleet.now) + Int64(offset))).result
            #expect(result == (isFresh ? .success(Fleet.v4) : .failure(.stale(byMilliseconds: Int64(offset)))))
        }
    }

    @Test("a clock at its ends makes nothing trap")
    mutating func extremeClocks() throws {
        for (sent, now) in [(0, UInt64.max), (UInt64.max, 0), (.max, .max), (1 << 48, 0)] as [(UInt64, UInt64)] {
            let datagram = try fleet.sealed(at: sent)
            _ = fleet.open(datagram, at: now, monotonic: now)
        }
    }

    @Test("it is taken once, whichever worker sees it again, and another one of the same request is taken")
    mutating func replays() throws {
        let datagram = try fleet.sealed()
        #expect(fleet.open(datagram).result == .success(Fleet.v4))
        #expect(fleet.open(datagram).result == .failure(.replayed))
        #expect(fleet.open(datagram, at: Fleet.now + 4999, monotonic: 59_999_000_000).result == .failure(.replayed))
        let again = try fleet.sealed()
        #expect(fleet.open(again).result == .success(Fleet.v4))
    }

    @Test("one that cannot be remembered is not taken")
    mutating func noRoom() throws {
        let datagram = try fleet.sealed()
        let high = datagram[4..<12].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        for number in 1...ReplayFilter.groupSize {
            _ = fleet.filter.admit(high, UInt64(number) << 24, at: 50_000_000_000)
        }
        let opened = fleet.open(datagram)
        #expect(opened.result == .failure(.tooMany))
        #expect(opened.packet == datagram)
    }

    @Test("when it cannot be taken any more it has long been stale: no time lies between")
    mutating func memoryOutlastsFreshness() throws {
        // Taken as early as can be, asked again as late as can be.
        let datagram = try fleet.sealed()
        let start: UInt64 = 50_000_000_000
        #expect(fleet.open(datagram, at: Fleet.now - 5000, monotonic: start).result == .success(Fleet.v4))
        for milliseconds in stride(from: UInt64(0), through: 12_000, by: 50) {
            let result = fleet.open(
                datagram,
                at: Fleet.now - 5000 + milliseconds,
                monotonic: start + milliseconds * 1_000_000
            ).result
            if case .success = result { Issue.record("taken again after \(milliseconds) ms") }
        }
    }

    @Test("a server does not open what it has sealed itself")
    mutating func selfSent() throws {
        let datagram = try fleet.sealed(for: Fleet.first)
        #expect(fleet.open(datagram, as: Fleet.first).result == .failure(.selfSent))
    }

    @Test("what was recorded on its way to one server is forged for another, for its sender, and after a restart")
    mutating func receivers() throws {
        let datagram = try fleet.sealed()
        for instance in [Fleet.first, Fleet.second ^ 1, Fleet.second ^ 1 << 63, 0, .max] {
            let opened = fleet.open(datagram, as: instance)
            #expect(opened.result == .failure(.forged))
            #expect(opened.packet == datagram)
        }
        // What was refused is not remembered.
        #expect(fleet.open(datagram).result == .success(Fleet.v4))
    }

    @Test("keys follow from the secret and the purpose, and are not each other")
    func derivedKeys() {
        let bytes = { (key: ClusterKey, label: String) in
            key.bytes(for: label).span.indices.map { key.bytes(for: label)[$0] }
        }
        #expect(bytes(Fleet.key, "stund nonce") == bytes(Fleet.key, "stund nonce"))
        #expect(bytes(Fleet.key, "stund nonce") != bytes(Fleet.key, "stund fleet"))
        #expect(bytes(Fleet.key, "stund nonce") != bytes(Fleet.otherKey, "stund nonce"))
        #expect(bytes(Fleet.key, "stund nonce").count == 32)
    }
}
