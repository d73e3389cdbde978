import PacketEngine
import ServerCore

// What is asked of the worker between two batches.

extension Worker {
    mutating func readMailbox(now: Instant) {
        for message in mailbox.takeAll() {
            switch message {
            case .adopt(let policy): server.policy = policy
            case .cluster(let view, let trust): server.adopt(view, trust: trust)
            case .clearSources: server.clearSources()
            case .drain(let isDraining): server.isDraining = isDraining
            case .secure(let contexts):
                secure = contexts
                dtls.adopt(contexts?.datagram)
                streams.tls.context = contexts?.stream
            case .take(let handed): take(handed)
            case .stop: isStopping = true
            case .report(let reply): reply(report)
            case .sources(let reply): reply(WorkerSources(rows: server.sources.newestFirst, now: now))
            case .sessionList(let withPeers, let reply): reply(server.sessionList(now: now, withPeers: withPeers))
            case .sessions(let entries, let reply): reply(server.sessions(at: entries, now: now))
            case .disconnect(let isMeant, let reply):
                reply(server.disconnect(now: now, ports: &relays, where: isMeant))
            }
        }
    }

    private var report: WorkerReport {
        WorkerReport(
            counters: server.counters,
            requestTimes: requestTimes,
            gathering: gatheringDelay,
            sendFailures: failures.with(batch.sendErrors),
            streams: streams.counters,
            connectionCount: streams.count + peers.splicedCount,
            tlsCount: streams.tls.count,
            peers: peers.counters,
            peerConnectionCount: peers.count,
            dtls: dtls.counters,
            dtlsCount: dtls.count,
            sessionCount: server.sessionCount,
            sourceCount: server.sources.sourceCount
        )
    }
}
