public import Addresses
public import STUNCodec

extension Server {
    /// Decides on a datagram that came to a relay socket (RFC 8656 section 11.3).
    ///
    /// After `toClient` the packet is ChannelData or a Data indication, made in its headroom, or a mirror's data as it came. After
    /// `toPeer` it leaves by the socket that it came to.
    public mutating func receiveFromPeer(
        _ packet: inout Packet,
        at relay: RelayID,
        from peer: SocketAddress,
        now: Instant
    ) -> Verdict {
        guard rules.isOn, let index = table.index(of: relay),
            table.relay(peer.address.family, of: index, at: now) != nil
        else { return receiveAtMirror(&packet, at: relay, from: peer, now: now) }
        let peer = rules.nameForClient(peer)
        let bytes = packet.count
        // The permission first: whoever has none, and that is every stranger, costs no more than this.
        guard let permission = table.permission(for: peer.address, of: index), table.permissions[permission].isLive(now)
        else { return drop(.noPermission) }
        if let number = table.number(ofChannelTo: peer, by: permission, of: index, now: now) {
            let isStream = table.allocations[index].flow.transport.isStream
            guard bytes &+ ChannelData.headerLength <= Self.largestDatagram, packet.prepend(ChannelData.headerLength),
                !isStream || Self.pad(&packet)
            else { return drop(.tooLarge) }
            packet.write(number, at: 0)
            packet.write(UInt16(truncatingIfNeeded: bytes), at: 2)
        } else {
            if let reason = refusal(of: peer, by: permission) { return drop(reason) }
            guard writeDataIndication(from: peer, over: &packet) else { return drop(.tooLarge) }
        }
        guard spend(bytes, on: index, now: now) else { return drop(.overQuota) }
        table.allocations[index].traffic.countToClient(bytes)
        table.allocations[index].lastRelayed = now
        counters.traffic.countToClient(bytes)
        return .toClient(table.allocations[index].flow)
    }

    /// Tells a client of an ICMP error that a datagram of its allocation has caused (RFC 8656 section 11.5).
    ///
    /// - `packet`: room to write in; what it holds does not matter.
    /// - `peer`: where that datagram was sent to.
    public mutating func receiveError(
        _ error: ICMP,
        _ packet: inout Packet,
        at relay: RelayID,
        to peer: SocketAddress,
        now: Instant
    ) -> Verdict {
        guard rules.isOn, let index = table.index(of: relay),
            table.relay(peer.address.family, of: index, at: now) != nil
        else { return drop(.noAllocation) }
        let peer = rules.nameForClient(peer)
        guard error.isRelayed(family: peer.address.family),
            let permission = table.permission(for: peer.address, of: index), table.permissions[permission].isLive(now)
        else { return drop(.noPermission) }
        if let reason = refusal(of: peer, by: permission) { return drop(reason) }
        let id = transactionIDs.next()
        var writer = MessageWriter(
            MessageType(.data, .indication),
            in: .cookie,
            context: AttributeContext(transactionID: id, addressLayout: .standard),
            limit: packet.capacity,
            over: &packet
        )
        packet.write(id.high, at: 4)
        packet.write(id.low, at: 12)
        guard writer.append(XorPeerAddress(peer), to: &packet),
            writer.append(error.withDataOfTooBig(family: peer.address.family), to: &packet)
        else { return drop(.tooLarge) }
        writer.finish(&packet)
        return .toClient(table.allocations[index].flow)
    }

    /// What UDP carries over IPv4, the smaller of the two: 65,535 without the headers of IP and UDP.
    static let largestDatagram = 65_507

    /// Adds zeros up to a multiple of four, which a stream needs (RFC 8656 section 12.5); false when there is no room.
    private static func pad(_ packet: inout Packet) -> Bool {
        let (count, padded) = (packet.count, (packet.count &+ 3) & ~3)
        guard padded <= packet.capacity else { return false }
        packet.resize(to: padded)
        packet.clear(count..<padded)
        return true
    }

    /// Puts the header, XOR-PEER-ADDRESS and the DATA attribute's own header before the data, and zeroes behind it
    /// (RFC 8656 section 11.3).
    private mutating func writeDataIndication(from peer: SocketAddress, over packet: inout Packet) -> Bool {
        let bytes = packet.count
        let padded = (bytes &+ 3) & ~3
        let address = XorPeerAddress(peer)
        let id = transactionIDs.next()
        let context = AttributeContext(transactionID: id, addressLayout: .standard)
        let addressLength = address.length(in: context)
        let header = Dialect.cookie.headerLength
        let before = header &+ 4 &+ addressLength &+ 4
        guard padded <= packet.capacity, before &+ padded <= Self.largestDatagram, packet.prepend(before)
        else { return false }
        packet.resize(to: before &+ padded)
        packet.write(MessageType(.data, .indication).rawValue, at: 0)
        packet.write(UInt16(truncatingIfNeeded: before &+ padded &- header), at: 2)
        packet.write(id.high, at: 4)
        packet.write(id.low, at: 12)
        packet.write(AttributeType.xorPeerAddress.rawValue, at: header)
        packet.write(UInt16(truncatingIfNeeded: addressLength), at: header &+ 2)
        address.write(to: &packet, at: header &+ 4, in: context)
        packet.write(AttributeType.data.rawValue, at: before &- 4)
        packet.write(UInt16(truncatingIfNeeded: bytes), at: before &- 2)
        packet.clear((before &+ bytes)..<(before &+ padded))
        return true
    }

    /// Why a peer whose address has a permission may not send all the same; nil when it may.
    ///
    /// A permission is for an address whatever the port (RFC 8656 section 9), but no rule allows port 0, nor our listening
    /// sockets: what they answer to a request that was forged in a relay's name is not for its client (attacks row 30).
    ///
    /// `mutating` lest the server be copied for it.
    private mutating func refusal(of peer: SocketAddress, by permission: Int32) -> DropReason? {
        guard peer.port != 0 else { return .peerForbidden }
        guard table.permissions[permission].isOurs else { return nil }
        return peers.check(peer).isDenied ? .peerForbidden : nil
    }
}

extension ICMP {
    /// RFC 8656 section 11.5: destination unreachable and time exceeded; of ICMPv6 packet too big as well.
    fileprivate func isRelayed(family: IPAddress.Family) -> Bool {
        family == .v4 ? type == 3 || type == 11 : (1...3).contains(type)
    }

    /// RFC 8656 section 18.13: the data is the MTU where a packet was too big, else zero.
    fileprivate func withDataOfTooBig(family: IPAddress.Family) -> ICMP {
        let isTooBig = family == .v4 ? type == 3 && code == 4 : type == 2
        return isTooBig ? self : ICMP(type: type, code: code, data: 0)
    }
}
