import PacketEngine

extension RelayLoad {
    /// What a run found.
    struct Findings {
        let first: ServerMeter
        let last: ServerMeter
        /// The datagrams at the start and the end of the measured stretch, and after all of it.
        let before: Totals
        let after: Totals
        let end: Totals
        let ready: Int
        let memory: (before: Int, after: Int)

        var wall: Double { Double(last.time &- first.time) / 1e9 }
        var toPeers: Double { Double(after.toPeers &- before.toPeers) }
        var toClients: Double { Double(after.toClients &- before.toClients) }
        var offered: Double { Double(after.sent &- before.sent) }
        /// Of all that was ever sent; negative when datagrams came twice.
        var loss: Double { ratio(100 * (Double(end.sent) - Double(end.received)), Double(end.sent)) }
    }

    func report(_ found: Findings) -> LoadReport {
        var report = LoadReport()
        report.isComplete = found.ready == plan.sessions && pool.streams.ended == 0
        addFigures(found, to: &report)
        addSentences(found, to: &report)
        report.addProcessors(
            found.first,
            found.last,
            count: found.toPeers + found.toClients,
            per: "packet",
            hasServer: target.process != nil
        )
        report.addErrors(pool.errors)
        return report
    }

    private func addFigures(_ found: Findings, to report: inout LoadReport) {
        report.set("mode", "relay")
        report.set("label", plan.label)
        report.set("transport", target.transport.rawValue)
        report.set("n", plan.sessions)
        report.set("ready", found.ready)
        if plan.sizes.count == 1 {
            report.set("size", plan.sizes[0])
        } else {
            report.set("size", plan.sizes.map(String.init).joined(separator: ","))
        }
        report.set("pps_per_flow", plan.rate ?? 0, places: 0)
        report.set("jitter_ms", Double(plan.jitter) / 1e6, places: 1)
        report.set("window", plan.rate == nil ? plan.window : 0)
        report.set("peer_sockets", plan.peerSockets ?? plan.sessions)
        report.set("duplex", plan.isDuplex ? 1 : 0)
        report.set("gso", plan.train > 0 ? 1 : 0)
        report.set("train", plan.train)
        report.set("seconds", found.wall, places: 2)
        report.set("offered_pps", ratio(found.offered, found.wall), places: 0)
        report.set("to_peer_pps", ratio(found.toPeers, found.wall), places: 0)
        report.set("to_client_pps", ratio(found.toClients, found.wall), places: 0)
        report.set("pps", ratio(found.toPeers + found.toClients, found.wall), places: 0)
        report.set("sent", found.end.sent)
        report.set("delivered", found.end.received)
        report.set("loss_pct", found.loss, places: 4)
        report.set("bad", wrong)
        report.set("out_of_order", outOfOrder)
        report.set("not_sent", pool.batch.refused &+ pool.streams.refused)
        report.set("ended_connections", pool.streams.ended)
        report.addQuantiles(toPeers)
        report.addQuantiles(toClients, "_back")
        report.set("late_p99_us", lateness.quantile(0.99) / 1000, places: 1)
        report.set("recv_batch", ratio(Double(reads.datagrams), Double(reads.calls)), places: 2)
        report.set("retransmits", pool.retransmissions)
        report.set("rss_before_kb", found.memory.before)
        report.set("rss_after_kb", found.memory.after)
    }

    /// How clients come, where it is not UDP.
    private var way: String { target.transport == .udp ? "" : " over \(target.transport.rawValue.uppercased())" }

    private func addSentences(_ found: Findings, to report: inout LoadReport) {
        let rate = { (count: Double) in decimal(ratio(count, found.wall), 0) }
        let sizes = plan.sizes.map(String.init).joined(separator: ", ")
        report.say(
            "\(titled("relay", plan.label))\(way): \(rate(found.toPeers + found.toClients)) packets a second arrived "
                + "(\(rate(found.toPeers)) at peers, \(rate(found.toClients)) at clients) over \(decimal(found.wall, 2)) s"
        )
        report.say(
            "  \(found.ready) of \(plan.sessions) sessions, \(sizes) bytes, \(plan.pacing)"
                + (plan.train > 1 ? ", trains of \(plan.train)" : "")
        )
        report.say(
            "  lost \(decimal(found.loss, 4)) % (\(found.end.sent) sent, \(found.end.received) arrived), wrong \(wrong), "
                + "out of order \(outOfOrder); offered \(rate(found.offered)) a second"
        )
        report.say("  one way to peers \(toPeers.text)" + (plan.isDuplex ? "; to clients \(toClients.text)" : ""))
        if plan.rate != nil {
            report.say(
                "  sent late by \(lateness.text) (of the load itself: more than the latency means a load too high)"
            )
        }
        if let end = pool.streams.firstEnd {
            report.say("  \(pool.streams.ended) connections ended; the first: \(end)")
        }
        if target.process != nil {
            report.say("  server's memory \(found.memory.before) -> \(found.memory.after) kB")
        }
    }
}
