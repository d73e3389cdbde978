import Addresses
import STUNAuthentication
import STUNCodec

extension Server {
    /// How long a permission lives (RFC 8656 section 9: exactly this).
    static let permissionSeconds: UInt32 = 300

    /// CreatePermission (RFC 8656 section 10.2): all addresses are permitted, or none (attacks row 51).
    mutating func createPermission(
        _ context: TURNContext,
        _ message: borrowing Message,
        _ identity: AuthenticatedRequest,
        _ turn: TURNPolicy
    ) throws(Refusal) -> TURNOutcome {
        let index = try ownAllocation(context, identity)
        sweep(index, now: context.now)
        let start = message.dialect.headerLength
        // Look at all of them first: one that is malformed, of a wrong family, or forbidden refuses the request.
        var offset = start
        guard try nextPeer(message, before: identity.end, &offset) != nil else { throw .missing(.xorPeerAddress) }
        while try nextPeer(message, before: identity.end, &offset) != nil {}
        offset = start
        while let peer = try nextPeer(message, before: identity.end, &offset) {
            try checkFamily(of: peer, index, context.now)
        }
        offset = start
        while let peer = try nextPeer(message, before: identity.end, &offset) { try checkAddress(of: peer, turn) }
        let count = try newPermissions(message, before: identity.end, index, limit: turn.permissionsPerAllocation)
        if count > 0 { try takeMemory(count &* MemoryCost.permission, turn) }
        offset = start
        while let peer = try nextPeer(message, before: identity.end, &offset) {
            permit(peer.address, turn, of: index, now: context.now)
        }
        return .done
    }

    /// How many different addresses have no permission yet; throws when there is no room for them, and looks no further.
    private func newPermissions(
        _ message: borrowing Message,
        before end: Int,
        _ index: Int,
        limit: Int
    ) throws(Refusal) -> Int {
        let room = limit &- table.allocations[index].permissionCount
        var count = 0
        var offset = message.dialect.headerLength
        while let peer = try nextPeer(message, before: end, &offset) {
            if table.permission(for: peer.address, of: index) != nil { continue }
            if try isRepeated(peer.address, message, before: offset) { continue }
            guard count < room else { throw .permissionLimit(limit) }
            count &+= 1
        }
        return count
    }

    /// Whether an address, whose last occurrence ends at byte `end`, stands further in front too.
    private func isRepeated(_ address: IPAddress, _ message: borrowing Message, before end: Int) throws(Refusal) -> Bool
    {
        var offset = message.dialect.headerLength
        while let other = try nextPeer(message, before: end, &offset), offset < end {
            if other.address == address { return true }
        }
        return false
    }

    private func nextPeer(
        _ message: borrowing Message,
        before end: Int,
        _ offset: inout Int
    ) throws(Refusal) -> SocketAddress? {
        while offset < end, let location = message.nextAttribute(&offset) {
            guard location.type == .xorPeerAddress else { continue }
            return try message.read(location, as: XorPeerAddress.self).map { rules.nameForClient($0.address) }
        }
        return nil
    }

    /// Installs or refreshes a permission that the rules allow; returns its index.
    @discardableResult
    mutating func permit(_ address: IPAddress, _ turn: TURNPolicy, of index: Int, now: Instant) -> Int32 {
        let expires = now.adding(seconds: Self.permissionSeconds)
        let permission = table.permit(address, isOurs: turn.peers.isOurs(address), until: expires, of: index)
        wheel.arm(index, at: min(expires, wheel.deadline(of: index) ?? expires))
        return permission
    }

    /// RFC 8656 section 10.2: a peer's family must be one that the allocation relays.
    func checkFamily(of peer: SocketAddress, _ index: Int, _ now: Instant) throws(Refusal) {
        guard table.allocations[index].relay(peer.address.family, at: now) != nil else {
            throw .peerFamily(peer.address.family.rawValue)
        }
    }

    /// Whether the rules allow an address, whatever the port.
    func checkAddress(of peer: SocketAddress, _ turn: TURNPolicy) throws(Refusal) {
        if case .denied(let rule) = turn.peers.check(peer.address) { throw .peer(peer, rule) }
    }
}
