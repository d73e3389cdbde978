import Addresses
import STUNAuthentication
import ServerCore

extension RelayRun {
    /// A deadline is told at most one tick of the timer wheel late.
    private static let tick: UInt64 = 1 << 30

    /// After `advance` nothing waits that is due, and the next thing is not slept through.
    func checkDeadline() throws(Violation) {
        let next = server.nextDeadline
        try Violation.unless(
            (next == nil) == (server.sessionCount == 0),
            "a deadline without sessions, or none with them"
        )
        if let next {
            try Violation.unless(next > now, "the next deadline is over: \(next), now \(now)")
            let ends = model.allocations.flatMap { $0.relays.values }.map(\.expires).filter { $0 > now }
            let first = ends.map(\.nanoseconds).min() ?? .max
            try Violation.unless(
                first > .max - Self.tick || next.nanoseconds <= first + Self.tick,
                "the worker sleeps through an end"
            )
        }
        for detail in server.sessions(now: now) where detail.session.expiresIn == 0 {
            let end = ends[detail.session.serial]?.nanoseconds ?? 0
            try Violation.unless(
                end &+ 2 * Self.tick > now.nanoseconds,
                "a session outlived its time: \(detail.session)"
            )
        }
        for detail in server.sessions(now: now) { try checkCounts(detail) }
        for relay in model.allocations.flatMap({ $0.relays.values }) {
            let isLate = relay.expires.nanoseconds + 2 * Self.tick < now.nanoseconds
            let isOpen = ports.sockets[relay.id] == relay.address
            try Violation.unless(
                !isLate || !isOpen || isInUse(relay.address),
                "a relay socket outlived its time: \(relay.address)"
            )
        }
    }

    /// What has ended is not kept: permissions and channels of a session are those that live, or ended within two ticks.
    private func checkCounts(_ detail: SessionDetail) throws(Violation) {
        guard let index = model.index(of: detail.session.flow, now) else { return }
        let allocation = model.allocations[index]
        let isKept = { (expires: Instant) in expires.nanoseconds + 2 * Self.tick >= now.nanoseconds }
        let channels = allocation.channels.values.filter { isKept($0.expires) }
        // A permission is kept for the sake of a channel too.
        let permissions = Set(allocation.permissions.filter { isKept($0.value) }.keys).union(
            channels.map(\.peer.address)
        )
        try Violation.unless(
            detail.session.permissionCount <= permissions.count && detail.session.channelCount <= channels.count,
            "\(detail.session.permissionCount) of \(permissions.count) permissions, "
                + "\(detail.session.channelCount) of \(channels.count) channels"
        )
    }

    /// Whether a live allocation of the model has a relayed transport address.
    private func isInUse(_ address: SocketAddress) -> Bool {
        model.allocations.contains { $0.relay(address.address.family, now)?.address == address }
    }

    /// The server's sessions, sockets and accounts are those of the model.
    mutating func checkState() throws(Violation) {
        let sessions = server.sessions(now: now)
        try Violation.unless(
            sessions.count == server.sessionCount,
            "\(sessions.count) sessions, \(server.sessionCount) counted"
        )
        for effect in server.takeEffects() {
            switch effect {
            case .allocated(let session):
                try Violation.unless(serials.insert(session.serial).inserted, "serial \(session.serial) twice")
            case .repeated, .locked: break
            case .ended(let session, _):
                try Violation.unless(serials.remove(session.serial) != nil, "session \(session.serial) ended twice")
            }
        }
        try Violation.unless(
            serials == Set(sessions.map(\.session.serial)),
            "sessions are not those that were made and not ended"
        )
        try checkSockets(sessions)
        try checkAccounts(sessions)
        for index in model.allocations.indices where model.allocations[index].isLive(now) {
            let session = try check(model.allocations[index], sessions)
            ends[session.serial] = model.allocations[index].expires
        }
        // What the model does not have must be over.
        for detail in sessions where model.index(of: detail.session.flow, now) == nil {
            try Violation.unless(detail.session.expiresIn == 0, "a session that should not be: \(detail.session)")
        }
        let rows = server.sources.newestFirst
        try Violation.unless(rows.count <= model.settings.statisticsRows, "\(rows.count) rows")
    }

    /// No relay socket is open that no session has, and none was closed twice.
    private func checkSockets(_ sessions: [SessionDetail]) throws(Violation) {
        try Violation.unless(ports.wrongClose == nil, "a relay socket was closed that was not open")
        let held = sessions.flatMap { [$0.session.relayV4, $0.session.relayV6] }.compactMap(\.self)
        try Violation.unless(
            Set(held).count == held.count && Set(held) == Set(ports.sockets.values),
            "sockets \(ports.sockets.values.map(\.description)) for sessions with \(held)"
        )
    }

    private func checkAccounts(_ sessions: [SessionDetail]) throws(Violation) {
        let total = ledger.total.allocations
        try Violation.unless(total == sessions.count, "\(total) allocations counted for \(sessions.count) sessions")
        var counts: [AccountKey: Int] = [:]
        for detail in sessions {
            let (realm, name) = (detail.session.realm, detail.session.username)
            guard !name.isEmpty else { return }
            let isTimed = name.first?.isNumber ?? false
            let account = isTimed ? name.split(separator: ":").dropFirst().first.map(String.init) ?? name : name
            counts[AccountKey(UserHash(username: account, realm: realm).user), default: 0] += 1
        }
        var counted: [AccountKey: Int] = [:]
        for usage in ledger.snapshot(month: AccountMonth(unixSeconds: unixSeconds)) where usage.allocations > 0 {
            counted[usage.key] = usage.allocations
        }
        try Violation.unless(
            counted == counts,
            "accounts count \(counted.values.sorted()), sessions \(counts.values.sorted())"
        )
    }

    /// A session tells what its allocation is.
    private func check(_ allocation: ModelAllocation, _ sessions: [SessionDetail]) throws(Violation) -> Session {
        let found = sessions.filter { $0.session.flow == allocation.flow }
        guard let detail = found.first, found.count == 1 else {
            throw Violation(description: "\(found.count) sessions for the allocation of \(allocation.flow.source)")
        }
        let session = detail.session
        let traffic = session.traffic
        try Violation.unless(
            (traffic.packetsToPeers, traffic.bytesToPeers) == allocation.toPeers
                && (traffic.packetsToClient, traffic.bytesToClient) == allocation.toClient,
            "\(traffic) counted, \(allocation.toPeers) and \(allocation.toClient) relayed"
        )
        let left = allocation.expires.nanoseconds(since: now) / 1_000_000_000
        try Violation.unless(session.expiresIn == left, "ends in \(session.expiresIn) s, \(left) is right")
        for family in IPAddress.Family.allCases {
            guard let relay = allocation.relay(family, now) else { continue }
            let told = family == .v4 ? session.relayV4 : session.relayV6
            try Violation.unless(told == relay.address, "relay \(String(describing: told)) is \(relay.address)")
        }
        let isKnown = { (address: IPAddress) in allocation.relay(address.family, now) != nil }
        let permitted = allocation.permissions.keys.filter { allocation.permits($0, now) && isKnown($0) }
        for address in detail.permissions.map(\.address) where isKnown(address) {
            try Violation.unless(permitted.contains(address), "a permission that nobody asked for: \(address)")
        }
        let isHidden = { (address: IPAddress) in model.settings.rules.allows(address, port: nil, isOpen: isOpen) != true
        }
        for address in permitted where !isHidden(address) {
            let isTold = !model.settings.hasTURN || detail.permissions.contains { $0.address == address }
            try Violation.unless(isTold, "a permission is missing: \(address)")
        }
        let channels = allocation.channels.filter { $0.value.expires > now && isKnown($0.value.peer.address) }
        for channel in detail.channels where isKnown(channel.peer.address) {
            let isRight = channels[Int(channel.number)]?.peer == channel.peer
            try Violation.unless(isRight, "a channel that nobody bound: \(channel)")
        }
        try Violation.unless(
            session.permissionCount >= detail.permissions.count && session.channelCount >= detail.channels.count,
            "\(session.permissionCount) permissions and \(session.channelCount) channels counted: \(detail)"
        )
        try Violation.unless(
            session.permissionCount <= 8 && session.channelCount <= 8,
            "\(session.permissionCount) permissions, \(session.channelCount) channels"
        )
        return session
    }

    /// After all lifetimes nothing is left: no session, socket, timer, permission, channel, or account's count.
    func checkNothingLeft() throws(Violation) {
        try Violation.unless(server.sessionCount == 0 && server.sessions(now: now).isEmpty, "sessions are left")
        try Violation.unless(ports.sockets.isEmpty, "relay sockets are left open")
        try Violation.unless(server.nextDeadline == nil, "a deadline is left")
        try Violation.unless(ledger.total.allocations == 0, "the account of all has allocations left")
        let usages = ledger.snapshot(month: AccountMonth(unixSeconds: unixSeconds))
        try Violation.unless(usages.allSatisfy { $0.allocations == 0 }, "an account has allocations left")
        let mirror = Mirror(reflecting: server)
        let wheel = mirror.descendant("wheel") as? TimerWheel
        try Violation.unless(wheel != nil && wheel?.nextDeadline == nil, "a timer is left")
        for list in ["permissions", "channels", "mirrors"] {
            let count = mirror.descendant("table", list, "count") as? Int
            try Violation.unless(count == 0, "\(count ?? -1) \(list) are left in memory")
        }
    }
}
