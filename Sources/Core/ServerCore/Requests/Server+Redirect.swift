public import Addresses
import ClusterCore

/// Which server a client shall ask instead, and why (RFC 8489 section 10).
public struct Redirection: Equatable, Sendable {
    /// Why the client is sent away.
    public enum Cause: Equatable, Sendable {
        /// This server is about to stop.
        case draining
        /// This server is loaded so far, in thousandths, and the other one less.
        case load(UInt16)
    }

    /// The other server's address of the client's own family.
    public let server: SocketAddress
    /// Its address of the other family; nil when it has none.
    public let otherFamily: SocketAddress?
    /// Why.
    public let cause: Cause

    /// Joins the parts.
    public init(server: SocketAddress, otherFamily: SocketAddress? = nil, cause: Cause) {
        self.server = server
        self.otherFamily = otherFamily
        self.cause = cause
    }
}

extension TURNPolicy {
    /// How much of the capacity so many allocations are, in thousandths.
    public func load(allocations: Int) -> UInt16 {
        let share = Double(max(0, allocations)) / Double(max(1, capacity))
        return UInt16(min(share * 1000, Double(UInt16.max)))
    }
}

extension Server {
    /// How much less a server must be loaded to be given our clients, in thousandths: less than that, and two full
    /// servers would throw them back and forth.
    private static let advantage: UInt16 = 100

    /// RFC 8656 section 7.2, step 11: a server that stops, or has much to do, sends new clients to another one.
    mutating func redirect(_ context: TURNContext, _ turn: TURNPolicy) throws(Refusal) {
        if isDraining {
            guard let redirection = leastLoaded(1000, context, turn, .draining) else { throw .draining }
            throw .redirected(redirection)
        }
        guard let limit = turn.redirectLoad, cluster != nil else { return }
        let load = turn.load(allocations: ledger.total.allocations)
        guard load >= limit, load >= Self.advantage,
            let redirection = leastLoaded(min(load &- Self.advantage, 1000), context, turn, .load(load))
        else { return }
        throw .redirected(redirection)
    }

    /// Of the servers that may be named to the client and have at most the load `most`, the one with the least; those
    /// that are loaded alike take turns.
    private mutating func leastLoaded(
        _ most: UInt16,
        _ context: TURNContext,
        _ turn: TURNPolicy,
        _ cause: Redirection.Cause
    ) -> Redirection? {
        guard let view = cluster?.view else { return nil }
        let family = context.flow.source.address.family
        var least = most
        var count: UInt64 = 0
        for peer in view.peers where peer.state.load <= least {
            guard peer.takesClients(of: view.own), address(of: peer, family, context, turn) != nil else { continue }
            count = peer.state.load < least ? 1 : count &+ 1
            least = peer.state.load
        }
        guard count > 0 else { return nil }
        var skipped = redirections % count
        redirections &+= 1
        for peer in view.peers where peer.state.load == least {
            guard peer.takesClients(of: view.own), let server = address(of: peer, family, context, turn) else {
                continue
            }
            guard skipped > 0 else {
                let other = address(of: peer, family.other, context, turn)
                return Redirection(server: server, otherFamily: other, cause: cause)
            }
            skipped &-= 1
        }
        return nil
    }

    /// Where a server answers in a family; nil when that is nowhere, the client itself, or ourselves.
    private func address(
        of peer: ClusterPeer,
        _ family: IPAddress.Family,
        _ context: TURNContext,
        _ turn: TURNPolicy
    ) -> SocketAddress? {
        guard let endpoints = peer.endpoints(family), endpoints.port1 != 0, !endpoints.address.isUnspecified else {
            return nil
        }
        let address = SocketAddress(endpoints.address, port: endpoints.port1)
        guard address != context.flow.source, address != context.flow.destination, !turn.peers.isListening(at: address)
        else { return nil }
        return address
    }
}

extension ClusterPeer {
    /// Whether clients can be sent there: one of our kind that lives and stays, and is not ourselves under a name that
    /// somebody put into our own list.
    fileprivate func takesClients(of own: ServerState) -> Bool {
        kind == .sealed && isHealthy && !state.isDraining && (state.instance == 0 || state.instance != own.instance)
    }
}
