// Unsafe: the send queue is given the address of bytes that lie outside the slots.

public import Addresses

extension DatagramBatch {
    /// Queues a datagram that lies in an output, like `queue(slot:)`; it must stay there until it is sent.
    ///
    /// - `slot`: whose datagram's DSCP and ECN bits it is sent with; nil for none.
    public mutating func queue(
        _ output: inout DatagramOutput,
        _ range: Range<Int>,
        on socket: SocketHandle,
        to destination: SocketAddress,
        from source: IPAddress? = nil,
        trafficClassOf slot: Int? = nil,
        tag: Int
    ) {
        makeRoom()
        output.round = round
        var trafficClass: UInt8 = 0
        if let slot {
            check(slot)
            trafficClass = self.trafficClass(of: slot)
        }
        let entry = unsafe SendQueue.Entry(
            base: output.start(of: range),
            count: UInt32(truncatingIfNeeded: range.count),
            tag: Int32(truncatingIfNeeded: tag),
            source: source,
            hasErrorQueue: socket.hasErrorQueue,
            trafficClass: trafficClass
        )
        let new = sendQueue.append(entry, to: socket.descriptor)
        address(new, to: destination, 0)
    }
}
