import Addresses
import STUNCodec

// Data of draft-rosenberg-midcom-turn-08: framed by default, and as it is to and from the active destination.

extension Server {
    /// A peer's datagram at a mirror of draft -08 (section 7.4).
    mutating func receiveFromPermitted(
        _ packet: inout Packet,
        _ mirror: MirrorState,
        _ index: Int,
        from peer: SocketAddress,
        now: Instant
    ) -> Verdict {
        guard let permission = table.permission(for: peer.address, of: index), table.permissions[permission].isLive(now)
        else { return drop(.noPermission) }
        guard peer.port != 0, !table.permissions[permission].isOurs || !peers.check(peer).isDenied else {
            return drop(.peerForbidden)
        }
        remember(peer, of: index)
        if mirror.destination == peer { return toMirrorClient(&packet, mirror, index, now: now) }
        let bytes = packet.count
        guard writeMirrorData(from: peer, over: &packet) else { return drop(.tooLarge) }
        return toMirrorClient(&packet, mirror, index, data: bytes, now: now)
    }

    /// Whoever has sent may become the active destination (error 440).
    ///
    /// Half of what there is room for is kept for those that the client sends to.
    private mutating func remember(_ peer: SocketAddress, of index: Int) {
        guard table.channel(to: peer, of: index) == nil,
            table.allocations[index].channelCount < rules.channelsPerAllocation / 2,
            ledger.memory.take(MemoryCost.channel, limit: rules.quotas.memory)
        else { return }
        table.remember(peer, of: index)
    }

    /// A Data Indication (draft -08 section 7.4), filled to a multiple of four bytes, as RFC 3489 has all attributes.
    private mutating func writeMirrorData(from peer: SocketAddress, over packet: inout Packet) -> Bool {
        let bytes = packet.count
        let padded = (bytes &+ 3) & ~3
        // Both halves without the place of today's cookie.
        let id = TransactionID(high: transactionIDs.next().low, low: transactionIDs.next().low)
        let context = AttributeContext(transactionID: id, addressLayout: .standard)
        let address = RemoteAddress(peer)
        let header = Dialect.classic.headerLength
        let before = header &+ 8 &+ 4 &+ address.length(in: context) &+ 4
        guard padded <= packet.capacity, before &+ padded <= Self.largestDatagram, packet.prepend(before) else {
            return false
        }
        packet.resize(to: before &+ padded)
        packet.write(MessageType.mirrorData.rawValue, at: 0)
        packet.write(UInt16(truncatingIfNeeded: before &+ padded &- header), at: 2)
        packet.write(id)
        packet.write(AttributeType.turnCookie.rawValue, at: header)
        packet.write(UInt16(4), at: header &+ 2)
        packet.write(TURNCookie.value, at: header &+ 4)
        packet.write(RemoteAddress.type.rawValue, at: header &+ 8)
        packet.write(UInt16(truncatingIfNeeded: address.length(in: context)), at: header &+ 10)
        address.write(to: &packet, at: header &+ 12, in: context)
        packet.write(AttributeType.data.rawValue, at: before &- 4)
        packet.write(UInt16(truncatingIfNeeded: bytes), at: before &- 2)
        packet.clear((before &+ bytes)..<(before &+ padded))
        return true
    }
}
