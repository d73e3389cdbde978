// Unsafe: an array seen as raw bytes, which are not kept.
import Addresses
import Administration
import Observability
import ServerCore
import Testing

@testable import PacketEngine
@testable import ServerRuntime

@Suite("What workers tell the log")
struct WorkerEventsTests {
    @Test(
        "a datagram that is dropped has the number of its fault, and never that of one processed all the same (1008)",
        arguments: [
            (DropReason.notSTUN, UInt16(1005)), (.unknownMethod, 1005), (.malformed, 1113), (.badFingerprint, 1114),
            (.response, 1004), (.unknownAddressFamily, 1009), (.noOtherAddress, 1014), (.rateLimited, 1104),
        ]
    )
    func drops(reason: DropReason, code: UInt16) throws {
        let client = try #require(SocketAddress("192.0.2.1:5"))
        let entries = told { $0.dropped(reason, detail: 1, from: client) }
        #expect(entries.map(\.code.rawValue) == [code])
    }

    @Test("what comes, leaves, cannot leave and breaks has the manual's number (1006, 1017 to 1020, 1023)")
    func numbers() throws {
        let client = try #require(SocketAddress("192.0.2.1:5"))
        let pdu: [UInt8] = [0, 1, 0, 0]
        let entries = told(at: .debug) { events in
            unsafe events.received(pdu.span.bytes, from: client)
            events.answered(client, fromOtherPort: false)
            events.answered(client, fromOtherPort: true)
            events.sendFailed(101, to: client, bySecondPort: false)
        }
        #expect(entries.map(\.code.rawValue) == [1006, 1017, 1019, 1018])
        #expect(entries.allSatisfy { $0.address == client })
        let more = told { events in
            events.sendFailed(101, to: client, bySecondPort: true)
            events.socketFailed(SocketError("recvmmsg", "", code: 12))
        }
        #expect(more.map(\.code.rawValue) == [1020, 1023])
        // The level of the log decides, and packets are told at 8 only.
        #expect(told { unsafe $0.received(pdu.span.bytes, from: client) }.isEmpty)
    }

    @Test(
        "a rate limit is told for the prefix it holds for",
        arguments: [
            ("192.0.2.1:5", "192.0.2.1/32"), ("[2001:db8::1:2:3:4]:5", "2001:db8::/64"),
        ]
    )
    func rateLimit(client: String, prefix: String) throws {
        let client = try #require(SocketAddress(client))
        let entry = try #require(told { $0.dropped(.rateLimited, detail: 0, from: client) }.first)
        #expect(entry.formatted(.text).hasSuffix(": Rate limit active for \(prefix)"))
        #expect(entry.formatted(.json).hasSuffix(#","text":"Rate limit active","address":"\#(prefix)"}"#))
        #expect(LogReport.Entry(entry).address == prefix)
    }

    private func told(at level: LogLevel = .detail, _ body: (inout WorkerEvents) -> Void) -> [LogEntry] {
        let log = EventLog(level: LogLevelSwitch(level))
        let pump = LogPump(into: log) { 0 }
        var events = WorkerEvents(
            WorkerEvents.Source(
                ring: pump.makeRing(slots: 4),
                facts: pump.makeRing(of: RelayFact.self) { _ in nil },
                levels: log.levelSwitch
            )
        )
        events.beginBatch(now: 0)
        body(&events)
        events.endBatch()
        pump.pump(now: 0)
        return log.history.entries
    }
}
