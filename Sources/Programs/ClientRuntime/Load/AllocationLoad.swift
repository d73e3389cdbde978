import PacketEngine

/// Allocations, so many in all and so many at once: how long each takes, what it costs the server, and its memory.
public struct AllocationLoad: ~Copyable {
    /// What is asked for.
    public struct Plan: Sendable {
        /// How many allocations.
        public var count = 2000
        /// How many are asked for at the same time.
        public var atOnce = 32
        /// How many nanoseconds they are held before memory is looked at.
        public var hold: UInt64 = 1_000_000_000
        /// Whether they are ended, and not left to expire.
        public var releases = true
        /// A word for the report.
        public var label = ""

        /// Two thousand, 32 at once.
        public init() {}

        func check() throws(LoadFailure) {
            try LoadFailure.check(count, in: 1...20_000, "--sessions")
            try LoadFailure.check(atOnce, in: 1...4096, "--at-once")
        }
    }

    private let plan: Plan
    private let target: LoadTarget
    private var pool: SessionPool

    /// Opens the sockets; sends nothing.
    public init(_ plan: Plan, _ target: LoadTarget, _ credential: LoadCredential) throws(LoadFailure) {
        try target.check()
        try plan.check()
        let pool = try SessionPool(plan.count, target, credential, peerSockets: 0, trains: false)
        self.plan = plan
        self.target = target
        self.pool = pool
    }

    /// Loads the server and tells what was found.
    public mutating func run() throws(LoadFailure) -> LoadReport {
        let memory = ServerMeter.residentKilobytes(target.process)
        let first = ServerMeter.read(target.process) ?? ServerMeter()
        pool.run(.allocate, atOnce: plan.atOnce, within: 40_000_000_000)
        let last = ServerMeter.read(target.process) ?? first
        try pool.checkAny()
        let ready = pool.readyCount
        ServerMeter.pause(nanoseconds: plan.hold)
        let memoryHeld = ServerMeter.residentKilobytes(target.process)
        let held = ServerMeter.read(target.process) ?? last
        if plan.releases { pool.release() }
        let released = ServerMeter.read(target.process) ?? held
        let releaseCost = plan.releases ? ratio((released.server - held.server) * 1e6, Double(ready)) : 0
        return report((first, last), ready: ready, memory: (memory, memoryHeld), releaseCost: releaseCost)
    }

    private func report(
        _ meters: (first: ServerMeter, last: ServerMeter),
        ready: Int,
        memory: (before: Int, after: Int),
        releaseCost: Double
    ) -> LoadReport {
        let wall = Double(meters.last.time &- meters.first.time) / 1e9
        let failed = plan.count - ready
        let bytes = ratio(Double(memory.after - memory.before) * 1024, Double(ready))
        var report = LoadReport()
        report.isComplete = failed == 0
        report.set("mode", "alloc")
        report.set("label", plan.label)
        report.set("transport", target.transport.rawValue)
        report.set("n", plan.count)
        report.set("conc", plan.atOnce)
        report.set("seconds", wall, places: 3)
        report.set("allocs_per_s", ratio(Double(ready), wall), places: 0)
        report.set("ok", ready)
        report.set("failed", failed)
        report.set("retransmits", pool.retransmissions)
        report.addQuantiles(pool.latency)
        report.set("rss_before_kb", memory.before)
        report.set("rss_after_kb", memory.after)
        report.set("bytes_per_alloc", bytes, places: 0)
        report.set("release_cpu_us", releaseCost, places: 1)
        report.say(
            "\(titled("allocate", plan.label)): \(decimal(ratio(Double(ready), wall), 0)) allocations a second (\(ready) of "
                + "\(plan.count) in \(decimal(wall, 3)) s, \(plan.atOnce) at once), sent again \(pool.retransmissions)"
        )
        report.say("  challenge and allocation together \(pool.latency.text)")
        if target.process != nil {
            report.say(
                "  server's memory \(memory.before) -> \(memory.after) kB, \(decimal(bytes, 0)) bytes an allocation"
                    + (plan.releases ? "; \(decimal(releaseCost, 1)) us of CPU to end one" : "")
            )
        }
        report.addProcessors(
            meters.first,
            meters.last,
            count: Double(ready),
            per: "allocation",
            hasServer: target.process != nil
        )
        report.addErrors(pool.errors)
        return report
    }
}
