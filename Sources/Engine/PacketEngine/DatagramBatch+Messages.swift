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
    private static let longestInTrain = 1452
    /// The longest train in bytes: what fits one IP packet, with room for its headers.
    private static let trainBytes = 65_000
    /// How many datagrams every kernel takes as a train (UDP_MAX_SEGMENTS).
    private static let longestTrain = 64

    /// Fills the headers for what is queued for one socket, behind those that are filled; returns which they are.
    mutating func buildMessages(of run: SendQueue.Run) -> Range<Int> {
        let begin = sendQueue.messageCount
        var messages = begin
        var vectors = sendQueue.vectorCount
        var next = Int(run.first)
        while next >= 0 {
            let first = next
            let firstVector = vectors
            var datagrams = 1
            next = addVectors(&vectors, first)
            if joinsTrains, trainPause == 0 {
                var last = first
                var bytes = unsafe sendQueue.entries[first].length
                while next >= 0, datagrams < Self.longestTrain, joins(next, behind: last, first: first) {
                    bytes &+= unsafe sendQueue.entries[next].length
                    guard bytes <= Self.trainBytes else { break }
                    datagrams &+= 1
                    last = next
                    next = addVectors(&vectors, next)
                }
            }
            fillHeader(messages, first, count: datagrams, firstVector..<vectors)
            messages &+= 1
        }
        sendQueue.messageCount = messages
        sendQueue.vectorCount = vectors
        return begin..<messages
    }

    /// Adds the bytes of a datagram; returns the next datagram of the same socket.
    private func addVectors(_ count: inout Int, _ index: Int) -> Int {
        let entry = unsafe sendQueue.entries[index]
        if entry.header > 0 {
            let prefix = unsafe sendQueue.prefix(of: index)
            unsafe sendQueue.vectors[count] = iovec(iov_base: prefix, iov_len: Int(entry.header))
            count &+= 1
        }
        if entry.count > 0 || entry.length == 0 {
            unsafe sendQueue.vectors[count] = iovec(iov_base: entry.base, iov_len: Int(entry.count))
            count &+= 1
        }
        if entry.trailer > 0 {
            unsafe sendQueue.vectors[count] = iovec(iov_base: sendQueue.trailer, iov_len: Int(entry.trailer))
            count &+= 1
        }
        return Int(entry.next)
    }

    /// Whether a datagram can be the next of a train: all but the last are equally long, and the last is not longer.
    private func joins(_ index: Int, behind last: Int, first: Int) -> Bool {
        let head = unsafe sendQueue.entries[first]
        let entry = unsafe sendQueue.entries[index]
        let length = head.length
        return unsafe sendQueue.entries[last].length == length && entry.length > 0 && entry.length <= length
            && length <= Self.longestInTrain
            && !head.dontFragment && !entry.dontFragment && entry.source == head.source
            && entry.trafficClass == head.trafficClass
            && SystemAddress.areEqual(sendQueue.names + index, sendQueue.names + first)
    }

    /// Fills one header, of `count` datagrams: more than one make a train.
    private func fillHeader(_ message: Int, _ first: Int, count: Int, _ vectors: Range<Int>) {
        let entry = unsafe sendQueue.entries[first]
        var header = unsafe msghdr()
        unsafe header.msg_name = UnsafeMutableRawPointer(sendQueue.names + first)
        unsafe header.msg_namelen = socklen_t(entry.nameLength)
        unsafe header.msg_iov = sendQueue.vectors + vectors.lowerBound
        unsafe header.msg_iovlen = vectors.count
        let length = fillControl(message, first, isTrain: count > 1)
        if length > 0 {
            unsafe header.msg_control = sendQueue.control(of: message)
            unsafe header.msg_controllen = length
        }
        unsafe sendQueue.headers[message].header = header
        unsafe sendQueue.messages[message].first = Int16(truncatingIfNeeded: first)
        unsafe sendQueue.messages[message].count = UInt8(truncatingIfNeeded: count)
    }

    /// Writes the control messages of a header; returns their size, which is 0 for nearly all datagrams.
    private func fillControl(_ message: Int, _ first: Int, isTrain: Bool) -> Int {
        let entry = unsafe sendQueue.entries[first]
        let control = unsafe sendQueue.control(of: message)
        var length = 0
        if let source = entry.source { length = unsafe setSource(source, control) }
        if entry.trafficClass != 0 {
            let family = unsafe Int32(sendQueue.names[first].sin6_family)
            unsafe length &+= clinux_set_traffic_class(control + length, family, entry.trafficClass)
        }
        if isTrain { unsafe length &+= clinux_set_segment(control + length, UInt16(truncatingIfNeeded: entry.length)) }
        return length
    }

    /// Sends the datagrams of a train that the system did not take as one, one by one.
    mutating func sendApart(
        _ message: Int,
        _ descriptor: Int32,
        _ code: Int32
    ) {
        // EIO: the way there lacks what trains need (udp(7)): a network card's checksums, or it is a tunnel. Other ways may
        // have it, and this one is asked again later, since finding out costs a call.
        if code == EIO { trainPause = Self.trainPauseFlushes }
        let hasNoRoom = code == EAGAIN || code == ENOBUFS || code == ENOMEM
        let train = unsafe sendQueue.messages[message]
        var vector = unsafe sendQueue.headers[message].header.msg_iov - sendQueue.vectors
        var entry = Int(train.first)
        for _ in 0..<Int(train.count) {
            let end = unsafe vector &+ sendQueue.entries[entry].vectors
            fillHeader(message, entry, count: 1, vector..<end)
            vector = end
            var result = hasNoRoom ? -Int(code) : sendOne(message, descriptor)
            var retries = 0
            while result < 0, retries < pendingErrors(Int32(-result), of: train) {
                result = sendOne(message, descriptor)
                retries &+= 1
            }
            if result < 0 { note(Int32(-result), of: entry) }
            entry = unsafe Int(sendQueue.entries[entry].next)
        }
    }

    /// Writes the control message with the address to send from; returns its size.
    private func setSource(_ source: IPAddress, _ control: UnsafeMutableRawPointer) -> Int {
        unsafe withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) { bytes in
            guard let base = bytes.baseAddress else { return 0 }
            let length = unsafe SystemAddress.storeBytes(of: source, in: base)
            return unsafe clinux_set_source(control, base.assumingMemoryBound(to: UInt8.self), length)
        }
    }
}
