import PacketEngine
import STUNCodec

/// Connections that do nothing, so many in all: what each costs the server, and how much of its memory.
///
/// Each asks one Binding request first, since a connection that is open but not served yet would prove nothing.
public struct IdleLoad: ~Copyable {
    /// What is asked for.
    public struct Plan: Sendable {
        /// How many connections.
        public var count = 1000
        /// How many are opened at the same time.
        public var atOnce = 32
        /// How many nanoseconds they are held before memory is looked at.
        public var hold: UInt64 = 1_000_000_000
        /// A word for the report.
        public var label = ""

        /// A thousand, 32 at once.
        public init() {}

        func check() throws(LoadFailure) {
            try LoadFailure.check(count, in: 1...20_000, "--connections")
            try LoadFailure.check(atOnce, in: 1...4096, "--at-once")
        }
    }

    /// How long all that could not be opened meanwhile is waited for.
    private static let patience: UInt64 = 120_000_000_000

    private let plan: Plan
    private let target: LoadTarget
    private let salt = UInt32.random(in: 0...UInt32.max)
    private var streams: StreamClients
    private var poll: PrecisePoll
    private var batch = ConnectedBatch()
    private var begun: [UInt64]
    private var isAnswered: [Bool]
    private var answered = 0
    /// How many ended before they were answered.
    private var failed = 0
    private var wrong = 0
    private var latency = Histogram()

    /// Makes room; opens nothing.
    public init(_ plan: Plan, _ target: LoadTarget) throws(LoadFailure) {
        try target.check()
        try plan.check()
        guard target.transport != .udp else {
            throw LoadFailure(.usage, "--transport udp: only tcp and tls have connections")
        }
        let files = FileLimit.raise()
        guard files == 0 || files >= plan.count + 20 else {
            throw LoadFailure(
                .system,
                "\(plan.count) connections need \(plan.count + 20) files, but the limit is \(files): `ulimit -n`"
            )
        }
        let poll = try PrecisePoll.make()
        let streams = try StreamClients(plan.count, target)
        self.poll = poll
        self.streams = streams
        self.plan = plan
        self.target = target
        begun = [UInt64](repeating: 0, count: plan.count)
        isAnswered = [Bool](repeating: false, count: plan.count)
        batch.setLength(0, Dialect.cookie.headerLength)
    }

    /// Opens them and tells what was found.
    public mutating func run() throws(LoadFailure) -> LoadReport {
        let memory = ServerMeter.residentKilobytes(target.process)
        let first = ServerMeter.read(target.process) ?? ServerMeter()
        open()
        let last = ServerMeter.read(target.process) ?? first
        guard answered > 0 else {
            let reason = streams.firstEnd.map { ": \($0)" } ?? ""
            throw LoadFailure(.unavailable, "\(target.server) answered on none of \(plan.count) connections\(reason)")
        }
        hold()
        let memoryHeld = ServerMeter.residentKilobytes(target.process)
        return report((first, last), memory: (memory, memoryHeld))
    }

    private mutating func open() {
        let end = SystemClock.monotonic() &+ Self.patience
        var next = 0
        while answered &+ failed < plan.count {
            guard SystemClock.monotonic() < end, !LoadInterruption.isAskedFor else { return }
            while next < plan.count, next &- answered &- failed < plan.atOnce {
                begin(next)
                next += 1
            }
            for index in 0..<poll.wait(nanoseconds: streams.flushBlocked() ? 1_000_000 : 10_000_000) {
                let token = poll.token(index)
                read(Int(truncatingIfNeeded: token))
            }
        }
    }

    private mutating func begin(_ index: Int) {
        begun[index] = SystemClock.monotonic()
        streams.connect(index, watchedBy: &poll, token: UInt64(index))
        let high = UInt64(magicCookie) << 32 | UInt64(index)
        let low = UInt64(salt)
        var bytes = batch.datagram(0)
        bytes.write(UInt32(MessageType(.binding, .request).rawValue) << 16, at: 0)
        bytes.write(high, at: 4)
        bytes.write(low, at: 12)
        _ = streams.send(1, of: batch, on: index)
        if streams.hasEnded(index) { failed &+= 1 }
    }

    private mutating func read(_ index: Int) {
        // One that has ended is closed, and comes no more; but it may have before its turn in what one wait told.
        guard !streams.hasEnded(index) else { return }
        streams.receive(at: index)
        let now = SystemClock.monotonic()
        while let frame = streams.nextFrame() {
            let isRight = isAnswer(streams.frame(frame), at: index)
            if isRight, !isAnswered[index] {
                isAnswered[index] = true
                answered &+= 1
                latency.add(now &- begun[index])
            } else {
                wrong &+= 1
            }
        }
        if streams.hasEnded(index), !isAnswered[index] { failed &+= 1 }
    }

    private borrowing func isAnswer(_ bytes: RawSpan, at index: Int) -> Bool {
        guard bytes.byteCount >= Dialect.cookie.headerLength,
            bytes.uint64(at: 4) == UInt64(magicCookie) << 32 | UInt64(index),
            bytes.uint64(at: 12) == UInt64(salt), let message = try? Message(parsing: bytes, as: .cookie)
        else { return false }
        return message.type == MessageType(.binding, .success)
    }

    /// Reads for as long as they are held, so that one that the server ends is seen.
    private mutating func hold() {
        let end = SystemClock.monotonic() &+ plan.hold
        while true {
            let now = SystemClock.monotonic()
            guard now < end, !LoadInterruption.isAskedFor else { return }
            for index in 0..<poll.wait(nanoseconds: min(end &- now, 50_000_000)) {
                let token = poll.token(index)
                read(Int(truncatingIfNeeded: token))
            }
        }
    }

    private func report(
        _ meters: (first: ServerMeter, last: ServerMeter),
        memory: (before: Int, after: Int)
    ) -> LoadReport {
        let wall = Double(meters.last.time &- meters.first.time) / 1e9
        let held = plan.count - streams.ended
        let bytes = ratio(Double(memory.after - memory.before) * 1024, Double(held))
        var report = LoadReport()
        report.isComplete = held == plan.count && answered == plan.count
        report.set("mode", "idle")
        report.set("label", plan.label)
        report.set("transport", target.transport.rawValue)
        report.set("n", plan.count)
        report.set("conc", plan.atOnce)
        report.set("seconds", wall, places: 3)
        report.set("connections_per_s", ratio(Double(answered), wall), places: 0)
        report.set("ok", answered)
        report.set("failed", plan.count - answered)
        report.set("held", held)
        report.set("bad", wrong)
        report.addQuantiles(latency)
        report.set("rss_before_kb", memory.before)
        report.set("rss_after_kb", memory.after)
        report.set("bytes_per_connection", bytes, places: 0)
        report.say(
            "\(titled("idle", plan.label)) over \(target.transport.rawValue.uppercased()): \(answered) of \(plan.count) "
                + "connections were answered (\(decimal(ratio(Double(answered), wall), 0)) a second, \(plan.atOnce) at "
                + "once), \(held) held"
        )
        report.say("  connecting and first answer together \(latency.text)")
        if let end = streams.firstEnd { report.say("  \(streams.ended) connections ended; the first: \(end)") }
        if target.process != nil {
            report.say(
                "  server's memory \(memory.before) -> \(memory.after) kB, \(decimal(bytes, 0)) bytes a connection"
            )
        }
        report.addProcessors(
            meters.first,
            meters.last,
            count: Double(answered),
            per: "connection",
            hasServer: target.process != nil
        )
        return report
    }
}
