import Addresses
import Foundation
import Glibc
import Observability
import Testing

@Suite("From the packet workers into the log")
struct LogPumpTests {
    @Test("the events of all workers are logged by their time, with their details in words")
    func merged() throws {
        let log = EventLog(level: LogLevelSwitch(.debug))
        let pump = LogPump(into: log) { 0 }
        let first = pump.makeRing(slots: 16)
        let second = pump.makeRing(slots: 16)
        let address = try #require(SocketAddress("192.0.2.1:5"))
        let pdu: [UInt8] = [0, 1]
        first.append(.messageReceived, .debug, address: address, time: 10, pdu: pdu)
        first.append(.unknownMessageType, .info, address: address, time: 30, detail: 0x13)
        second.append(.primarySendFailed, .warning, address: address, time: 20, detail: 101)
        second.append(.rateLimited, .warning, address: address, time: 40, detail: 24)
        second.append(.started, .trace, time: 50)
        pump.pump(now: 0)
        let lines = log.history.entries.map { $0.formatted(.text).dropFirst("[8] Thu Jan  1 00:00:00 1970: ".count) }
        #expect(
            lines == [
                "Received pdu from 192.0.2.1:5\n00 01",
                "Cannot send response (Network is unreachable) to 192.0.2.1:5",
                "Unknown message type (0x0013) from 192.0.2.1:5",
                "Rate limit active for 192.0.2.1/24",
            ]
        )
    }

    @Test("events that a full ring lost are told, each once")
    func losses() {
        let log = EventLog()
        let pump = LogPump(into: log) { 0 }
        let rings = [pump.makeRing(slots: 2), pump.makeRing(slots: 2)]
        for ring in rings {
            for _ in 0..<5 { ring.append(.started, .notice, time: 0) }
        }
        pump.pump(now: 1)
        pump.pump(now: 5_000_000_000)
        let entries = log.history.entries
        #expect(entries.map(\.code) == [.started, .started, .started, .started, .logEntriesLost])
        #expect(entries.last?.text == "Log entries lost: 6")
    }

    @Test("a pump writes the counted repeats when their second is over")
    func repeats() {
        let log = EventLog()
        let pump = LogPump(into: log) { 0 }
        for _ in 0..<12 { log.log(.started, at: 0) }
        pump.pump(now: 2_000_000_000)
        #expect(log.history.entries.last?.repeats == 2)
    }

    @Test("a signal wakes the thread, also again and again", .timeLimit(.minutes(5)))
    func signal() {
        let log = EventLog(level: LogLevelSwitch(.trace), history: LogHistory(capacity: 5000))
        let pump = LogPump(into: log) { 0 }
        let ring = pump.makeRing(slots: 4)
        pump.start()
        pump.start()
        // Each round waits for the last one, so a lost wake-up costs a second each time and the limit of the test ends
        // it; with no wake-up lost, the thread is awake at once.
        for round in 0..<2000 {
            ring.append(.messageReceived, .debug, time: Int64(round))
            ring.signal()
            while log.history.entries.count <= round { sched_yield() }
        }
        pump.stop()
        #expect(log.history.entries.map(\.time) == Array(0..<2000))
    }

    @Test("stopping empties the rings to the end, with and without a thread", arguments: [true, false])
    func stop(withThread: Bool) {
        let log = EventLog(level: LogLevelSwitch(.trace), history: LogHistory(capacity: 1000))
        let pump = LogPump(into: log) { 0 }
        let ring = pump.makeRing(slots: 256)
        if withThread { pump.start() }
        for number in 0..<200 {
            ring.append(.messageReceived, .debug, time: Int64(number))
        }
        for _ in 0..<12 { log.log(.stopping, at: 0) }
        pump.stop()
        pump.stop()
        #expect(log.history.entries.filter { $0.code == .messageReceived }.count == 200)
        #expect(log.history.entries.last?.repeats == 2)
    }
}
