import AccountStore
import Addresses
import Administration
public import Observability
import PacketEngine
import STUNCodec
import ServerCore
import Synchronization

extension LiveServer {
    /// All figures for Prometheus, as they are now.
    public func metrics() async throws -> [MetricFamily] {
        let totals = PoolTotals(await pool.reports())
        return MetricFacts(
            version: version,
            startTime: startTime,
            workers: pool.count,
            totals: totals,
            sources: min(totals.sources, rememberedSources),
            relay: relay.map { relay in
                MetricFacts.Relay(
                    users: relay.credentials.users.count,
                    secrets: relay.credentials.secrets.count { !$0.isRetired },
                    ports: relay.table.usage().map { ($0.address.local.family, $0.free, $0.total) },
                    memory: ServerStatus.Memory(used: relay.ledger.memory.used, limit: memoryLimit)
                )
            },
            logEntries: log.entryCounts,
            certificate: certificates.report.figures,
            peers: FleetFacts(cluster.link.findings).servers,
            store: fleetStore?.figures,
            process: ProcessFigures.now(),
            fileLimit: files.limit,
            isDraining: isDraining
        ).families
    }
}

/// What the metrics are made of.
struct MetricFacts {
    /// What the relay has.
    struct Relay {
        var users = 0
        var secrets = 0
        var ports: [(family: IPAddress.Family, free: Int, total: Int)] = []
        var memory = ServerStatus.Memory(used: 0, limit: nil)
    }

    var version: String
    var startTime: Double
    var workers: Int
    var totals: PoolTotals
    var sources: Int
    /// nil when TURN is off.
    var relay: Relay?
    var logEntries: [(level: LogLevel, count: UInt64)]
    /// When the certificate ends, in Unix seconds, and how often another one was taken or not; nothing without one.
    var certificate: (expiry: Int64?, taken: Int, refused: Int) = (nil, 0, 0)
    /// The other servers.
    var peers: [FleetReport.Server] = []
    /// Whether the store of the fleet answers, and what it last had; nil without one.
    var store: (isReached: Bool, members: Int, allocations: Int)?
    /// nil on a host that does not tell.
    var process: ProcessFigures?
    /// How many files may be open; 0 when the system does not tell.
    var fileLimit = 0
    /// Whether new allocations are refused.
    var isDraining = false

    /// The families in the order of `docs/metrics.md`.
    var families: [MetricFamily] {
        messages + connections + peerConnections + dtlsSessions + certificates + relaying + limits + state + cluster
            + fleetStore + processFamilies
    }
}

extension MetricFacts {
    typealias Sample = MetricFamily.Sample

    private var messages: [MetricFamily] {
        let counters = totals.counters
        let dialects = Dialect.allCases
        return [
            Self.counter(
                "stund_requests",
                "STUN and TURN messages that came, by wire dialect.",
                "dialect",
                dialects.map { ($0.name, counters.received[Int($0.rawValue)]) }
            ),
            Self.counter(
                "stund_answers",
                "Success answers to Binding requests, by wire dialect.",
                "dialect",
                dialects.map { ($0.name, counters.answered[Int($0.rawValue)]) }
            ),
            Self.counter(
                "stund_turn_granted",
                "TURN requests that were granted, by method; those of allocate are the allocations made.",
                "method",
                Counters.grantedMethods.enumerated().map { ($0.element, counters.granted[$0.offset]) }
            ),
            Self.counter(
                "stund_errors",
                "Error answers, by code; the first request of every TURN client is answered with 401.",
                "code",
                Counters.errorCodes.indices.map { ("\(Counters.errorCodes[$0])", counters.refused[$0]) }
            ),
            Self.counter(
                "stund_drops",
                "Datagrams that were not answered or not relayed, by reason.",
                "reason",
                DropReason.allCases.map { ($0.name, counters.dropped[$0.rawValue]) }
            ),
            Self.counter(
                "stund_handed_over",
                "Requests for another address that were handed to another server, and those of others that were answered.",
                "direction",
                [("to-others", counters.handedOver), ("for-others", counters.answeredForOthers)]
            ),
            sendFailures, requestDuration,
        ] + gathering
    }

    private var sendFailures: MetricFamily {
        MetricFamily(
            "stund_send_failures",
            .counter,
            help: "Datagrams that could not be sent, by kind of socket and by why.",
            samples: totals.sendFailures.causes.flatMap { cause in
                [("listener", cause.listeners), ("relay", cause.relays)].map { socket, count in
                    let labels = [MetricFamily.Label("socket", socket), MetricFamily.Label("error", cause.name)]
                    return Sample(Double(count), suffix: "_total", labels: labels)
                }
            }
        )
    }

    private var gathering: [MetricFamily] {
        [
            MetricFamily(
                "stund_gathered_packets",
                .counter,
                help: "Packets that came while a worker waited for several.",
                samples: [Sample(Double(totals.gathering.packets), suffix: "_total")]
            ),
            MetricFamily(
                "stund_gathering_seconds",
                .counter,
                unit: "seconds",
                help: "What these packets waited for others, all of them together.",
                samples: [Sample(Double(totals.gathering.nanoseconds) / 1_000_000_000, suffix: "_total")]
            ),
        ]
    }

    private var requestDuration: MetricFamily {
        var samples: [Sample] = []
        var count: UInt64 = 0
        for (index, bound) in (RequestTimes.boundTexts + ["+Inf"]).enumerated() {
            count &+= totals.requestTimes.counts[index]
            samples.append(Sample(Double(count), suffix: "_bucket", labels: [.init("le", bound)]))
        }
        samples.append(Sample(Double(totals.requestTimes.sum) / 1_000_000_000, suffix: "_sum"))
        samples.append(Sample(Double(count), suffix: "_count"))
        return MetricFamily(
            "stund_request_duration_seconds",
            .histogram,
            unit: "seconds",
            help: "Time from reading a client's datagram to having sent what it led to.",
            samples: samples
        )
    }

    private var relaying: [MetricFamily] {
        let traffic = totals.counters.traffic
        let families = IPAddress.Family.allCases
        func ports(_ count: (Int, Int) -> Int) -> [(String, Double)] {
            families.map { family in
                let known = relay?.ports.first { $0.family == family }
                return (family == .v4 ? "ipv4" : "ipv6", Double(known.map { count($0.free, $0.total) } ?? 0))
            }
        }
        return [
            Self.counter(
                "stund_relayed_packets",
                "Packets that were relayed, by direction; running calls are counted as they go.",
                "direction",
                [("to-peers", traffic.packetsToPeers), ("to-clients", traffic.packetsToClient)]
            ),
            Self.counter(
                "stund_relayed_bytes",
                unit: "bytes",
                "Bytes of application data that were relayed, by direction; running calls are counted as they go.",
                "direction",
                [("to-peers", traffic.bytesToPeers), ("to-clients", traffic.bytesToClient)]
            ),
            Self.counter(
                "stund_redirects",
                "Allocate requests that were sent to another server, by cause.",
                "cause",
                Counters.redirectCauses.enumerated().map { ($0.element, totals.counters.redirected[$0.offset]) }
            ),
            Self.counter(
                "stund_mirrors",
                "Mirrors that were made, by draft.",
                "draft",
                MirrorDraft.allCases.map { ($0.name, totals.counters.mirrors[Int($0.rawValue)]) }
            ),
            Self.gauge("stund_allocations", "Allocations now, mirrors among them.", Double(totals.sessions)),
            Self.gauge(
                "stund_relay_ports_free",
                "Relay ports that are free now, by address family.",
                "family",
                ports { free, _ in free }
            ),
            Self.gauge("stund_relay_ports", "Relay ports in all, by address family.", "family", ports { $1 }),
        ]
    }

    private var state: [MetricFamily] {
        [
            Self.gauge("stund_turn_enabled", "Whether TURN is on (1) or off (0).", relay == nil ? 0 : 1),
            Self.gauge("stund_users", "Users that have a password.", Double(relay?.users ?? 0)),
            Self.gauge(
                "stund_secrets",
                "Secrets for timed credentials that are not retired.",
                Double(relay?.secrets ?? 0)
            ),
            Self.gauge("stund_draining", "Whether new allocations are refused (1) or not (0).", isDraining ? 1 : 0),
            Self.gauge("stund_workers", "Worker threads.", Double(workers)),
            Self.gauge("stund_sources", "Sources that the statistics remember.", Double(sources)),
            Self.counter(
                "stund_log_entries",
                "Log entries of enabled levels, by level, 0 the most urgent.",
                "level",
                logEntries.map { ("\($0.level.rawValue)", $0.count) }
            ),
            MetricFamily(
                "stund_build",
                .info,
                help: "The version of the program.",
                samples: [Sample(1, suffix: "_info", labels: [.init("version", version)])]
            ),
        ]
    }

    /// Of other servers; this one itself, where its own list names it, is none.
    private var cluster: [MetricFamily] {
        var names = Set<String>()
        let named = peers.filter { $0.state != "itself" }.map { server in
            // One name may stand for several servers, and a label for one sample.
            let isFree = names.insert(server.name).inserted
            return (isFree ? server.name : "\(server.name) \(server.best?.address ?? "")", server)
        }
        return [
            Self.gauge(
                "stund_cluster_peer_up",
                "1 while the other server answers and its clock agrees with ours, else 0.",
                "peer",
                named.map { ($0.0, $0.1.isUsable ? 1 : 0) }
            ),
            MetricFamily(
                "stund_cluster_peer_rtt_seconds",
                .gauge,
                unit: "seconds",
                help: "The round trip of heartbeats to the other server, smoothed.",
                samples: named.compactMap { name, server in
                    server.best?.roundTrip.map { Sample($0, labels: [.init("peer", name)]) }
                }
            ),
            MetricFamily(
                "stund_cluster_peer_loss_ratio",
                .gauge,
                unit: "ratio",
                help: "The part of the last 60 heartbeats that the other server did not answer.",
                samples: named.compactMap { name, server in
                    server.best?.loss.map { Sample($0, labels: [.init("peer", name)]) }
                }
            ),
            MetricFamily(
                "stund_cluster_peer_clock_seconds",
                .gauge,
                unit: "seconds",
                help: "How far the other server's clock is ahead of ours.",
                samples: named.compactMap { name, server in
                    server.best?.clockDifference.map { Sample($0, labels: [.init("peer", name)]) }
                }
            ),
        ]
    }

    /// Without a store there is nothing to tell, so that an alarm of one that is lost does not fire.
    private var fleetStore: [MetricFamily] {
        let figures: [(name: String, help: String, value: Double?)] = [
            ("stund_store_up", "1 while the Redis of the fleet answers, else 0.", store.map { $0.isReached ? 1 : 0 }),
            (
                "stund_store_servers", "Servers in the Redis of the fleet when it last answered, this one among them.",
                store.map { Double($0.members) }
            ),
            (
                "stund_store_allocations",
                "Allocations of all servers in the Redis of the fleet when it last answered.",
                store.map { Double($0.allocations) }
            ),
        ]
        return figures.map { figure in
            MetricFamily(figure.name, .gauge, help: figure.help, samples: figure.value.map { [Sample($0)] } ?? [])
        }
    }

    static func counter(
        _ name: String,
        unit: String? = nil,
        _ help: String,
        _ label: String,
        _ values: [(String, UInt64)]
    ) -> MetricFamily {
        MetricFamily(
            name,
            .counter,
            unit: unit,
            help: help,
            samples: values.map { Sample(Double($0.1), suffix: "_total", labels: [.init(label, $0.0)]) }
        )
    }

    static func gauge(
        _ name: String,
        _ help: String,
        _ label: String,
        _ values: [(String, Double)]
    ) -> MetricFamily {
        let samples = values.map { Sample($0.1, labels: [.init(label, $0.0)]) }
        return MetricFamily(name, .gauge, help: help, samples: samples)
    }

    static func gauge(_ name: String, unit: String? = nil, _ help: String, _ value: Double) -> MetricFamily {
        MetricFamily(name, .gauge, unit: unit, help: help, samples: [Sample(value)])
    }
}
