public import Addresses
public import Administration
import ClusterCore
import Foundation
import PacketEngine
import ServerCore
import ServerSettings
import Synchronization

extension LiveServer {
    /// The servers of the fleet, this one first.
    public func fleet() async throws -> FleetReport {
        let findings = cluster.link.findings
        let said = cluster.own()
        let own = FleetReport.Server(
            name: Self.hostName,
            kind: .own,
            state: said.isDraining ? "draining" : "healthy",
            version: version,
            load: Double(said.load) / 1000,
            allocations: Int(said.allocations),
            isDraining: said.isDraining,
            addresses: plan.channelPlaces.map { FleetReport.Address(address: "\($0)", state: "healthy") }
        )
        let facts = FleetFacts(findings)
        let store = await fleetStore?.report(counters: Counters().named.map(\.name))
        return FleetReport(servers: [own] + facts.servers, hasKey: findings.orders.key != nil, store: store)
    }

    /// How this server and the others of the fleet reach each other.
    public var fleetPlaces: FleetPlaces {
        let key = loaded.withLock { $0.settings.clusterKey }
        return FleetPlaces(
            ownName: Self.hostName,
            instance: cluster.instance,
            key: key,
            others: FleetFacts(cluster.link.findings).others,
            listening: plan.channelPlaces.filter { place in !plan.streams.contains { $0.local == place } },
            asking: plan.asking
        )
    }

    /// Has `handler` answer the fleet's other servers that connect to a port which clients connect to as well.
    public func takeFleetConnections(
        by handler: (@Sendable (_ descriptor: Int32, _ source: SocketAddress) -> Void)?
    ) { fleetDoor.open(to: handler) }

    /// The name that the host has for itself; the name service is not asked.
    static let hostName: String = {
        let text = try? String(contentsOfFile: "/proc/sys/kernel/hostname", encoding: .utf8)
        return text?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "this server"
    }()
}

/// What is known of the other servers, in the words of `FleetReport`.
struct FleetFacts {
    private let findings: ClusterLink.Findings

    init(_ findings: ClusterLink.Findings) { self.findings = findings }

    /// The other servers, and items of the settings without an address.
    var servers: [FleetReport.Server] {
        var servers = findings.membership.servers.map(report)
        for row in findings.orders.servers {
            let addresses = row.addresses
            guard !findings.membership.links.contains(where: { addresses.contains($0.entry.address) }) else { continue }
            let problem = addresses.isEmpty ? "its address is not known yet" : "only the first 64 addresses are used"
            servers.append(
                FleetReport.Server(
                    name: "\(row.server)",
                    kind: row.server.isClassic ? .classic : .peer,
                    state: "unknown",
                    problem: row.problem ?? problem
                )
            )
        }
        return servers
    }

    /// Whom to connect to.
    var others: [FleetPlaces.Other] {
        findings.membership.servers.compactMap { server in
            guard let best = server.best, best.entry.kind == .sealed, best.state != .itself else { return nil }
            let links = server.links.sorted { $0.state.isUsable && !$1.state.isUsable }
            return FleetPlaces.Other(
                name: name(server),
                addresses: links.map(\.entry.address),
                instance: best.said.instance,
                isAnswering: best.state.isAnswering
            )
        }
    }

    private func name(_ server: Membership.Server) -> String {
        var names: [String] = []
        for link in server.links {
            // Two items may stand for one address, and each is looked for by its own name.
            for row in findings.orders.servers where row.addresses.contains(link.entry.address) {
                if !names.contains("\(row.server)") { names.append("\(row.server)") }
            }
        }
        return names.joined(separator: ", ")
    }

    private func report(_ server: Membership.Server) -> FleetReport.Server {
        let links = server.links
        let isClassic = links.first?.entry.kind == .classic
        let best = server.best
        let isTold = best.map { $0.figures.received > 0 && !isClassic } ?? false
        let said = best?.said ?? ServerState()
        // What a server had when it was heard last is nothing now.
        let isNow = isTold && best?.state.isAnswering == true
        return FleetReport.Server(
            name: name(server),
            kind: isClassic ? .classic : .peer,
            state: best?.state.word ?? "unknown",
            version: isTold ? said.versionText : nil,
            load: isNow ? Double(said.load) / 1000 : nil,
            // This server's own allocations are counted in its own row.
            allocations: isNow && best?.state != .itself ? Int(said.allocations) : nil,
            isDraining: isTold && said.isDraining,
            addresses: links.map(report),
            problem: best.flatMap(problem)
        )
    }

    private func report(_ link: PeerLink) -> FleetReport.Address {
        let figures = link.figures
        return FleetReport.Address(
            address: "\(link.entry.address)",
            state: link.state.word,
            roundTrip: figures.roundTrip.map { Double($0) / 1_000_000 },
            loss: figures.loss.map { Double($0) / 1000 },
            clockDifference: figures.clockDifference.map { Double($0) / 1000 },
            pings: figures.sent,
            pongs: figures.received,
            problem: problem(link)
        )
    }

    /// What is wrong with an address, and what to do.
    private func problem(_ link: PeerLink) -> String? {
        let place = Int(link.entry.place)
        let row = findings.orders.servers.indices.contains(place) ? findings.orders.servers[place] : nil
        switch link.state {
        case .healthy, .draining, .itself: return row?.problem
        case .clockDiffers(let difference): return PeerState.clockText(difference)
        case .unknown, .lost: break
        }
        if link.entry.kind == .sealed, findings.orders.key == nil {
            return "cluster-key is not set, so it is not asked"
        }
        if let code = findings.sendErrors[link.entry.address] {
            return "nothing can be sent to it: \(SystemError.text(code))"
        }
        guard case .lost(let since) = link.state else { return nil }
        let seconds = (findings.now &- since) / 1_000_000
        if link.figures.received > 0 {
            return "it has not answered for \(seconds) s: it is stopped, or the network to it is down"
        }
        if link.entry.kind == .classic { return "it has not answered yet: no STUN server is there" }
        return
            "it has not answered yet: it does not run, UDP to this port does not get through, its cluster-key is another "
            + "one, or it knows this server neither by its other-stun-servers nor by redis"
    }
}

extension ListenPlan {
    /// Where the other servers of the fleet may connect to: TCP at the first port of the first address.
    var channelPlaces: [SocketAddress] {
        sockets.filter { $0.role == .primaryPrimary && !$0.isShortcut && !$0.isSecure }.map(\.local)
    }
}
