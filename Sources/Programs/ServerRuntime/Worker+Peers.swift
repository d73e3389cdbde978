import PacketEngine
import ServerCore

// What comes to relay sockets, and what of clients' datagrams only their peers may read.

extension Worker {
    /// Handles a datagram or a train of a peer; says how many datagrams it has beside the first.
    @inline(__always)
    mutating func handle(_ slot: Int, at relay: RelayID, _ socket: SocketHandle) -> Int {
        guard let train = batch.train(in: slot) else {
            handleOne(slot, at: relay, socket)
            return 0
        }
        // What may be answered gets a slot of its own, since an answer is longer than the question.
        guard !server.isAsked(at: relay) else {
            batch.takeApart(train)
            for number in 0..<train.count { handleOne(batch.takeOut(number, of: train), at: relay, socket) }
            return train.count &- 1
        }
        PeerDatagram.handle(
            train,
            at: relay,
            socket,
            to: ports,
            now,
            &batch,
            &server,
            &streams,
            &dtls,
            telling: &events
        )
        return train.count &- 1
    }

    @inline(__always)
    private mutating func handleOne(_ slot: Int, at relay: RelayID, _ socket: SocketHandle) {
        PeerDatagram.handle(
            slot,
            at: relay,
            socket,
            to: ports,
            now,
            &batch,
            &server,
            &streams,
            &dtls,
            telling: &events
        )
    }

    /// Answers Send requests of mirrors (draft -08), whose data is queued.
    mutating func answerSends() {
        while server.hasUnansweredSends {
            if batch.freeSlots == 0 { flush() }
            guard PeerDatagram.answerSend(by: ports, &batch, &server, &dtls) else { return }
        }
    }

    /// Whether a datagram is data of a mirror, such as the handshake of a call's media, and not for the server.
    ///
    /// It is the server's where its client has a session of DTLS: whoever forges a request for a mirror takes no session over.
    mutating func isMirrored(_ slot: Int, of index: Int) -> Bool {
        guard server.hasMirrors, let flow = ClientDatagram.flow(of: slot, on: ports[index], index, &batch) else {
            return false
        }
        return server.isMirrored(flow) && !dtls.hasSession(of: flow)
    }
}
