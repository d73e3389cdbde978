import Addresses
import STUNCodec

/// The other IP address that a request can be told of and may ask an answer from: this host's second one, else that of
/// another server.
struct AlternateAddress {
    /// Ca:Cp of RFC 5780 table 1; nil when there is none, or none that the dialect may be told of.
    var address: SocketAddress?
    /// The place in the view of the other server that has it; nil when this host has it.
    var peer: Int?
    /// Whether CHANGE-REQUEST with the flags of the request is understood.
    var understandsChange = true
}

extension Server {
    /// The other address for a request; `told` is what another server told the client, when it has handed the request over.
    func alternateAddress(for request: BindingRequest, from flow: ClientFlow, told: SocketAddress?) -> AlternateAddress
    {
        if let told { return AlternateAddress(address: told) }
        if flow.transport.isConnected { return alternateAddress(for: request, over: flow) }
        let endpoints = policy.endpoints(flow.source.address.family)
        let needsFourSockets = request.dialect == .cookie
        if endpoints.hasAlternate || cluster == nil {
            // RFC 5780 section 6: without four sockets there is no OTHER-ADDRESS, and CHANGE-REQUEST is not understood.
            if needsFourSockets, !endpoints.supportsBehaviourDiscovery {
                return AlternateAddress(understandsChange: false)
            }
            guard endpoints.hasAlternate else { return AlternateAddress() }
            // When port 2 is not read it names port 1, since clients send requests there.
            let role = flow.role.changing(ip: true, port: endpoints.readsPort2)
            return AlternateAddress(address: endpoints.externalAddress(of: role, for: flow))
        }
        if needsFourSockets, !endpoints.readsPort2 || cluster?.hasSealedPeers != true {
            return AlternateAddress(understandsChange: false)
        }
        if let named = cluster?.named(for: flow, request.dialect) {
            return AlternateAddress(address: named.address, peer: named.index)
        }
        // No other server is healthy now. RFC 5780 section 6.1 demands 420 of a server that has no other address: a client
        // that got no answer would take the silence for a NAT's filtering, and be wrong. Another port is still there.
        return AlternateAddress(understandsChange: !(needsFourSockets && request.change.changesIP))
    }

    /// The other address for a request over a connection, which is answered where it came, or not at all.
    ///
    /// A server must not open a connection back to a client (RFC 8489 section 6.2.2), so no flag of CHANGE-REQUEST can be
    /// obeyed, and no other server can answer. Of RFC 5780's tests that of the mapping is left (section 3.1), over TCP and
    /// where all four sockets take connections.
    private func alternateAddress(for request: BindingRequest, over flow: ClientFlow) -> AlternateAddress {
        let endpoints = policy.endpoints(flow.source.address.family)
        guard flow.transport == .tcp, endpoints.takesTCP, endpoints.supportsBehaviourDiscovery else {
            return AlternateAddress(understandsChange: false)
        }
        return AlternateAddress(
            address: endpoints.externalAddress(of: flow.role.changing(ip: true, port: true), for: flow),
            understandsChange: !request.change.changesIP && !request.change.changesPort
        )
    }
}
