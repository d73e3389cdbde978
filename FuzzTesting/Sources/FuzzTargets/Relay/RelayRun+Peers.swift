import Addresses
import STUNCodec
import ServerCore

extension RelayRun {
    /// A datagram that comes to a relay socket: which socket, the peer, the length of its data.
    mutating func peerDatagram() throws(Violation) {
        let relay = RelayID(index: Int32(byte() & 15))
        let peer = Cast.peers[Int(byte()) % Cast.peers.count]
        let data = payload(byte())
        let hasRoom = byte() < 250
        guard canMeet(peer, relay) else { return }
        let before = server.counters
        let (verdict, datagram) = withPacket(
            data,
            headroom: hasRoom ? Packet.headroom : 20,
            capacity: max(1500, data.count + 3)
        ) {
            server.receiveFromPeer(&$0, at: relay, from: peer, now: now)
        }
        try count(verdict, datagram, since: before)
        let permission = permission(for: peer, at: relay)
        switch (verdict, permission) {
        case (.drop, nil): return
        case (.drop(let reason), (let index, let isCertain)?):
            let isTight = !hasRoom || data.count > 60_000
            try Violation.unless(
                !isCertain || isTight || model.limitsBytes,
                "\(reason) from \(peer) to \(index)"
            )
        case (.toClient(let flow), (let index, _)?):
            try Violation.unless(flow == model.allocations[index].flow, "a peer's data goes to \(flow.source)")
            try checkData(datagram, data[...], from: model.name(peer), index)
            model.allocations[index].toClient.packets += 1
            model.allocations[index].toClient.bytes += UInt64(data.count)
        default: throw Violation(description: "\(verdict) for a datagram from \(peer), which has no permission")
        }
    }

    /// Whether a peer's datagram can come to a socket at all: both are of one family, as far as the socket is open.
    private func canMeet(_ peer: SocketAddress, _ relay: RelayID) -> Bool {
        ports.sockets[relay].map { $0.address.family == peer.address.family } ?? true
    }

    /// The allocation in which a peer may send to a relay socket, and whether the model is sure; nil when there is none.
    private func permission(for peer: SocketAddress, at relay: RelayID) -> (index: Int, isCertain: Bool)? {
        let name = model.name(peer)
        guard model.settings.hasTURN, let index = model.index(of: relay, peer.address.family, now),
            model.allocations[index].permits(name.address, now),
            model.settings.rules.allows(name.address, port: nil, isOpen: isOpen) ?? true
        else { return nil }
        // Of our own addresses only the ports of relays may send, and never where the server listens.
        let rule = allows(name)
        if rule == false, name.port == 3478 || name.port == 0 { return nil }
        return (index, rule == true)
    }

    /// ChannelData where the peer has a channel, else a Data indication (RFC 8656 sections 11.3 and 12.7).
    private func checkData(
        _ datagram: [UInt8],
        _ data: ArraySlice<UInt8>,
        from peer: SocketAddress,
        _ index: Int
    ) throws(Violation) {
        if let number = model.allocations[index].channel(to: peer, now) {
            let header = NaiveMessage.bigEndian(UInt64(number), 2) + NaiveMessage.bigEndian(UInt64(data.count), 2)
            return try Violation.unless(datagram == header + data, "wrong ChannelData from \(peer)")
        }
        guard let message = NaiveMessage(datagram) else {
            throw Violation(description: "no Data indication: \(datagram)")
        }
        let isRight =
            message.type == 0x0017 && message.first(0x0013) == data && message.attributes.count == 2
            && message.first(0x0012).flatMap { message.address($0) } == peer && message.hasZeroPadding
        try Violation.unless(isRight, "a wrong Data indication from \(peer): \(datagram)")
    }

    /// An ICMP error that a relayed datagram caused: which socket, where that was sent to, type, code and data.
    mutating func icmpError() throws(Violation) {
        let relay = RelayID(index: Int32(byte() & 15))
        let peer = Cast.peers[Int(byte()) % Cast.peers.count]
        let error = ICMP(type: byte(), code: byte(), data: UInt32(byte()) << 24)
        guard canMeet(peer, relay) else { return }
        let before = server.counters
        let (verdict, datagram) = withPacket([], headroom: Packet.headroom, capacity: 1500) {
            server.receiveError(error, &$0, at: relay, to: peer, now: now)
        }
        try count(verdict, datagram, since: before, isData: false)
        let kinds: Set<UInt8> = peer.address.family == .v4 ? [3, 11] : [1, 2, 3]
        let permission = kinds.contains(error.type) ? permission(for: peer, at: relay) : nil
        switch (verdict, permission) {
        case (.drop, nil): return
        case (.drop(let reason), (_, let isCertain)?):
            try Violation.unless(!isCertain, "an ICMP error from \(peer) was dropped: \(reason)")
        case (.toClient(let flow), (let index, _)?):
            guard let message = NaiveMessage(datagram) else { throw Violation(description: "no message: \(datagram)") }
            // RFC 8656 section 18.13: data, the MTU, only where a packet was too big.
            let isTooBig = peer.address.family == .v4 ? error.type == 3 && error.code == 4 : error.type == 2
            let value = [0, 0] + NaiveMessage.bigEndian(UInt64(error.type) << 9 | UInt64(error.code), 2)
            let isRight =
                flow == model.allocations[index].flow && message.type == 0x0017 && message.hasZeroPadding
                && message.first(0x0012).flatMap { message.address($0) } == model.name(peer)
                && message.first(0x8004).map(Array.init) == value
                    + NaiveMessage.bigEndian(UInt64(isTooBig ? error.data : 0), 4)
            try Violation.unless(isRight, "a wrong ICMP indication: \(datagram)")
        default: throw Violation(description: "\(verdict) for an ICMP error from \(peer), which has no permission")
        }
    }
}
