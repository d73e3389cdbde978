import Addresses
import STUNCodec

extension Server {
    /// How often accounts and statistics are told what allocations have relayed.
    private static let reportSeconds: UInt32 = 10

    /// Does what time demands: ends what has expired, and tells the accounts what was relayed.
    ///
    /// - `unixMilliseconds`: the wall clock at `now`, which nonces, credentials and other servers are measured by.
    public mutating func advance(to now: Instant, unixMilliseconds: UInt64, ports: inout some RelayPorts) {
        setClock(now, unixMilliseconds: unixMilliseconds)
        while let index = wheel.popExpired(now: now) {
            guard table.allocations[index].isLive else { continue }
            let reason: EndReason = table.mirror(index)?.isForbidden == true ? .forbidden : .expired
            for family in IPAddress.Family.allCases {
                guard let relay = table.allocations[index].relay(family), relay.expires <= now else { continue }
                endRelay(family, of: index, reason, now: now, ports: &ports)
                if !table.allocations[index].isLive { break }
            }
            if table.allocations[index].isLive { rearm(index, now: now) }
        }
        expireConnections(now: now)
        if table.count > 0, now >= nextReport {
            nextReport = now.adding(seconds: Self.reportSeconds)
            let month = AccountMonth(unixSeconds: unixMilliseconds / 1000)
            for index in table.allocations.indices where table.allocations[index].isLive {
                report(index, now: now, month)
            }
        }
    }

    /// When `advance` has something to do next; nil when nothing waits.
    public var nextDeadline: Instant? {
        guard table.count > 0 else { return nil }
        return min(wheel.nextDeadline ?? nextReport, connections.nextDeadline ?? nextReport, nextReport)
    }

    /// Takes out what happened to allocations since the last call.
    public mutating func takeEffects() -> [Effect] {
        var taken: [Effect] = []
        swap(&taken, &effects)
        return taken
    }

    /// Whether `takeEffects` has anything to give.
    public var hasEffects: Bool { !effects.isEmpty }

    /// How many allocations there are.
    public var sessionCount: Int { table.count }

    /// Whether a 5-tuple has an allocation.
    public func hasAllocation(_ flow: ClientFlow) -> Bool { table.index(of: flow) != nil }

    /// All sessions, with the peers of each.
    public func sessions(now: Instant) -> [SessionDetail] {
        table.allocations.indices.filter { table.allocations[$0].isLive }.map { detail($0, now: now) }
    }

    /// Ends the allocations that `isMeant` picks, for a reason; returns how many.
    public mutating func disconnect(
        now: Instant,
        as reason: EndReason = .disconnected,
        ports: inout some RelayPorts,
        where isMeant: (Session) -> Bool
    ) -> Int {
        var count = 0
        for index in table.allocations.indices where table.allocations[index].isLive {
            guard isMeant(session(index, now: now)) else { continue }
            end(index, reason, now: now, ports: &ports)
            count &+= 1
        }
        return count
    }

    /// Ends the allocation of a connection, or of a session over DTLS, that is closed: nothing can reach its client any more
    /// (attacks row 39).
    ///
    /// What peers still send is refused at once. A datagram's 5-tuple has no such end.
    public mutating func connectionClosed(_ flow: ClientFlow, now: Instant, ports: inout some RelayPorts) {
        guard flow.transport.isConnected, let index = table.index(of: flow) else { return }
        let isOver = table.allocations[index].expires <= now
        end(index, isOver ? .expired : .connectionClosed, now: now, ports: &ports)
    }

    /// Ends one half of a dual allocation, or all of it when that is the only one left, or no family is named.
    mutating func endRelay(
        _ family: IPAddress.Family?,
        of index: Int,
        _ reason: EndReason,
        now: Instant,
        ports: inout some RelayPorts
    ) {
        guard let family, let other = table.allocations[index].relay(family.other), other.expires > now else {
            return end(index, reason, now: now, ports: &ports)
        }
        if let relay = table.removeRelay(family, of: index) {
            endConnections(family, of: index)
            ports.close(relay, now: now)
            ledger.memory.give(MemoryCost.relaySocket)
        }
        rearm(index, now: now)
    }

    /// Ends an allocation.
    mutating func end(_ index: Int, _ reason: EndReason, now: Instant, ports: inout some RelayPorts) {
        report(index, now: now, AccountMonth(unixSeconds: unixSeconds(at: now)))
        effects.append(.ended(session(index, now: now), reason))
        for family in IPAddress.Family.allCases {
            if let relay = table.allocations[index].relay(family) { ports.close(relay.id, now: now) }
        }
        endConnections(nil, of: index)
        table.allocations[index].account.removeAllocation()
        ledger.total.removeAllocation()
        if table.allocations[index].mirror >= 0 { ledger.mirrors.removeAllocation() }
        ledger.memory.give(memory(of: index))
        wheel.cancel(index)
        table.remove(index)
    }

    /// Sets the timer of an allocation to what of it expires next.
    mutating func rearm(_ index: Int, now: Instant) {
        wheel.arm(index, at: sweep(index, now: now))
    }

    /// Tells the account and the statistics what was relayed since the last time.
    ///
    /// Not for each packet: a counter that all workers share, or a row that must be found, would cost more than relaying.
    private mutating func report(_ index: Int, now: Instant, _ month: AccountMonth) {
        let total = table.allocations[index].traffic
        let before = table.allocations[index].reported
        let packets = total.packets &- before.packets
        if packets > 0 {
            table.allocations[index].account.add(bytes: Int(clamping: total.bytes &- before.bytes), month: month)
            table.allocations[index].reported = total
            let last = table.allocations[index].lastRelayed
            sources.countForwards(packets, from: table.allocations[index].flow.source, now: last)
        }
        let limit = rules.quotas.userBytesPerMonth
        table.allocations[index].isOverQuota =
            limit < .max && table.allocations[index].account.bytes(in: month) >= limit
    }

    func session(_ index: Int, now: Instant) -> Session {
        let allocation = table.allocations[index]
        return Session(
            serial: allocation.serial,
            username: allocation.username,
            realm: allocation.realm,
            flow: allocation.flow,
            relayV4: allocation.v4?.address,
            relayV6: allocation.v6?.address,
            traffic: allocation.traffic,
            age: now.nanoseconds(since: allocation.began) / 1_000_000_000,
            expiresIn: allocation.expires.nanoseconds(since: now) / 1_000_000_000,
            permissionCount: allocation.permissionCount,
            channelCount: allocation.mirror >= 0 ? 0 : allocation.channelCount,
            relaysTCP: allocation.relaysTCP,
            connectionCount: allocation.connectionCount,
            mirror: table.mirror(index)?.draft
        )
    }

    func detail(_ index: Int, now: Instant) -> SessionDetail {
        var permissions: [(address: IPAddress, expiresIn: UInt64)] = []
        var next = table.allocations[index].firstPermission
        while next >= 0 {
            let permission = table.permissions[next]
            if permission.isLive(now) {
                // That of a mirror ends with it.
                let end = min(permission.expires, table.allocations[index].expires)
                permissions.append((permission.address, end.nanoseconds(since: now) / 1_000_000_000))
            }
            next = permission.next
        }
        var channels: [(number: UInt16, peer: SocketAddress, expiresIn: UInt64)] = []
        next = table.allocations[index].firstChannel
        while next >= 0 {
            let channel = table.channels[next]
            // Those of mirrors have no number.
            if channel.number > 0, channel.isLive(now), !channel.isRevoked {
                channels.append(
                    (channel.number, channel.peer, channel.expires.nanoseconds(since: now) / 1_000_000_000)
                )
            }
            next = channel.next
        }
        return SessionDetail(
            session: session(index, now: now),
            permissions: permissions,
            channels: channels,
            connections: peerConnections(of: index)
        )
    }

    /// Applies changed rules to permissions and channels that exist: what is forbidden now stops now (attacks row 14).
    mutating func revokeForbidden(by turn: TURNPolicy) {
        for index in table.allocations.indices where table.allocations[index].isLive {
            var next = table.allocations[index].firstPermission
            while next >= 0 {
                let address = table.permissions[next].address
                table.permissions[next].isRevoked = turn.peers.check(address).isDenied
                table.permissions[next].isOurs = turn.peers.isOurs(address)
                next = table.permissions[next].next
            }
            next = table.allocations[index].firstChannel
            while next >= 0 {
                let decision = turn.peers.check(table.channels[next].peer)
                table.channels[next].isRevoked = decision.isDenied
                table.channels[next].needsAllocation = decision.needsAllocation
                next = table.channels[next].next
            }
            endForbiddenConnections(of: index)
        }
    }
}

extension IPAddress.Family {
    var other: IPAddress.Family { self == .v4 ? .v6 : .v4 }
}
