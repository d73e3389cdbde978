import Addresses
import STUNCodec

extension Server {
    /// ChannelData from a client (RFC 8656 section 12.6): the data goes to the channel's peer.
    mutating func relayChannelData(
        _ packet: inout Packet,
        from flow: ClientFlow,
        now: Instant,
        ports: some RelayPorts
    ) -> Verdict {
        // RFC 8656 section 12.4: padding may follow the data, so the datagram may be longer than it says.
        guard let data = ChannelData(packet.bytes) else { return drop(.malformed, from: flow, now: now) }
        guard let index = table.index(of: flow), table.allocations[index].expires > now else {
            return drop(.noAllocation)
        }
        guard let channel = table.channel(data.number, of: index), table.channels[channel].isLive(now) else {
            return drop(.noChannel)
        }
        let peer = table.channels[channel].peer
        let permission = table.channels[channel].permission
        guard table.permissions[permission].isLive(now), !table.channels[channel].isRevoked else {
            return drop(.noPermission)
        }
        // What else the rules say of the peer is known since it was bound (`Channel.isRevoked`).
        if table.channels[channel].needsAllocation, !ports.isOpen(port: peer.port, of: peer.address.family) {
            return drop(.peerForbidden)
        }
        return toPeer(peer, ChannelData.headerLength, data.length, of: index, dontFragment: false, &packet, now: now)
    }

    /// A Send indication (RFC 8656 section 11.2): the data goes to the peer that it names.
    mutating func relaySend(
        _ packet: inout Packet,
        from flow: ClientFlow,
        now: Instant,
        ports: some RelayPorts
    ) -> Verdict {
        let peer: SocketAddress
        let data: Message.Location
        let dontFragment: Bool
        do throws(MalformedMessage) {
            let message = try Message(parsing: packet.bytes, as: .cookie)
            if message.fingerprint == .invalid { return drop(.badFingerprint, from: flow, now: now) }
            let request = TURNRequest(message)
            // RFC 8489 section 6.3.2: an indication that is not understood is dropped.
            if let first = request.unknown.first {
                hadUnknownAttribute = true
                detail = first.rawValue
                return drop(.unknownAttribute, from: flow, now: now)
            }
            guard let location = request.peer,
                let attribute = XorPeerAddress(value: message.value(location), in: message.context),
                let found = request.data
            else { return drop(.malformed, from: flow, now: now) }
            peer = rules.nameForClient(attribute.address)
            data = found
            dontFragment = request.dontFragment != nil
        } catch {
            return drop(.malformed, from: flow, now: now)
        }
        guard let index = table.index(of: flow), table.allocations[index].expires > now,
            !table.allocations[index].relaysTCP
        else { return drop(.noAllocation) }
        guard let permission = table.permission(for: peer.address, of: index),
            table.permissions[permission].isLive(now), peer.port != 0
        else { return drop(.noPermission) }
        if table.permissions[permission].isOurs, Self.rule(against: peer, peers, ports) != nil {
            return drop(.peerForbidden)
        }
        return toPeer(peer, data.start, data.count, of: index, dontFragment: dontFragment, &packet, now: now)
    }

    /// Makes the packet the `bytes` bytes of data that stand at `start`, and counts them.
    mutating func toPeer(
        _ peer: SocketAddress,
        _ start: Int,
        _ bytes: Int,
        of index: Int,
        dontFragment: Bool,
        _ packet: inout Packet,
        now: Instant
    ) -> Verdict {
        let family = peer.address.family
        guard let relay = table.relay(family, of: index, at: now) else { return drop(.noAllocation) }
        guard spend(bytes, on: index, now: now) else { return drop(.overQuota) }
        packet.removeFirst(start)
        packet.resize(to: bytes)
        table.allocations[index].traffic.countToPeer(bytes)
        table.allocations[index].lastRelayed = now
        counters.traffic.countToPeer(bytes)
        // RFC 8656 section 13: DONT-FRAGMENT means something from IPv4 to IPv4 only.
        let isV4 = family == .v4 && table.allocations[index].flow.source.address.family == .v4
        return .toPeer(rules.destination(of: peer), relay, dontFragment: dontFragment && isV4)
    }

    /// Takes bytes from the user's and the server's bandwidth.
    mutating func spend(_ bytes: Int, on index: Int, now: Instant) -> Bool {
        if table.allocations[index].isOverQuota { return false }
        if let rate = rules.quotas.totalBytes, !ledger.total.take(bytes: bytes, limit: rate, now: now) { return false }
        guard let rate = rules.quotas.userBytes else { return true }
        return table.allocations[index].account.take(bytes: bytes, limit: rate, now: now)
    }
}
