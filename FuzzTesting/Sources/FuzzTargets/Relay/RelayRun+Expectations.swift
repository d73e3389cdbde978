import Addresses
import STUNAuthentication
import STUNCodec
import ServerCore

/// What the model says must become of a client's datagram.
enum Expectation {
    /// It must be dropped.
    case nothing
    /// Something that is not TURN's; it must not be relayed.
    case notTURN
    /// A TURN request that gets an answer.
    case answer(RequestOutlook)
    /// Data for a peer.
    case relay(RelayedData)
}

/// Data that a client may have relayed.
struct RelayedData {
    /// The allocation in the model.
    let index: Int
    let peer: SocketAddress
    let data: ArraySlice<UInt8>
    let dontFragment: Bool
    /// Whether the model knows for sure that nothing forbids it.
    let isCertain: Bool
}

/// A TURN request and what may come of it.
struct RequestOutlook {
    let message: NaiveMessage
    let identity: NaiveIdentity
    /// The reasons to refuse it; with any there must be no success.
    var errors: Set<Int> = []
    /// What may be answered besides, for a reason that the model does not count.
    var alsoRight: Set<Int> = []
    /// Whether it must succeed when there is no reason to refuse it.
    var isCertain = true
    /// Whether it is an Allocate request that was answered before.
    var isRepeated = false
}

extension RelayRun {
    func expect(_ bytes: [UInt8], from flow: ClientFlow) -> Expectation {
        guard flow.source.port != 0, bytes.count >= 4 else { return .nothing }
        if bytes[0] & 0xC0 == 0x40 { return channelData(bytes, from: flow) }
        let type = UInt16(bytes[0]) << 8 | UInt16(bytes[1])
        guard bytes.count >= 20, Array(bytes[4..<8]) == [0x21, 0x12, 0xA4, 0x42] else { return .notTURN }
        let isTURN = [0x0003, 0x0004, 0x0008, 0x0009, 0x000A, 0x000B, 0x0016].contains(type)
        guard isTURN, model.settings.hasTURN else { return .notTURN }
        if bytes.count < 28, type != 0x0016 { return .notTURN }
        guard let message = NaiveMessage(bytes) else { return type == 0x000A || type == 0x000B ? .notTURN : .nothing }
        guard message.isFingerprintRight ?? true else { return type == 0x000A || type == 0x000B ? .notTURN : .nothing }
        if type == 0x0016 { return sendIndication(message, from: flow) }
        // RFC 6062's methods are refused whoever asks.
        if type == 0x000A || type == 0x000B {
            return .answer(RequestOutlook(message: message, identity: .refused([400])))
        }
        let identity = credentials.identify(
            message,
            from: flow.source.address,
            at: unixSeconds,
            acceptsExpired: type != 0x0003 && !model.settings.endsAtExpiry && hasSession(flow)
        )
        var outlook = RequestOutlook(message: message, identity: identity)
        guard case .known(let known) = identity else { return .answer(outlook) }
        if message.attributes.contains(where: { $0.start < known.end && Self.isUnknown($0.type) }) {
            outlook.errors = [420]
            return .answer(outlook)
        }
        switch type {
        case 0x0003: expectAllocate(&outlook, known, flow)
        case 0x0004: expectRefresh(&outlook, known, flow)
        case 0x0008: expectCreatePermission(&outlook, known, flow)
        default: expectChannelBind(&outlook, known, flow)
        }
        return .answer(outlook)
    }

    /// Whether the server has an allocation of a 5-tuple, also one that has ended and was not cleared away yet.
    private func hasSession(_ flow: ClientFlow) -> Bool {
        server.sessions(now: now).contains {
            $0.session.flow.source == flow.source && $0.session.flow.destination == flow.destination
        }
    }

    /// Comprehension-required, and in none of RFC 8489, RFC 8656 and RFC 6062.
    static func isUnknown(_ type: UInt16) -> Bool {
        type < 0x8000
            && ![
                0x0001, 0x0006, 0x0008, 0x0009, 0x000A, 0x000C, 0x000D, 0x0012, 0x0013, 0x0014, 0x0015, 0x0016, 0x0017,
                0x0018, 0x0019, 0x001A, 0x001C, 0x001D, 0x001E, 0x0020, 0x0022, 0x002A,
            ].contains(type)
    }

    // MARK: Data (RFC 8656 sections 11.2 and 12.6)

    private func channelData(_ bytes: [UInt8], from flow: ClientFlow) -> Expectation {
        let number = NaiveMessage.number(bytes[0..<2])
        let length = NaiveMessage.number(bytes[2..<4])
        guard model.settings.hasTURN, accepts(channel: number), 4 + length <= bytes.count,
            let index = model.index(of: flow, now), let peer = model.allocations[index].channelPeer(number, now)
        else { return .nothing }
        return relay(bytes[4..<(4 + length)], to: peer, of: index, dontFragment: false)
    }

    private func sendIndication(_ message: NaiveMessage, from flow: ClientFlow) -> Expectation {
        guard !message.attributes.contains(where: { Self.isUnknown($0.type) }),
            let peer = message.first(0x0012).flatMap({ peer(message, $0) }), let data = message.first(0x0013),
            let index = model.index(of: flow, now)
        else { return .nothing }
        return relay(data, to: peer, of: index, dontFragment: message.first(0x001A) != nil)
    }

    private func relay(
        _ data: ArraySlice<UInt8>,
        to peer: SocketAddress,
        of index: Int,
        dontFragment: Bool
    ) -> Expectation {
        let allocation = model.allocations[index]
        let isAllowed = allows(peer)
        guard allocation.relay(peer.address.family, now) != nil, allocation.permits(peer.address, now), peer.port != 0,
            isAllowed ?? true, model.settings.rules.allows(peer.address, port: nil, isOpen: isOpen) ?? true
        else { return .nothing }
        let isV4 = peer.address.family == .v4 && allocation.flow.source.address.family == .v4
        return .relay(
            RelayedData(
                index: index,
                peer: peer,
                data: data,
                dontFragment: dontFragment && isV4,
                isCertain: isAllowed != nil && !model.limitsBytes
            )
        )
    }

    /// What the rules say of a peer now; nil when the model does not know.
    func allows(_ peer: SocketAddress) -> Bool? {
        model.settings.rules.allows(peer.address, port: peer.port, isOpen: isOpen)
    }

    func isOpen(_ port: UInt16, _ family: IPAddress.Family) -> Bool { ports.isOpen(port: port, of: family) }

    private func accepts(channel number: Int) -> Bool {
        (0x4000...(model.settings.hasWideChannels ? 0x7FFE : 0x4FFF)).contains(number)
    }

    // MARK: Requests

    /// RFC 8656 section 7.2.
    private func expectAllocate(_ outlook: inout RequestOutlook, _ known: NaiveIdentity.Known, _ flow: ClientFlow) {
        let message = outlook.message
        if let index = model.index(of: flow, now) {
            let allocation = model.allocations[index]
            outlook.isRepeated = allocation.transaction == Array(message.id) && allocation.user == known.user
            if !outlook.isRepeated { outlook.errors = [437] }
            return
        }
        func value(_ type: UInt16, _ length: Int) -> ArraySlice<UInt8>? {
            guard let value = message.first(type, before: known.end) else { return nil }
            if value.count != length { outlook.errors.insert(400) }
            return value
        }
        let transport = value(0x0019, 4)
        if transport == nil { outlook.errors.insert(400) }
        if let transport, transport.first != 17 { outlook.errors.insert(442) }
        if flow.source == Cast.clients[6] { outlook.errors.insert(403) }
        let (even, token) = (value(0x0018, 1), value(0x0022, 8))
        let (family, additional) = (value(0x0017, 4), message.additionalFamily(before: known.end))
        if additional?.count ?? 4 != 4 { outlook.errors.insert(400) }
        _ = value(0x000D, 4)
        if token != nil, even != nil || family != nil || additional != nil { outlook.errors.insert(400) }
        if family != nil, additional != nil { outlook.errors.insert(400) }
        if let family, family.first != 1, family.first != 2 { outlook.errors.insert(440) }
        if let additional, additional.first != 2 || (even?.first ?? 0) & 0x80 != 0 { outlook.errors.insert(400) }
        let wantsV6 = additional != nil || family?.first == 2
        if message.first(0x001A, before: known.end) != nil, flow.source.address.family == .v4, wantsV6 {
            outlook.errors.insert(420)
        }
        // The token's port may be one of IPv6.
        if token != nil, message.first(0x001A, before: known.end) != nil { outlook.alsoRight.insert(420) }
        if model.count(of: known.account, now) >= model.settings.userLimit { outlook.errors.insert(486) }
        if model.liveCount(now) >= model.settings.totalLimit { outlook.errors.insert(508) }
        if model.settings.monthlyBytes != .max { outlook.alsoRight.insert(486) }
        // What has ended but was not cleared away yet may still count.
        let mayBeFull = server.sessionCount >= min(model.settings.userLimit, model.settings.totalLimit)
        outlook.isCertain = !mayBeFull && !model.limitsBytes
    }

    /// The client's allocation; nil, with the reason noted, when there is none that it may use (RFC 8656 section 5).
    private func own(
        _ outlook: inout RequestOutlook,
        _ known: NaiveIdentity.Known,
        _ flow: ClientFlow
    ) -> ModelAllocation? {
        guard let index = model.index(of: flow, now) else {
            outlook.errors = [437]
            return nil
        }
        guard model.allocations[index].user == known.user else {
            outlook.errors = [441]
            return nil
        }
        return model.allocations[index]
    }

    /// RFC 8656 section 8.2.
    private func expectRefresh(_ outlook: inout RequestOutlook, _ known: NaiveIdentity.Known, _ flow: ClientFlow) {
        guard let allocation = own(&outlook, known, flow) else { return }
        if let family = outlook.message.first(0x0017, before: known.end) {
            if family.count != 4 { outlook.errors.insert(400) }
            let asked = family.first.flatMap { IPAddress.Family(rawValue: $0) }
            if asked.flatMap({ allocation.relay($0, now) }) == nil { outlook.errors.insert(443) }
        }
        if outlook.message.first(0x000D, before: known.end)?.count ?? 4 != 4 { outlook.errors.insert(400) }
    }

    /// A peer that a client names; our own relay sockets have one name, whichever of the two it uses.
    func peer(_ message: NaiveMessage, _ value: ArraySlice<UInt8>) -> SocketAddress? {
        message.address(value).map { model.name($0) }
    }

    /// The peers that a request names; nil stands for one that cannot be read.
    func peers(_ message: NaiveMessage, before end: Int) -> [SocketAddress?] {
        message.attributes.filter { $0.type == 0x0012 && $0.start < end }.map { peer(message, $0.bytes) }
    }

    /// RFC 8656 section 10.2.
    private func expectCreatePermission(
        _ outlook: inout RequestOutlook,
        _ known: NaiveIdentity.Known,
        _ flow: ClientFlow
    ) {
        guard let allocation = own(&outlook, known, flow) else { return }
        let peers = peers(outlook.message, before: known.end)
        if peers.isEmpty || peers.contains(nil) { outlook.errors.insert(400) }
        for peer in peers.compactMap(\.self) {
            check(peer.address, port: nil, allocation, &outlook)
        }
        checkRoom(Set(peers.compactMap { $0?.address }), allocation, &outlook)
    }

    /// RFC 8656 section 12.2.
    private func expectChannelBind(_ outlook: inout RequestOutlook, _ known: NaiveIdentity.Known, _ flow: ClientFlow) {
        guard let allocation = own(&outlook, known, flow) else { return }
        let number = outlook.message.first(0x000C, before: known.end)
        let peer = outlook.message.first(0x0012, before: known.end).flatMap { self.peer(outlook.message, $0) }
        guard let number, number.count == 4, let peer else {
            outlook.errors = [400]
            return
        }
        let channel = NaiveMessage.number(number.prefix(2))
        if !accepts(channel: channel) { outlook.errors.insert(400) }
        if let bound = allocation.channelPeer(channel, now), bound != peer { outlook.errors.insert(400) }
        let other = allocation.channel(to: peer, now)
        if let other, other != channel { outlook.errors.insert(400) }
        check(peer.address, port: peer.port, allocation, &outlook)
        checkRoom([peer.address], allocation, &outlook)
        let live = allocation.channels.values.count { $0.expires > now }
        if other == nil, live >= model.settings.channelLimit { outlook.errors.insert(508) }
    }

    /// A peer's family and the rules.
    private func check(_ peer: IPAddress, port: UInt16?, _ allocation: ModelAllocation, _ outlook: inout RequestOutlook)
    {
        if allocation.relay(peer.family, now) == nil { outlook.errors.insert(443) }
        switch model.settings.rules.allows(peer, port: port, isOpen: isOpen) {
        case nil: outlook.isCertain = false
        case true?: break
        case false?: outlook.errors.insert(403)
        }
    }

    /// The limit on permissions: one that a channel still needs may count though it has ended.
    private func checkRoom(_ addresses: Set<IPAddress>, _ allocation: ModelAllocation, _ outlook: inout RequestOutlook)
    {
        let live = Set(allocation.permissions.keys.filter { allocation.permits($0, now) })
        let held = live.union(allocation.channels.values.filter { $0.expires > now }.map(\.peer.address))
        let added = addresses.subtracting(live).count
        let limit = model.settings.permissionLimit
        if added > 0, live.count + added > limit { outlook.errors.insert(508) }
        if !addresses.isSubset(of: held), held.union(addresses).count > limit { outlook.isCertain = false }
    }
}
