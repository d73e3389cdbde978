// Unsafe: fills the headers and vectors of the send queue, in which the kernel finds what to send.

import Addresses
import CLinux
import Glibc

/// Headers for the datagrams of one socket, and trains: equally long datagrams to one destination go through the kernel
/// as one buffer, which it or the network card cuts (UDP_SEGMENT, udp(7)).
extension DatagramBatch {
    /// The longest datagram that makes trains, in bytes: what fits an Ethernet frame over IPv6.
    ///
    /// The system refuses a train of datagrams that would need fragments, and finding out costs a call.
    private static let longestInTrain: UInt16 = 1452
    /// The longest train in bytes: what fits one IP packet, with room for its headers.
    private static let trainBytes = 65_000

    /// Fills the headers for what is queued for one socket, behind those that are filled; returns which they are.
    mutating func buildMessages(of run: SendQueue.Run) -> Range<Int> {
        let begin = sendQueue.messageCount
        var messages = begin
        var vectors = sendQueue.vectorCount
        var next = Int(run.first)
        while next >= 0 {
            let first = next
            let firstVector = vectors
            next = addVector(&vectors, first)
            if joinsTrains {
                var last = first
                var bytes = unsafe Int(sendQueue.entries[first].count)
                while next >= 0, bytes < Self.trainBytes, joins(next, behind: last, first: first) {
                    bytes &+= unsafe Int(sendQueue.entries[next].count)
                    last = next
                    next = addVector(&vectors, next)
                }
            }
            fillHeader(messages, first, firstVector..<vectors)
            messages &+= 1
        }
        sendQueue.messageCount = messages
        sendQueue.vectorCount = vectors
        return begin..<messages
    }

    /// Adds the bytes of a datagram; returns the next datagram of the same socket.
    private func addVector(_ count: inout Int, _ index: Int) -> Int {
        let entry = unsafe sendQueue.entries[index]
        let base = unsafe start(of: Int(entry.slot)) + Int(entry.start)
        unsafe sendQueue.vectors[count] = iovec(iov_base: base, iov_len: Int(entry.count))
        count &+= 1
        return Int(entry.next)
    }

    /// Whether a datagram can be the next of a train: all but the last are equally long, and the last is not longer.
    private func joins(_ index: Int, behind last: Int, first: Int) -> Bool {
        let head = unsafe sendQueue.entries[first]
        let entry = unsafe sendQueue.entries[index]
        return unsafe sendQueue.entries[last].count == head.count && entry.count > 0 && entry.count <= head.count
            && head.count <= Self.longestInTrain
            && !head.dontFragment && !entry.dontFragment && entry.source == head.source
            && entry.trafficClass == head.trafficClass
            && SystemAddress.areEqual(names + Int(entry.slot), names + Int(head.slot))
    }

    /// Fills one header; more than one vector makes a train.
    private func fillHeader(_ message: Int, _ first: Int, _ vectors: Range<Int>) {
        let entry = unsafe sendQueue.entries[first]
        let slot = Int(entry.slot)
        var header = unsafe msghdr()
        unsafe header.msg_name = UnsafeMutableRawPointer(names + slot)
        unsafe header.msg_namelen = received[slot].header.msg_namelen
        unsafe header.msg_iov = sendQueue.vectors + vectors.lowerBound
        unsafe header.msg_iovlen = vectors.count
        let length = fillControl(entry, isTrain: vectors.count > 1)
        if length > 0 {
            unsafe header.msg_control = control(of: slot)
            unsafe header.msg_controllen = length
        }
        unsafe sendQueue.headers[message].header = header
        unsafe sendQueue.messages[message] = SendQueue.Message(
            first: Int8(truncatingIfNeeded: first),
            count: UInt8(truncatingIfNeeded: vectors.count)
        )
    }

    /// Writes the control messages of a header; returns their size, which is 0 for nearly all datagrams.
    private func fillControl(_ entry: SendQueue.Entry, isTrain: Bool) -> Int {
        let slot = Int(entry.slot)
        var length = 0
        if let source = entry.source { length = setSource(source, slot) }
        if entry.trafficClass != 0 {
            let family = unsafe Int32(names[slot].sin6_family)
            unsafe length &+= clinux_set_traffic_class(control(of: slot) + length, family, entry.trafficClass)
        }
        if isTrain { unsafe length &+= clinux_set_segment(control(of: slot) + length, entry.count) }
        return length
    }

    /// Sends the datagrams of a train that the system did not take as one, one by one.
    mutating func sendApart(
        _ message: Int,
        _ descriptor: Int32,
        _ code: Int32,
        _ failures: inout (count: Int, last: Failure?)
    ) {
        // EIO: the network card lacks what trains need (udp(7)). No more of them, since finding out costs a call.
        if code == EIO { joinsTrains = false }
        let hasNoRoom = code == EAGAIN || code == ENOBUFS || code == ENOMEM
        let train = unsafe sendQueue.messages[message]
        let firstVector = unsafe sendQueue.headers[message].header.msg_iov - sendQueue.vectors
        var entry = Int(train.first)
        for index in 0..<Int(train.count) {
            fillHeader(message, entry, (firstVector &+ index)..<(firstVector &+ index &+ 1))
            var result = hasNoRoom ? -Int(code) : sendOne(message, descriptor)
            var retries = 0
            while result < 0, retries < PendingError.retries(Int32(-result)) {
                result = sendOne(message, descriptor)
                retries &+= 1
            }
            if result < 0 { note(Int32(-result), of: entry, &failures) }
            entry = unsafe Int(sendQueue.entries[entry].next)
        }
    }

    /// Writes the control message with the address to send from; returns its size.
    private func setSource(_ source: IPAddress, _ slot: Int) -> Int {
        unsafe withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) { bytes in
            guard let base = bytes.baseAddress else { return 0 }
            let length = unsafe SystemAddress.storeBytes(of: source, in: base)
            return unsafe clinux_set_source(control(of: slot), base.assumingMemoryBound(to: UInt8.self), length)
        }
    }
}
