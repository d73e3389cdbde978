import PacketEngine
import STUNCodec

/// Datagrams of strangers at a fixed rate, whatever the server does with them: what a server must bear.
public struct FloodLoad: ~Copyable {
    /// What is sent.
    public enum Kind: String, Sendable, CaseIterable {
        /// Bytes that look random, of 1 to 200 bytes.
        case garbage
        /// Right Binding requests.
        case binding
        /// Allocate requests without a credential, as every client's first one is.
        case allocate
        /// ChannelData of somebody who has no allocation.
        case channelData = "channel-data"
    }

    /// What is asked for.
    public struct Plan: Sendable {
        /// What is sent.
        public var kind = Kind.garbage
        /// How many datagrams a second.
        public var rate = 10_000
        /// How many sockets they come from, in turns.
        public var sockets = 64
        /// For how many nanoseconds.
        public var duration: UInt64 = 8_000_000_000
        /// A word for the report.
        public var label = ""

        /// Ten thousand a second from 64 sockets.
        public init() {}

        func check() throws(LoadFailure) {
            try LoadFailure.check(rate, in: 1...1_000_000, "--rate")
            try LoadFailure.check(sockets, in: 1...4096, "--sockets")
        }
    }

    /// How long at least is between two sendings.
    private static let pause: UInt64 = 250_000

    private let plan: Plan
    private let target: LoadTarget
    private let salt = UInt32.random(in: 0...UInt32.max)
    private let open: OpenSockets
    private let sockets: [ConnectedSocket]
    private var poll: PrecisePoll
    private var batch: ConnectedBatch
    private var next = 0
    private var sent: UInt64 = 0
    private var sentBytes: UInt64 = 0
    private var answers: UInt64 = 0
    private var answerBytes: UInt64 = 0

    /// Opens the sockets; sends nothing.
    public init(_ plan: Plan, _ target: LoadTarget) throws(LoadFailure) {
        try target.check()
        try plan.check()
        var poll = try PrecisePoll.make()
        open = try PortSequence.open(plan.sockets, for: target, watchedBy: &poll)
        sockets = open.list
        self.poll = poll
        self.plan = plan
        self.target = target
        batch = ConnectedBatch()
    }

    /// Loads the server and tells what was found.
    public mutating func run() -> LoadReport {
        ServerMeter.wakeExactly()
        let memory = ServerMeter.residentKilobytes(target.process)
        let first = ServerMeter.read(target.process) ?? ServerMeter()
        while true {
            let now = SystemClock.monotonic()
            let passed = min(now &- first.time, plan.duration)
            // At most 600 seconds and a million a second: the product fits.
            let due = passed &* UInt64(plan.rate) / 1_000_000_000
            while sent < due { send(Int(min(due &- sent, UInt64(ConnectedBatch.capacity)))) }
            guard passed < plan.duration, !LoadInterruption.isAskedFor else { break }
            readAll(within: Self.pause)
        }
        let last = ServerMeter.read(target.process) ?? first
        readAll(within: 50_000_000)
        return report(first, last, memory: (memory, ServerMeter.residentKilobytes(target.process)))
    }

    private mutating func send(_ count: Int) {
        for index in 0..<count {
            let length = write(index, number: sent &+ UInt64(index))
            batch.setLength(index, length)
            sentBytes &+= UInt64(length)
        }
        batch.send(count, on: sockets[next])
        // What the system refused, such as after an ICMP error, counts too: the rate is what was asked for.
        sent &+= UInt64(count)
        next = (next + 1) % sockets.count
    }

    /// Writes the datagram of a number; returns its length.
    private mutating func write(_ position: Int, number: UInt64) -> Int {
        let (kind, salt) = (plan.kind, salt)
        let random = mixed(number ^ UInt64(salt) << 32)
        var bytes = batch.datagram(position)
        switch kind {
        case .garbage:
            let length = Int(truncatingIfNeeded: random % 200) + 1
            for offset in stride(from: 0, to: length, by: 8) {
                bytes.write(mixed(random &+ UInt64(offset)), at: offset)
            }
            return length
        case .binding:
            bytes.write(UInt32(MessageType(.binding, .request).rawValue) << 16, at: 0)
            bytes.write(UInt64(magicCookie) << 32 | UInt64(salt), at: 4)
            bytes.write(number, at: 12)
            return 20
        case .allocate:
            bytes.write(UInt32(MessageType(.allocate, .request).rawValue) << 16 | 8, at: 0)
            bytes.write(UInt64(magicCookie) << 32 | UInt64(salt), at: 4)
            bytes.write(number, at: 12)
            bytes.write(UInt32(AttributeType.requestedTransport.rawValue) << 16 | 4, at: 20)
            bytes.write(UInt32(RequestedTransport.udp.protocolNumber) << 24, at: 24)
            return 28
        case .channelData:
            bytes.write(UInt32(0x4000) << 16 | 160, at: 0)
            bytes.write(random, at: 4)
            return 164
        }
    }

    /// Waits for answers, so many nanoseconds at most, and counts them.
    private mutating func readAll(within pause: UInt64) {
        for index in 0..<poll.wait(nanoseconds: pause) {
            let socket = Int(truncatingIfNeeded: poll.token(index))
            let count = batch.receive(from: sockets[socket])
            for slot in 0..<count {
                let length = batch.received(slot).byteCount
                answerBytes &+= UInt64(length)
            }
            answers &+= UInt64(count)
        }
    }

    private func report(_ first: ServerMeter, _ last: ServerMeter, memory: (before: Int, after: Int)) -> LoadReport {
        let wall = Double(last.time &- first.time) / 1e9
        let amplification = ratio(Double(answerBytes), Double(sentBytes))
        var report = LoadReport()
        report.set("mode", "flood")
        report.set("kind", plan.kind.rawValue)
        report.set("label", plan.label)
        report.set("sockets", plan.sockets)
        report.set("seconds", wall, places: 2)
        report.set("sent", sent)
        report.set("pps", ratio(Double(sent), wall), places: 0)
        report.set("answers", answers)
        report.set("amplification", amplification, places: 3)
        report.set("not_sent", batch.refused)
        report.set("rss_before_kb", memory.before)
        report.set("rss_after_kb", memory.after)
        report.say(
            "\(titled("flood of " + plan.kind.rawValue, plan.label)): \(sent) datagrams in \(decimal(wall, 2)) s, "
                + "\(decimal(ratio(Double(sent), wall), 0)) a second from \(plan.sockets) sockets"
        )
        report.say(
            "  answered \(answers), with \(decimal(amplification, 3)) times the bytes; refused by this system \(batch.refused)"
        )
        if target.process != nil {
            report.say("  server's memory \(memory.before) -> \(memory.after) kB")
        }
        report.addProcessors(first, last, count: Double(sent), per: "datagram", hasServer: target.process != nil)
        return report
    }
}
