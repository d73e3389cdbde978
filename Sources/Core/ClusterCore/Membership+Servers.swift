import Addresses

extension Membership {
    /// One of the other servers with all its addresses.
    public struct Server: Sendable, Equatable {
        /// Its addresses, in the order of the settings; at least one.
        public var links: [PeerLink]

        /// The place of the setting's item that names it first.
        public var place: UInt16 { links.first?.entry.place ?? 0 }

        /// The address that tells most of it: one that can be used, else one that answers, else the first.
        public var best: PeerLink? {
            links.first { $0.state.isUsable } ?? links.first { $0.state.isAnswering } ?? links.first
        }

        /// The first address of a family that can be used.
        fileprivate func usable(_ family: IPAddress.Family) -> PeerLink? {
            links.first { $0.state.isUsable && $0.entry.address.address.family == family }
        }

        /// The first address of a family.
        fileprivate func first(_ family: IPAddress.Family) -> PeerLink? {
            links.first { $0.entry.address.address.family == family }
        }
    }

    /// The other servers, in the order of the settings: addresses behind which the same process answers are one server.
    ///
    /// This very server is among them where the settings name it. An address that does not answer belongs to the server
    /// that answered there last, or to the only one that the same item of the settings stands for.
    public var servers: [Server] {
        let groups = links.indices.map { group(of: $0) }
        var servers: [Server] = []
        var places: [Int: Int] = [:]
        for (index, group) in groups.enumerated() {
            if let place = places[group] {
                servers[place].links.append(links[index])
            } else {
                places[group] = servers.count
                servers.append(Server(links: [links[index]]))
            }
        }
        return servers
    }

    /// The first link of the same server: by it links are put together.
    private func group(of index: Int) -> Int {
        let link = links[index]
        guard link.entry.kind == .sealed else { return index }
        if link.state.isAnswering { return firstAnswering(link.said.instance) ?? index }
        if link.figures.received > 0, let other = firstAnswering(link.said.instance) { return other }
        // Nobody answers there: the item's other address tells who it is, when there is no doubt.
        let others = Set(
            links.filter { $0.entry.place == link.entry.place && $0.state.isAnswering }.map(\.said.instance)
        )
        if let other = others.first { return others.count == 1 ? firstAnswering(other) ?? index : index }
        let silent = links.indices.filter { links[$0].entry.place == link.entry.place && links[$0].said == link.said }
        return silent.first ?? index
    }

    private func firstAnswering(_ instance: UInt64) -> Int? {
        links.firstIndex { $0.entry.kind == .sealed && $0.state.isAnswering && $0.said.instance == instance }
    }

    /// What the workers go by from now on: this server itself is left out.
    ///
    /// A server's further addresses follow as peers of their own that nothing is handed to, since what it sends may come
    /// from there.
    public func view(own: ServerState) -> ClusterView {
        var peers: [ClusterPeer] = []
        for server in servers {
            guard let best = server.best, best.state != .itself else { continue }
            let isHealthy = best.state.isUsable
            let v4 = isHealthy ? server.usable(.v4) : server.first(.v4)
            let v6 = isHealthy ? server.usable(.v6) : server.first(.v6)
            peers.append(Self.peer(best, v4: v4, v6: v6, isHealthy: isHealthy))
            for link in server.links where link != v4 && link != v6 && link.state != .itself {
                let isV4 = link.entry.address.address.family == .v4
                peers.append(Self.peer(link, v4: isV4 ? link : nil, v6: isV4 ? nil : link, isHealthy: false))
            }
        }
        return ClusterView(peers: peers, own: own)
    }

    private static func peer(_ link: PeerLink, v4: PeerLink?, v6: PeerLink?, isHealthy: Bool) -> ClusterPeer {
        ClusterPeer(
            id: link.entry.place,
            kind: link.entry.kind,
            v4: v4.map(\.endpoints),
            v6: v6.map(\.endpoints),
            isHealthy: isHealthy,
            state: link.said
        )
    }
}

extension PeerLink {
    /// The address with the ports that the server told.
    fileprivate var endpoints: PeerEndpoints {
        PeerEndpoints(
            address: entry.address.address,
            port1: entry.address.port,
            port2: said.port2 == 0 ? nil : said.port2
        )
    }
}
