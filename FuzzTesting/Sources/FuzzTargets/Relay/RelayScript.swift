import Addresses
import STUNAuthentication
import STUNCodec
import ServerCore

/// Runs a script of requests, data, peers' packets, ICMP errors, clock steps, reloads, disconnects and failures against one
/// server with TURN, and compares each thing that it does with a naive model of RFC 8656.
///
/// The first two bytes are the settings; then each step is one byte, whose lower four bits say what, and its operands (see
/// `RelayRun.step`). Any bytes are a script.
@Sendable
public func relayScript(_ bytes: [UInt8]) throws(Violation) { _ = try relayTrace(bytes) }

/// Runs a script and returns a hash of everything that the server did, which is the same each time.
@Sendable
public func relayTrace(_ bytes: [UInt8]) throws(Violation) -> UInt64 {
    var run = RelayRun(bytes)
    while try run.step() {}
    try run.end()
    return run.trace
}

/// One run of a script.
struct RelayRun {
    var input: ArraySlice<UInt8>
    var server: Server
    var ports = ScriptedPorts()
    var model = RelayModel()
    var credentials = NaiveCredentials()
    let ledger = AccountLedger(capacity: 4)
    var now = Instant(nanoseconds: 5_000_000_000)
    /// What the server was told of the wall clock: then, and what it showed.
    var clock = (at: Instant.start, unixSeconds: UInt64(0))
    /// What the wall clock shows ahead of `now`: 5 December 2024, and what scripts add.
    var wall: UInt64 = 1_733_400_000
    var lastRequest: (bytes: [UInt8], flow: UInt8) = ([], 0)
    var datagrams: UInt64 = 0
    var handled: UInt64 = 0
    var trace: UInt64 = 0xCBF2_9CE4_8422_2325
    /// The sessions that were made and have not ended.
    var serials: Set<UInt64> = []
    /// When each session ends, as far as the model knows.
    var ends: [UInt64: Instant] = [:]
    private var steps = 0

    /// Copied for each script, which is much cheaper than to make one: its rate limits are half a megabyte.
    private static let template = RelaySettings(0).policy

    init(_ bytes: [UInt8]) {
        input = bytes[...]
        server = Server(policy: Self.template, seed: 0x5EED, indicationSeed: 0x1D, ledger: ledger)
        let first = number()
        reload(first)
        advance()
    }

    /// Takes one step; false at the end.
    mutating func step() throws(Violation) -> Bool {
        // Longer scripts only slow down the search.
        guard let operation = input.popFirst(), steps < 300 else { return false }
        steps += 1
        switch operation & 15 {
        case 0, 1: try request()
        case 2: try deliver(sendIndication(), from: byte())
        case 3: try deliver(channelData(), from: byte())
        case 4: try peerDatagram()
        case 5: try icmpError()
        case 6: now = Instant(nanoseconds: now.nanoseconds &+ UInt64(number()) &* 1_000_000)
        case 7: now = now.adding(seconds: Self.pauses[Int(byte()) % Self.pauses.count])
        case 8: reload(number())
        case 9: disconnect(byte())
        case 10: fail(byte())
        case 11: try deliver(mutated(), from: lastRequest.flow)
        case 12: try deliver(lastRequest.bytes, from: byte())
        case 13: wall = wall &+ UInt64(byte()) &* 3600
        case 14: try deliver(take(Int(byte())), from: byte())
        default: break
        }
        // With the upper bit the worker is late: time has gone on and it was not told.
        if operation & 0x80 == 0 {
            advance()
            try checkDeadline()
        }
        do throws(Violation) {
            try checkState()
        } catch {
            throw Violation(description: "after step \(steps), operation \(operation & 15): \(error)")
        }
        return true
    }

    /// Waits until everything must be over, then nothing may be left.
    mutating func end() throws(Violation) {
        for _ in 0..<3 {
            now = now.adding(seconds: 3700)
            advance()
            try checkDeadline()
            try checkState()
        }
        try checkNothingLeft()
    }

    var unixSeconds: UInt64 { clock.unixSeconds &+ now.nanoseconds(since: clock.at) / 1_000_000_000 }

    mutating func advance() {
        clock = (now, wall &+ now.nanoseconds / 1_000_000_000)
        server.advance(to: now, unixMilliseconds: clock.unixSeconds &* 1000, ports: &ports)
        model.prune(now)
        model.limitsBytes = model.settings.limitsBytes
    }

    private mutating func reload(_ bits: UInt16) {
        model.settings = RelaySettings(bits)
        model.limitsBytes = model.limitsBytes || model.settings.limitsBytes
        credentials.hasBob = model.settings.hasBob
        ports.families = model.settings.families
        server.policy = model.settings.policy
    }

    private mutating func disconnect(_ bits: UInt8) {
        let source = Cast.clients[Int(bits & 7)]
        let isMeant = { (flow: ClientFlow) in bits & 8 != 0 || flow.source == source }
        let count = server.disconnect(now: now, ports: &ports) { isMeant($0.flow) }
        model.allocations.removeAll { isMeant($0.flow) }
        note(UInt64(count))
    }

    private mutating func fail(_ bits: UInt8) {
        let errors: [RelayPortError] = [.noneFree, .system(24), .system(98), .familyMissing(.v6)]
        ports.failures = (Int(bits >> 2 & 7), errors[Int(bits & 3)])
    }

    mutating func note(_ value: UInt64) { trace = (trace ^ value) &* 0x100_0000_01B3 }

    mutating func byte() -> UInt8 { input.popFirst() ?? 0 }
    mutating func number() -> UInt16 { UInt16(byte()) << 8 | UInt16(byte()) }
    mutating func take(_ count: Int) -> [UInt8] {
        let taken = Array(input.prefix(count))
        input = input.dropFirst(count)
        return taken
    }

    /// Around every lifetime there is, and far beyond all of them.
    private static let pauses: [UInt32] = [
        1, 9, 10, 11, 29, 30, 31, 59, 60, 61, 299, 300, 301, 599, 600, 601, 3599, 3600, 3601, 86_400, 2_700_000,
        40_000_000,
    ]
}
