import Addresses
import STUNAuthentication
import STUNCodec

extension Server {
    /// Refresh (RFC 8656 section 8.2).
    mutating func refresh(
        _ context: TURNContext,
        _ message: borrowing Message,
        _ request: TURNRequest,
        _ identity: AuthenticatedRequest,
        _ turn: TURNPolicy,
        ports: inout some RelayPorts
    ) throws(Refusal) -> TURNOutcome {
        let index = try ownAllocation(context, identity)
        var family: IPAddress.Family?
        if let requested = try message.read(request.requestedFamily, as: RequestedAddressFamily.self) {
            guard let known = requested.family, table.allocations[index].relay(known, at: context.now) != nil else {
                throw .peerFamily(requested.rawValue)
            }
            family = known
        }
        let requested = try message.read(request.lifetime, as: Lifetime.self)?.seconds
        if requested == 0 {
            endRelay(family, of: index, .deleted, now: context.now, ports: &ports)
            return .refreshed(0)
        }
        let seconds = lifetime(requested, identity, turn, now: context.now)
        table.allocations[index].setExpiry(context.now.adding(seconds: seconds), of: family, now: context.now)
        rearm(index, now: context.now)
        return .refreshed(seconds)
    }
}
