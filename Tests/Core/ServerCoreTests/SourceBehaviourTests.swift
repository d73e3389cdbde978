import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("What the requests of a source show of its client and NAT (RFC 4787 sections 4.1 and 5)")
struct SourceBehaviourTests {
    typealias Kind = SourceBehaviour.NATKind
    var harness = ServerHarness(policy: .twoAddresses)

    @Test("the keep-alive interval follows the time between requests, and one request has none")
    mutating func interval() {
        ask()
        #expect(harness.row?.behaviour.interval == nil)
        wait(milliseconds: 20)
        ask()
        #expect(harness.row?.behaviour.interval == 20)
        for _ in 0..<40 {
            wait(milliseconds: 30_000)
            ask()
        }
        #expect((29_900...30_000).contains(harness.row?.behaviour.interval ?? 0))
        // Noise is no keep-alive.
        wait(milliseconds: 1)
        _ = harness.send([9, 9, 9])
        #expect((29_900...30_000).contains(harness.row?.behaviour.interval ?? 0))
    }

    @Test("a pause longer than 49 days is as long as the number can be, and nothing traps")
    mutating func longPause() {
        ask()
        harness.now = Instant(nanoseconds: .max)
        ask()
        #expect(harness.row?.behaviour.interval == .max)
        ask()
        #expect(harness.row?.behaviour.interval ?? 0 > 1 << 31)
    }

    @Test("the dialect is that of the last request, refused ones too", arguments: Dialect.allCases)
    mutating func dialect(dialect: Dialect) {
        for other in Dialect.allCases { ask(as: other) }
        _ = harness.send(Wire.message(as: dialect, [.unknown]))
        if dialect != .rosenberg { #expect(harness.row?.behaviour.dialect == dialect) }
        ask(as: dialect)
        #expect(harness.row?.behaviour.dialect == dialect)
    }

    @Test("a source heard on one socket shows nothing of its NAT")
    mutating func nothing() {
        for _ in 0..<5 { ask() }
        #expect(kinds == [])
    }

    @Test("a source heard on both ports, or on both addresses, shows how its NAT maps")
    mutating func mapping() {
        ask()
        ask(on: .primaryAlternate)
        #expect(kinds == [.portIndependentMapping])
        ask(on: .alternateAlternate)
        #expect(kinds == [.endpointIndependentMapping])
        harness.server.clearSources()
        ask(on: .primaryPrimary)
        ask(on: .alternatePrimary)
        #expect(kinds == [.endpointIndependentMapping])
        harness.server.clearSources()
        // Two sources, each on one socket: a NAT that maps by the endpoint looks like this.
        ask(on: .primaryPrimary)
        _ = harness.send(Wire.message(as: .cookie), from: SocketAddress(.server, port: 7), on: .primaryAlternate)
        #expect(harness.server.sources.newestFirst.allSatisfy { $0.behaviour.natKinds(at: harness.now).isEmpty })
    }

    @Test("an answer from elsewhere that is not asked for again has arrived", arguments: Dialect.allCases)
    mutating func open(dialect: Dialect) {
        change(ip: true, port: true, as: dialect, id: 1)
        #expect(kinds == [], "a repetition may still come")
        wait(milliseconds: 3_999)
        #expect(kinds == [])
        wait(milliseconds: 1)
        #expect(kinds == [.openFiltering])
    }

    @Test("one that is asked for again and again was filtered; once may be a lost packet")
    mutating func restricted() {
        change(ip: true, port: true, id: 1)
        wait(milliseconds: 500)
        change(ip: true, port: true, id: 1)
        wait(milliseconds: 60_000)
        #expect(kinds == [])
        change(ip: true, port: true, id: 1)
        #expect(kinds == [.restrictedFiltering])
        for _ in 0..<300 { change(ip: true, port: true, id: 1) }
        #expect(kinds == [.restrictedFiltering])
    }

    @Test("a NAT that lets another port through but no other address is restricted: one answer does not hide the other")
    mutating func both() {
        for _ in 0..<3 { change(ip: true, port: true, id: 1) }
        change(port: true, id: 2)
        wait(milliseconds: 5_000)
        #expect(kinds == [.restrictedFiltering])
        ask(on: .primaryAlternate)
        #expect(kinds == [.portIndependentMapping, .restrictedFiltering])
    }

    @Test("a request whose answer cannot come from elsewhere shows nothing")
    mutating func oneAddress() {
        harness = ServerHarness(policy: .oneAddress)
        for dialect in Dialect.allCases { change(ip: true, port: true, as: dialect, id: 1) }
        wait(milliseconds: 10_000)
        #expect(kinds == [])
    }

    @Test("what two workers saw of one source adds up")
    mutating func adding() throws {
        ask()
        var other = ServerHarness(policy: .twoAddresses)
        other.now = Instant(nanoseconds: harness.now.nanoseconds + 7)
        _ = other.send(Wire.message(as: .classic), on: .primaryAlternate)
        let first = try #require(harness.row)
        let second = try #require(other.row)
        for sum in [first.adding(second), second.adding(first)] {
            #expect(sum.behaviour.dialect == .classic)
            #expect(sum.behaviour.natKinds(at: other.now) == [.portIndependentMapping])
        }
    }

    private var kinds: [Kind] { harness.row?.behaviour.natKinds(at: harness.now) ?? [] }

    private mutating func ask(as dialect: Dialect = .cookie, on role: SocketRole = .primaryPrimary) {
        _ = harness.send(Wire.message(as: dialect), on: role)
    }

    private mutating func change(ip: Bool = false, port: Bool = false, as dialect: Dialect = .classic, id: UInt8) {
        let id = [UInt8](repeating: id, count: 16)
        _ = harness.send(Wire.message(0x0001, as: dialect, id: id, [.change(ip: ip, port: port, as: dialect)]))
    }

    private mutating func wait(milliseconds: UInt64) {
        harness.now = Instant(nanoseconds: harness.now.nanoseconds + milliseconds * 1_000_000)
    }
}
