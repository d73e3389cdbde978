import Addresses
import Foundation
import Glibc
import Observability
import Synchronization
import Testing

@Suite("The ring between a packet worker and the log")
struct EventRingTests {
    @Test("events come out as they went in, in their order")
    func order() throws {
        let ring = EventRing(slots: 8)
        let address = try #require(SocketAddress("[2001:db8::1]:3478"))
        let pdu: [UInt8] = [1, 2, 3]
        ring.append(.messageReceived, .debug, address: address, time: 7, pdu: pdu)
        ring.append(.primarySendFailed, .warning, time: 8, detail: UInt32.max)
        ring.append(.wrongLength, .info, address: address, time: 9, pdu: [])
        let events = drained(ring)
        #expect(events.map(\.code) == [.messageReceived, .primarySendFailed, .wrongLength])
        #expect(events.map(\.level) == [.debug, .warning, .info])
        #expect(events.map(\.time) == [7, 8, 9])
        #expect(events.map(\.address) == [address, nil, address])
        #expect(events.map(\.pdu) == [pdu, nil, []])
        #expect(events.map(\.detail) == [0, UInt32.max, 0])
        #expect(drained(ring).isEmpty)
    }

    @Test("a full ring loses the new event, counts it, and goes on when there is room")
    func full() {
        let ring = EventRing(slots: 4)
        for round in 0..<3 {
            let taken = (0..<7).map { number in
                ring.append(.started, .notice, time: Int64(number))
            }
            #expect(taken == [true, true, true, true, false, false, false])
            #expect(ring.dropped == UInt64(round + 1) * 3)
            #expect(drained(ring).map(\.time) == [0, 1, 2, 3])
        }
    }

    @Test("a message longer than a slot is cut, keeps its true length and spares its neighbours")
    func longMessage() {
        let ring = EventRing(slots: 4)
        let lengths = [1500, 1501, 65_535, 1499]
        for (index, length) in lengths.enumerated() {
            let pdu = [UInt8](repeating: UInt8(index + 1), count: length)
            ring.append(.messageReceived, .debug, time: 0, pdu: pdu)
        }
        let events = drained(ring)
        #expect(events.map(\.pduLength) == lengths)
        for (index, event) in events.enumerated() {
            #expect(event.pdu == [UInt8](repeating: UInt8(index + 1), count: min(lengths[index], 1500)))
        }
    }

    @Test("a slot is free as soon as its event is taken, and a long message in it spares the one after it")
    func reuse() {
        let ring = EventRing(slots: 2)
        ring.append(.messageReceived, .debug, time: 0, pdu: [1])
        ring.append(.messageReceived, .debug, time: 1, pdu: [2])
        var seen: [EventRing.Event] = []
        ring.drain { event in
            seen.append(event)
            ring.append(.messageReceived, .debug, time: event.time + 2, pdu: [UInt8](repeating: 9, count: 1600))
        }
        #expect(seen.map(\.pdu) == [[1], [2]])
        #expect(drained(ring).map(\.time) == [2, 3])
    }

    @Test("the number of slots is a power of two within bounds")
    func slots() {
        #expect([-5, 0, 1, 3, 256, 257].map { EventRing(slots: $0).slots } == [1, 1, 1, 4, 256, 512])
        #expect(EventRing().slots == 256)
        #expect(EventRing(slots: .max).slots == 65_536)
    }

    @Test("a million events pass between two threads in order, and none is torn", .timeLimit(.minutes(5)))
    func twoThreads() {
        let count = 1_000_000
        let ring = EventRing(slots: 64)
        let failed = Atomic(0)
        let producer = Thread {
            for number in 0..<count {
                while !Sample(number).append(to: ring) {
                    failed.wrappingAdd(1, ordering: .relaxed)
                    sched_yield()
                }
            }
        }
        producer.start()
        var next = 0
        var wrong: [Int] = []
        while next < count {
            let before = next
            ring.drain { event in
                if !Sample(next).matches(event), wrong.count < 10 { wrong.append(next) }
                next += 1
            }
            if next == before { sched_yield() }
        }
        #expect(wrong.isEmpty)
        #expect(next == count && drained(ring).isEmpty)
        #expect(ring.dropped == UInt64(failed.load(ordering: .relaxed)))
    }
}

/// An event that can be told from its number alone: every field depends on it.
private struct Sample {
    private static let payloads = (0..<256).map { [UInt8](repeating: UInt8($0), count: 1500) }

    let number: Int

    init(_ number: Int) { self.number = number }

    /// Mostly short, for speed; sometimes none, full or too long.
    private var length: Int? {
        switch number % 500 {
        case 0: nil
        case 1: 1500
        case 2: 1499
        default: number % 41
        }
    }

    private var code: MessageCode { MessageCode.allCases[number % 34] }
    private var address: SocketAddress {
        let word = UInt64(truncatingIfNeeded: number) &* 0x9E37_79B9_7F4A_7C15
        return SocketAddress(IPAddress(v6High: word, low: ~word), port: UInt16(truncatingIfNeeded: number))
    }
    private var payload: [UInt8]? { length.map { Array(Self.payloads[number & 255].prefix($0)) } }

    func append(to ring: EventRing) -> Bool {
        let level = number % 2 == 0 ? LogLevel.debug : .info
        let detail = UInt32(truncatingIfNeeded: number)
        let pdu = payload
        return ring.append(
            code,
            level,
            address: address,
            time: Int64(number),
            pdu: pdu,
            detail: detail
        )
    }

    func matches(_ event: EventRing.Event) -> Bool {
        event.time == Int64(number) && event.code == code && event.address == address && event.pdu == payload
            && event.detail == UInt32(truncatingIfNeeded: number) && event.pduLength == length ?? 0
            && event.level == (number % 2 == 0 ? .debug : .info)
    }
}

private func drained(_ ring: EventRing) -> [EventRing.Event] {
    var events: [EventRing.Event] = []
    ring.drain { events.append($0) }
    return events
}
