import Addresses
public import ClusterCore
import STUNCodec

extension Server {
    /// Takes over what is known of the other servers; nil when none are configured.
    ///
    /// - `trust`: nil without a `cluster-key`; then only foreign servers are of use.
    public mutating func adopt(_ view: ClusterView?, trust: ClusterTrust?) {
        guard let view else {
            cluster = nil
            return
        }
        if cluster == nil {
            cluster = Cluster(view, trust, seed: transactionIDs.next().low)
        } else {
            cluster?.adopt(view, trust)
        }
    }

    /// Whether other servers are configured, so that their heartbeats are expected.
    public var isInFleet: Bool { cluster != nil }

    /// Hands a request for another IP address to another server (draft-rosenberg-midcom-stun-00 section 7).
    mutating func handOver(
        _ request: BindingRequest,
        to named: (index: Int, address: SocketAddress),
        _ packet: inout Packet,
        from flow: ClientFlow,
        now: Instant
    ) -> Verdict {
        // Who forges one server's address as its own wants two to meet, and a foreign server may answer what is none.
        guard cluster?.listens(at: flow.source) == false else { return drop(.clusterLoop) }
        let target = cluster?.target(for: flow, request.dialect, named: named.index, now: now)
        guard let target else { return drop(.noOtherAddress) }
        switch target.kind {
        case .sealed:
            request.clearChangeIP(in: &packet)
            let envelope = HandOver(
                client: flow.source,
                other: named.address,
                cameToSecondPort: flow.role.isOnAlternatePort
            )
            let time = unixMilliseconds(at: now)
            let isSealed = cluster?.seal(envelope, &packet, for: target.instance, at: time) ?? false
            guard isSealed else { return drop(.tooLarge, from: flow, now: now) }
        case .classic:
            let layout = request.dialect == .rosenberg ? policy.draftAddressLayout : .standard
            guard request.redirect(to: flow.source, layout, over: &packet) else {
                return drop(.tooLarge, from: flow, now: now)
            }
        }
        counters.countHandedOver()
        return .handOver(to: target.address, peer: target.peer)
    }

    /// Decides on what begins like a datagram of another server of the fleet.
    mutating func receiveSealed(
        _ packet: inout Packet,
        with trust: ClusterTrust,
        from flow: ClientFlow,
        now: Instant
    ) -> Verdict {
        switch SealedDatagram.claimedKind(packet.bytes) {
        case .handOver: receiveHandOver(&packet, with: trust, from: flow, now: now)
        case .ping: answerPing(&packet, with: trust, from: flow, now: now)
        // Pongs go to the sockets that ask, and never to a listener.
        case .pong: drop(.response)
        case nil: drop(.notSTUN)
        }
    }

    /// Answers a client's request that another server has handed over; never hands it on (attacks rows 29 and 31).
    private mutating func receiveHandOver(
        _ packet: inout Packet,
        with trust: ClusterTrust,
        from flow: ClientFlow,
        now: Instant
    ) -> Verdict {
        guard let cluster, cluster.isPeer(flow.source.address) else { return drop(.clusterStranger) }
        let envelope: HandOver
        do throws(SealedDatagramError) {
            let receiver = HandOver.Receiver(
                instance: cluster.view.own.instance,
                unixMilliseconds: unixMilliseconds(at: now),
                monotonicNanoseconds: now.nanoseconds
            )
            envelope = try HandOver.open(&packet, as: receiver, with: trust.key, remembering: trust.filter)
        } catch {
            return drop(error.dropReason)
        }
        let client = envelope.client
        guard client.isAnswerable else { return drop(.unanswerableSource) }
        // An answer to a server is no use to anybody, and who forges one as the client wants two servers to meet.
        guard client.address.family == flow.source.address.family, !cluster.listens(at: client),
            !policy.endpoints(client.address.family).listens(at: client, asked: flow.destination.address)
        else { return drop(.clusterLoop) }
        detail = packet.count >= 2 ? packet.bytes.uint16(at: 0) : 0
        return answer(envelope, &packet, by: flow, now: now)
    }

    /// Answers the request in an opened envelope as if it had come here, to the port that it came to.
    private mutating func answer(
        _ envelope: HandOver,
        _ packet: inout Packet,
        by flow: ClientFlow,
        now: Instant
    ) -> Verdict {
        let endpoints = policy.endpoints(flow.source.address.family)
        let asked = ClientFlow(
            source: envelope.client,
            destination: SocketAddress(
                flow.destination.address,
                port: envelope.cameToSecondPort ? endpoints.port2 : endpoints.port1
            ),
            role: flow.role.changing(
                ip: false,
                port: flow.role.isOnAlternatePort != envelope.cameToSecondPort
            ),
            socket: flow.socket
        )
        let request: BindingRequest
        switch Demultiplexer.classify(packet.bytes) {
        case .wrongLength:
            hadWrongLength = true
            request = BindingRequest(Message(salvaging: packet.bytes))
        case .message(let dialect):
            do throws(MalformedMessage) {
                let message = try Message(parsing: packet.bytes, as: dialect)
                guard message.type == MessageType(.binding, .request) else { return drop(.unknownMethod) }
                request = BindingRequest(message)
            } catch {
                return drop(.malformed)
            }
        case .channelData, .notSTUN:
            return drop(.notSTUN)
        }
        counters.countReceived(request.dialect)
        guard !request.change.changesIP else { return drop(.clusterLoop) }
        return handleBinding(request, over: &packet, from: asked, told: envelope.other, now: now)
    }

    /// Answers another server that asks how this one is.
    ///
    /// No rate limit holds for it: whoever forges a server's address could use that up, and the servers would lose each
    /// other. What a stranger sends costs a look at its source, and what comes from a server's address one digest, which
    /// is less than receiving it has cost. What has a right tag was made by a server, and is answered once.
    private mutating func answerPing(
        _ packet: inout Packet,
        with trust: ClusterTrust,
        from flow: ClientFlow,
        now: Instant
    ) -> Verdict {
        guard let cluster else { return drop(.clusterStranger) }
        let own = cluster.view.own
        // A server that asks itself may do so from any of its addresses: so it learns that it is its own peer.
        guard SealedDatagram.claimedInstance(packet.bytes) == own.instance || cluster.isPeer(flow.source.address) else {
            return drop(.clusterStranger)
        }
        let time = unixMilliseconds(at: now)
        let ping: Heartbeat.Ping
        do throws(SealedDatagramError) {
            ping = try Heartbeat.readPing(packet.bytes, at: time, with: trust.key)
        } catch {
            return drop(error.dropReason)
        }
        if ping.isFresh {
            guard !ping.isKnown(to: trust.filter, at: now.nanoseconds) else { return drop(.clusterReplayed) }
        } else {
            // Its time proves nothing, so it may be an old one that is sent again and again.
            guard self.cluster?.mayAnswerStale(now: now) == true else { return drop(.clusterStale) }
            counters.countDropped(.clusterStale)
        }
        Heartbeat.answer(ping, over: &packet, with: own, at: time, key: trust.key)
        return .reply
    }
}

extension SealedDatagramError {
    /// What statistics and metrics call it.
    fileprivate var dropReason: DropReason {
        switch self {
        case .notOurs: .notSTUN
        case .forged: .clusterForged
        case .malformed: .malformed
        case .stale: .clusterStale
        case .replayed, .tooMany: .clusterReplayed
        case .selfSent: .clusterLoop
        }
    }
}

extension Endpoints {
    /// Whether one of this server's own sockets is at a transport address; `asked` is the local address of the datagram,
    /// which a socket on all addresses does not know.
    fileprivate func listens(at address: SocketAddress, asked: IPAddress) -> Bool {
        guard address.port == port1 || address.port == port2 else { return false }
        return address.address == asked || address.address == primary || address.address == alternate
    }
}
