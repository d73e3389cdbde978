import Addresses
import STUNCodec
import ServerCore

/// Runs a script of datagrams, clock steps and policy changes against one server and checks each answer.
///
/// The first byte is the policy; then each step is one byte and its operands (see `Script.step`). Any bytes are a script.
@Sendable
public func serverScript(_ bytes: [UInt8]) throws(Violation) {
    var script = Script(bytes)
    while try script.step() {}
    try script.checkRows()
}

private struct Script {
    private var input: ArraySlice<UInt8>
    private var server: Server
    private var ports = NoRelayPorts()
    private var rows: Int
    private var now = Instant(nanoseconds: 0)
    private var datagrams: UInt64 = 0

    /// Copied for each script, which is much cheaper than to make one: its rate limits are half a megabyte.
    private static let template = Server(policy: policy(0), seed: 0x5EED)

    init(_ bytes: [UInt8]) {
        input = bytes[...]
        let policy = Self.policy(input.popFirst() ?? 0)
        rows = policy.statisticsRows
        server = Self.template
        server.policy = policy
    }

    /// Takes one step; false at the end.
    ///
    /// The upper two bits of its byte say what, the lower six where:
    /// - 0: a datagram, its length in two bytes
    /// - 1: a datagram made whole: a byte for dialect and type, a byte for the body's length, the body
    /// - 2: the clock goes on by so many milliseconds, in two bytes
    /// - 3: another policy, in one byte
    mutating func step() throws(Violation) -> Bool {
        guard let operation = input.popFirst() else { return false }
        switch operation >> 6 {
        case 0:
            let count = Int(number())
            try send(take(count), Self.flow(operation & 0x3F, server.policy))
        case 1:
            let shape = input.popFirst() ?? 0
            let body = take(Int(input.popFirst() ?? 0))
            try send(Self.message(shape, body), Self.flow(operation & 0x3F, server.policy))
        case 2:
            now = Instant(nanoseconds: now.nanoseconds &+ UInt64(number()) &* 1_000_000)
        default:
            let policy = Self.policy(input.popFirst() ?? 0)
            rows = policy.statisticsRows
            server.policy = policy
            try checkRows()
        }
        return true
    }

    /// The table is bounded, and its rows add up to no more than what was sent.
    func checkRows() throws(Violation) {
        let list = server.sources.newestFirst
        try Violation.unless(list.count <= rows, "\(list.count) rows, \(rows) allowed")
        try Violation.unless(list.reduce(0) { $0 + $1.hits } <= datagrams, "more hits than datagrams")
        try Violation.unless(Set(list.map(\.source)).count == list.count, "a source has two rows")
    }

    private mutating func send(_ request: [UInt8], _ flow: ClientFlow) throws(Violation) {
        let kind = Demultiplexer.classify(request.raw)
        let hasAlternate = server.policy.endpoints(flow.source.address.family).hasAlternate
        datagrams += 1
        let (verdict, answer) = withPacket(request, capacity: max(1500, request.count)) { packet in
            server.receive(&packet, from: flow, now: now, ports: &ports)
        }
        switch verdict {
        case .drop: return
        case .reply: break
        case .handOver, .replyFor: throw Violation(description: "something handed over without other servers")
        case .toPeer, .toClient, .connect, .bound, .attempt:
            throw Violation(description: "something relayed while TURN is off")
        case .replyFrom(let role, let port):
            try Violation.unless(port ?? 1024 >= 1024, "an answer to port \(port ?? 0)")
            try Violation.unless(
                role.isOnAlternateAddress == flow.role.isOnAlternateAddress || hasAlternate,
                "an answer from an address that is not there"
            )
        }
        switch kind {
        case .notSTUN, .channelData: throw Violation(description: "an answer to what is not STUN")
        case .wrongLength: try check(answer, to: request, as: .classic, flow, hasAlternate)
        case .message(let dialect): try check(answer, to: request, as: dialect, flow, hasAlternate)
        }
        datagrams += 1
        let (echo, _) = withPacket(answer, capacity: 1500) { packet in
            server.receive(&packet, from: flow, now: now, ports: &ports)
        }
        guard case .drop = echo else { throw Violation(description: "an answer to an answer: \(answer)") }
    }

    /// Nothing larger than allowed, the request's own dialect, transaction and method, and zeros in all padding.
    private func check(
        _ answer: [UInt8],
        to request: [UInt8],
        as dialect: Dialect,
        _ flow: ClientFlow,
        _ hasAlternate: Bool
    ) throws(Violation) {
        let isV4 = flow.source.address.family == .v4
        let tenths = hasAlternate ? (isV4 ? 34 : 58) : (isV4 ? 16 : 22)
        try Violation.unless(answer.count * 10 <= request.count * tenths, "\(answer.count) for \(request.count)")
        try Violation.unless(request[0] & 1 == 0 && request[1] & 0x10 == 0, "an answer to no request: \(request)")
        let message: Message
        do throws(MalformedMessage) {
            message = try Message(parsing: answer.raw, as: dialect)
        } catch {
            throw Violation(description: "an answer that is no message: \(answer)")
        }
        let method = MessageType(rawValue: UInt16(request[0]) << 8 | UInt16(request[1])).method
        try Violation.unless(message.type.method == method, "an answer of another method")
        let isResponse = message.type.messageClass == .success || message.type.messageClass == .error
        try Violation.unless(isResponse, "an answer that is no response")
        let header = dialect.headerLength
        try Violation.unless(answer[4..<header] == request[4..<header], "an answer of another transaction")
        let isPadded = dialect != .rosenberg || answer.count % 4 == 0
        var offset = header
        while let location = message.nextAttribute(&offset) {
            let isZero = answer[(location.start + location.count)..<offset].allSatisfy { $0 == 0 }
            try Violation.unless(!isPadded || isZero, "padding is not zero: \(answer)")
        }
    }

    private mutating func number() -> UInt16 {
        UInt16(input.popFirst() ?? 0) << 8 | UInt16(input.popFirst() ?? 0)
    }

    private mutating func take(_ count: Int) -> [UInt8] {
        let taken = Array(input.prefix(count))
        input = input.dropFirst(count)
        return taken
    }

    /// A message with a right length field and, with the cookie and bit 5, a right FINGERPRINT.
    private static func message(_ shape: UInt8, _ body: [UInt8]) -> [UInt8] {
        let types: [UInt16] = [0x0001, 0x0001, 0x0001, 0x0002, 0x0003, 0x0011, 0x0101, 0x0111]
        let type = types[Int(shape >> 2 & 7)]
        let dialect = Dialect(rawValue: shape & 3) ?? .cookie
        let hasFingerprint = dialect == .cookie && shape & 32 != 0
        let length = body.count + (hasFingerprint ? 8 : 0)
        var bytes = [UInt8(type >> 8), UInt8(type & 0xFF), UInt8(length >> 8), UInt8(length & 0xFF)]
        switch dialect {
        case .rosenberg: bytes += [1, 2, 3, 4]
        case .classic: bytes += 1...16
        case .cookie: bytes += [0x21, 0x12, 0xA4, 0x42] + Array(1...12)
        }
        bytes += body
        if hasFingerprint {
            let value = Fingerprint(of: bytes.raw).value
            bytes += [0x80, 0x28, 0, 4] + (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) }
        }
        return bytes
    }

    /// Two bits for the socket, one for the family, three for the source.
    private static func flow(_ bits: UInt8, _ policy: Policy) -> ClientFlow {
        let role = SocketRole(rawValue: bits & 3) ?? .primaryPrimary
        let isV4 = bits & 4 == 0
        let number = UInt64(bits >> 3)
        let client = isV4 ? IPAddress(v4: 0xC000_0200 + UInt32(number / 2)) : IPAddress(v6High: number / 4, low: number)
        let here = isV4 ? IPAddress(v4: 0xC633_640A) : IPAddress(v6High: 1, low: 10)
        let port = role.isOnAlternatePort ? policy.v4.port2 : policy.v4.port1
        return ClientFlow(
            source: SocketAddress(client, port: 1000 + UInt16(number)),
            destination: SocketAddress(here, port: port),
            role: role
        )
    }

    private static func policy(_ bits: UInt8) -> Policy {
        var policy = Policy()
        policy.v4.primary = bits & 1 == 0 ? IPAddress(v4: 0xC633_640A) : nil
        policy.v4.alternate = bits & 2 == 0 ? IPAddress(v4: 0xC633_640B) : nil
        policy.v6.primary = IPAddress(v6High: 1, low: 10)
        policy.v6.alternate = bits & 4 == 0 ? IPAddress(v6High: 1, low: 11) : nil
        policy.v4.readsPort2 = bits & 8 == 0
        policy.v6.readsPort2 = bits & 16 == 0
        policy.draftAddressLayout = bits & 32 == 0 ? .draft01 : .draft00
        policy.statisticsRows = bits & 64 == 0 ? 100 : 3
        if bits & 128 != 0 {
            policy.bindingRate = Rate(perSecond: 3, burst: 2)
            policy.challengeRate = Rate(perSecond: 1, burst: 1)
        }
        return policy
    }
}

/// The relay sockets of a server that relays nothing.
struct NoRelayPorts: RelayPorts {
    mutating func open(_ request: RelayPortRequest, now: Instant) throws(RelayPortError) -> OpenedRelay {
        throw .noneFree
    }

    mutating func close(_ relay: RelayID, now: Instant) {}

    func isOpen(port: UInt16, of family: IPAddress.Family) -> Bool { false }

    func isListening(port: UInt16, of family: IPAddress.Family) -> Bool { false }
}
