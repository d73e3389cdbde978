import Addresses
import PacketEngine
import SecureTransport
import ServerCore

extension DTLSClients {
    /// Encrypts what a verdict sends to a client of DTLS.
    @inline(__always)
    mutating func deliver(_ bytes: RawSpan, _ verdict: Verdict) {
        guard case .toClient(let flow) = verdict, flow.transport == .dtls else { return }
        send(bytes, to: Int(flow.socket))
    }

    /// Encrypts a message for a client; one that makes no record is lost, as datagrams may be.
    mutating func send(_ message: RawSpan, to row: Int) {
        guard has(row), let box = clients[row].box else {
            counters.unsent &+= 1
            return
        }
        var room = output.room()
        guard let count = box.session.send(message, sending: &room) else {
            counters.unsent &+= 1
            if case .failed(let reason) = box.session.state { end(row, .failed(reason)) }
            return
        }
        send(output.keep(count), to: clients[row].flow, by: clients[row].listener)
    }

    mutating func send(_ cuts: DatagramCuts, of row: Int) {
        for index in 0..<cuts.count {
            send(output.keep(cuts[index].count), to: clients[row].flow, by: clients[row].listener)
        }
    }

    mutating func send(_ range: Range<Int>, to flow: ClientFlow, by listener: Int) {
        sendings.append(
            Sending(range: range, listener: listener, client: flow.source, source: flow.destination.address)
        )
    }

    /// Sees to it that there is room for what is made until the next `queue`.
    mutating func makeRoom(_ room: Int = roomForOne, in batch: inout DatagramBatch) {
        output.makeRoom(room, in: &batch)
    }

    /// Whether something is to be queued.
    var hasSendings: Bool { !sendings.isEmpty }

    /// Queues what is to be sent; `slot` has the datagram whose DSCP and ECN bits it leaves with.
    mutating func queue(by ports: [Worker.Port], trafficClassOf slot: Int? = nil, _ batch: inout DatagramBatch) {
        for sending in sendings where ports.indices.contains(sending.listener) {
            let port = ports[sending.listener]
            batch.queue(
                &output,
                sending.range,
                on: port.socket,
                to: sending.client,
                from: port.socket.isWildcard ? sending.source : nil,
                trafficClassOf: slot,
                tag: Int(port.role.rawValue)
            )
        }
        sendings.removeAll(keepingCapacity: true)
    }
}
