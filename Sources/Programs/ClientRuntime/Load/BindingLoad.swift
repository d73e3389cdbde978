import Addresses
import PacketEngine
import STUNCodec

/// Binding requests as fast as they are answered: so many sockets, each with so many requests on their way.
///
/// Each answer is checked: it must name the address that its request came from.
public struct BindingLoad: ~Copyable {
    /// What is asked for.
    public struct Plan: Sendable {
        /// How many sockets.
        public var sockets = 8
        /// How many requests are on their way on each.
        public var window = 32
        /// How many nanoseconds are measured.
        public var duration: UInt64 = 8_000_000_000
        /// How many nanoseconds go by before.
        public var warmUp: UInt64 = 500_000_000
        /// A word for the report.
        public var label = ""

        /// Eight sockets with 32 requests each, for eight seconds.
        public init() {}

        func check() throws(LoadFailure) {
            try LoadFailure.check(sockets, in: 1...4096, "--sockets")
            try LoadFailure.check(window, in: 1...1024, "--window")
        }
    }

    private struct Request {
        var sentAt: UInt64 = 0
        var number: UInt32 = 0
    }

    private struct Counts {
        var sent: UInt64 = 0
        var valid: UInt64 = 0
        var lost: UInt64 = 0
        var wrong: UInt64 = 0
        var refused: UInt64 = 0
        var late: UInt64 = 0
    }

    /// A request that is not answered for so long is lost and replaced.
    private static let patience: UInt64 = 500_000_000
    private static let tick: UInt64 = 50_000_000

    private let plan: Plan
    private let target: LoadTarget
    private let salt = UInt32.random(in: 0...UInt32.max)
    private let open: OpenSockets
    private let sockets: [ConnectedSocket]
    private var requests: [Request]
    private var poll: PrecisePoll
    private var batch: ConnectedBatch
    private var free = [Int](repeating: 0, count: ConnectedBatch.capacity)
    private var number: UInt32 = 0
    private var counts = Counts()
    private var latency = Histogram()

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
        requests = [Request](repeating: Request(), count: plan.sockets * plan.window)
        for slot in 0..<ConnectedBatch.capacity { batch.setLength(slot, 20) }
    }

    /// Loads the server and tells what was found.
    public mutating func run() throws(LoadFailure) -> LoadReport {
        let begin = SystemClock.monotonic()
        fill(at: begin)
        loop(until: begin &+ plan.warmUp)
        let before = counts
        latency.removeAll()
        let first = ServerMeter.read(target.process) ?? ServerMeter()
        loop(until: first.time &+ plan.duration)
        let last = ServerMeter.read(target.process) ?? first
        counts.sent -= before.sent
        counts.valid -= before.valid
        counts.lost -= before.lost
        guard counts.valid > 0 else { throw silence() }
        return report(first, last)
    }

    /// Sends all requests of all windows.
    private mutating func fill(at now: UInt64) {
        for socket in 0..<plan.sockets {
            for start in stride(from: 0, to: plan.window, by: ConnectedBatch.capacity) {
                let count = min(ConnectedBatch.capacity, plan.window - start)
                for offset in 0..<count { write(offset, socket: socket, slot: start + offset, at: now) }
                send(count, socket)
            }
        }
    }

    private mutating func loop(until end: UInt64) {
        var nextTick = SystemClock.monotonic() &+ Self.tick
        while true {
            let now = SystemClock.monotonic()
            guard now < end, !LoadInterruption.isAskedFor else { return }
            if now >= nextTick {
                nextTick = now &+ Self.tick
                replaceLost(at: now)
            }
            for index in 0..<poll.wait(nanoseconds: 20_000_000) {
                let socket = Int(truncatingIfNeeded: poll.token(index))
                read(socket)
            }
        }
    }

    private mutating func write(_ position: Int, socket: Int, slot: Int, at now: UInt64) {
        number &+= 1
        requests[socket &* plan.window &+ slot] = Request(sentAt: now, number: number)
        let low = UInt64(number) << 32 | UInt64(salt)
        var bytes = batch.datagram(position)
        bytes.write(UInt32(MessageType(.binding, .request).rawValue) << 16, at: 0)
        bytes.write(UInt64(magicCookie) << 32 | UInt64(socket) << 16 | UInt64(slot), at: 4)
        bytes.write(low, at: 12)
    }

    private mutating func send(_ count: Int, _ socket: Int) {
        guard count > 0 else { return }
        counts.sent &+= UInt64(batch.send(count, on: sockets[socket]))
    }

    /// Reads what waits at a socket, and sends as many new requests as were answered.
    private mutating func read(_ socket: Int) {
        for _ in 0..<4 {
            let count = batch.receive(from: sockets[socket])
            let now = SystemClock.monotonic()
            var answered = 0
            for index in 0..<count {
                let answer = answer(in: batch.received(index), at: socket)
                guard let slot = self.count(answer, at: socket, now) else { continue }
                free[answered] = slot
                answered += 1
            }
            for index in 0..<answered { write(index, socket: socket, slot: free[index], at: now) }
            send(answered, socket)
            guard count == ConnectedBatch.capacity else { return }
        }
    }

    /// What a datagram is to a socket.
    private enum Answer {
        /// None of its answers.
        case foreign
        /// To a request that was written off.
        case late
        /// To the request of a slot: right, wrong, or a refusal.
        case right(Int)
        case wrong(Int)
        case refusal(Int)
    }

    private borrowing func answer(in bytes: RawSpan, at socket: Int) -> Answer {
        guard bytes.byteCount >= 20, bytes.uint64(at: 4) >> 16 == UInt64(magicCookie) << 16 | UInt64(socket),
            bytes.uint32(at: 16) == salt
        else { return .foreign }
        let slot = Int(bytes.uint16(at: 10))
        guard slot < plan.window else { return .foreign }
        guard requests[socket &* plan.window &+ slot].number == bytes.uint32(at: 12) else { return .late }
        guard let message = try? Message(parsing: bytes, as: .cookie) else { return .wrong(slot) }
        guard message.type == MessageType(.binding, .success) else { return .refusal(slot) }
        let mapped = message[XorMappedAddress.self]?.address ?? message[MappedAddress.self]?.address
        return mapped == sockets[socket].local ? .right(slot) : .wrong(slot)
    }

    /// Counts a datagram; returns the slot that is free then.
    private mutating func count(_ answer: Answer, at socket: Int, _ now: UInt64) -> Int? {
        switch answer {
        case .foreign:
            counts.wrong &+= 1
            return nil
        case .late:
            counts.late &+= 1
            return nil
        case .right(let slot):
            counts.valid &+= 1
            latency.add(now &- requests[socket &* plan.window &+ slot].sentAt)
            return slot
        case .wrong(let slot):
            counts.wrong &+= 1
            return slot
        case .refusal(let slot):
            counts.refused &+= 1
            return slot
        }
    }

    /// Writes off what was not answered for half a second, and sends new requests in its place.
    private mutating func replaceLost(at now: UInt64) {
        for socket in 0..<plan.sockets {
            var count = 0
            for slot in 0..<plan.window where now &- requests[socket &* plan.window &+ slot].sentAt > Self.patience {
                counts.lost &+= 1
                write(count, socket: socket, slot: slot, at: now)
                count += 1
                if count == ConnectedBatch.capacity {
                    send(count, socket)
                    count = 0
                }
            }
            send(count, socket)
        }
    }
}

extension BindingLoad {
    /// Why there are no figures.
    private func silence() -> LoadFailure {
        var text = "\(target.server) answered none of \(counts.sent) Binding requests"
        if counts.refused > 0 { text += "; it refused \(counts.refused)" }
        if counts.wrong > 0 { text += "; \(counts.wrong) answers were wrong" }
        if batch.refused > 0 { text += ": \(SystemError.text(batch.lastRefusal))" }
        return LoadFailure(.unavailable, text + ". Is a server there? Its rate limit holds back loads.")
    }

    private func report(_ first: ServerMeter, _ last: ServerMeter) -> LoadReport {
        let wall = Double(last.time &- first.time) / 1e9
        let rate = ratio(Double(counts.valid), wall)
        let loss = ratio(100 * Double(counts.lost), Double(counts.sent))
        var report = LoadReport()
        report.set("mode", "binding")
        report.set("label", plan.label)
        report.set("sockets", plan.sockets)
        report.set("window", plan.window)
        report.set("seconds", wall, places: 2)
        report.set("rps", rate, places: 0)
        report.set("sent", counts.sent)
        report.set("ok", counts.valid)
        report.set("lost", counts.lost)
        report.set("loss_pct", loss, places: 4)
        report.set("bad", counts.wrong)
        report.set("error_responses", counts.refused)
        report.set("late", counts.late)
        report.addQuantiles(latency)
        report.say(
            "\(titled("binding", plan.label)): \(decimal(rate, 0)) answers a second over \(decimal(wall, 2)) s "
                + "(\(plan.sockets) sockets, \(plan.window) requests on their way on each)"
        )
        report.say(
            "  sent \(counts.sent), right \(counts.valid), lost \(counts.lost) (\(decimal(loss, 4)) %), "
                + "wrong \(counts.wrong), refused \(counts.refused), late \(counts.late)"
        )
        report.say("  round trip \(latency.text)")
        report.addProcessors(
            first,
            last,
            count: Double(counts.valid),
            per: "answer",
            hasServer: target.process != nil
        )
        return report
    }
}
