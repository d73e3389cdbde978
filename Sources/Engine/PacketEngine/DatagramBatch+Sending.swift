// Unsafe: fills the headers and vectors of the send queue, and calls the system with them.

public import Addresses
import CLinux
import Glibc

extension DatagramBatch {
    /// What the system refused to send.
    public struct Failures: Sendable {
        /// How many datagrams.
        public internal(set) var count = 0
        /// How many of them by sockets of `RelaySocket.open`.
        public internal(set) var byRelaySockets = 0
        /// The last one; of a relay socket only where all were.
        public internal(set) var last: Failure?
    }

    /// A datagram that the system refused to send.
    public struct Failure: Sendable {
        /// Where it should have gone.
        public let destination: SocketAddress
        /// The tag it was queued with.
        public let tag: Int
        /// The system's error number.
        public let code: Int32
    }

    /// Queues `count` bytes of a slot's buffer for sending by a socket; they must stay as they are until `flush`.
    ///
    /// - `offset`: where the datagram begins in the slot's buffer, in bytes: `headroom` is where one was received.
    /// - `to`: where it goes; nil for where it came from.
    /// - `source`: the local address to send from; needed on a socket that is bound to all addresses.
    /// - `port`: another port than that of `to`.
    /// - `dontFragment`: sets the DF bit (IPv4) or never fragments (IPv6); only for a socket by `RelaySocket.open`.
    /// - `copiesTrafficClass`: for relayed data: sends the DSCP and the ECN bits that the slot's datagram came with (the
    ///   preferred behavior of RFC 8656 section 14), also to the other address family (sections 13.1 and 13.3).
    /// - `tag`: what `flush` says when this datagram cannot be sent.
    public mutating func queue(
        slot: Int,
        offset: Int,
        count: Int,
        on socket: SocketHandle,
        to destination: SocketAddress? = nil,
        from source: IPAddress? = nil,
        toPort port: UInt16? = nil,
        dontFragment: Bool = false,
        copiesTrafficClass: Bool = false,
        tag: Int
    ) {
        check(slot)
        let isInside = offset >= 0 && count >= 0 && offset <= Self.stride && count <= Self.stride &- offset
        precondition(isInside, "a datagram lies within its slot")
        makeRoom()
        let entry = unsafe SendQueue.Entry(
            base: start(of: slot) + offset,
            count: UInt32(truncatingIfNeeded: count),
            tag: Int32(truncatingIfNeeded: tag),
            source: source,
            dontFragment: dontFragment,
            hasErrorQueue: socket.hasErrorQueue,
            trafficClass: copiesTrafficClass ? trafficClass(of: slot) : 0
        )
        let new = sendQueue.append(entry, to: socket.descriptor)
        address(new, to: destination, slot)
        if let port { unsafe sendQueue.names[new].sin6_port = port.bigEndian }
    }

    /// Writes where a datagram goes: nil for where that of the slot came from.
    @inline(__always)
    mutating func address(_ entry: Int, to destination: SocketAddress?, _ slot: Int) {
        let length: socklen_t
        if let destination {
            length = unsafe SystemAddress.store(destination, in: sendQueue.names + entry)
        } else {
            unsafe sendQueue.names[entry] = names[slot]
            length = unsafe received[slot].header.msg_namelen
        }
        unsafe sendQueue.entries[entry].nameLength = UInt8(truncatingIfNeeded: length)
    }

    /// Sends everything that is queued and empties the batch: each socket's datagrams in the order in which they were
    /// queued, by as few calls as it takes. (By a ring, one that an ICMP error of an earlier datagram hit comes later.)
    ///
    /// Returns what the system refused. Nothing waits: a datagram for which the socket has no room is refused.
    public mutating func flush() -> Failures {
        sendQueued()
        restart()
        if trainPause > 0 { trainPause &-= 1 }
        defer { failures = Failures() }
        return failures
    }

    /// Sends what is queued when the queue can hold no more, which only trains can bring about.
    @inline(__always)
    mutating func makeRoom() {
        if sendQueue.isFull { sendQueued() }
    }

    /// Sends what is queued, and leaves the slots as they are; what could not be sent is told by the next `flush`.
    public mutating func sendQueued() {
        queuedCount &+= sendQueue.count
        round &+= 1
        if let ring {
            sendByRing(ring)
        } else {
            for run in 0..<sendQueue.runCount {
                let run = unsafe sendQueue.runs[run]
                send(buildMessages(of: run), run.descriptor)
            }
        }
        sendQueue.removeAll()
    }

    /// Queues the messages of all sockets in the ring, which sends them by one call, and those that it could not send once
    /// more by themselves: an error may be that of an earlier datagram (`PendingError`).
    private mutating func sendByRing(_ ring: PacketRing) {
        guard sendQueue.runCount > 0 else { return }
        ring.beginRound()
        for run in 0..<sendQueue.runCount {
            let run = unsafe sendQueue.runs[run]
            for message in buildMessages(of: run) {
                unsafe sendQueue.messages[message].descriptor = run.descriptor
                if unsafe sendQueue.entries[Int(sendQueue.messages[message].first)].dontFragment {
                    // A socket option around one datagram: what stands before it must be gone.
                    ring.submit()
                    send(message..<(message &+ 1), run.descriptor)
                } else {
                    unsafe ring.send(&sendQueue.headers[message].header, by: run.descriptor, message: message)
                }
            }
        }
        ring.submit()
        for index in 0..<ring.countRefused() {
            let refused = ring.refused(index)
            guard refused.message < sendQueue.messageCount else { continue }
            let message = unsafe sendQueue.messages[refused.message]
            let descriptor = message.descriptor
            if pendingErrors(refused.code, of: message) > 0 { ring.noteError(of: descriptor) }
            send(refused.message..<(refused.message &+ 1), descriptor)
        }
    }

    private mutating func send(_ messages: Range<Int>, _ descriptor: Int32) {
        var next = messages.lowerBound
        let count = messages.upperBound
        var retries = 0
        while next < count {
            let result = sendMessages(next..<count, descriptor)
            if result > 0 {
                next &+= result
                retries = 0
                continue
            }
            let message = unsafe sendQueue.messages[next]
            switch -Int32(truncatingIfNeeded: result) {
            case EINTR:
                continue
            case ENOSYS where mode != .single:
                mode = .single
            case EMSGSIZE where message.count > 1:
                // No use in sending it again as it is.
                sendApart(next, descriptor, EMSGSIZE)
                next &+= 1
                retries = 0
            case let code where retries < pendingErrors(code, of: message):
                retries &+= 1
            case let code:
                // The first message of the rest is the one that failed; the others are tried again.
                if message.count > 1 {
                    sendApart(next, descriptor, code)
                } else {
                    note(code, of: Int(message.first))
                }
                next &+= 1
                retries = 0
            }
        }
    }

    /// How often a call for a message is made again after an error, since it may be that of an earlier datagram.
    func pendingErrors(_ code: Int32, of message: SendQueue.Message) -> Int {
        unsafe sendQueue.entries[Int(message.first)].hasErrorQueue ? PendingError.retries(code) : 0
    }

    mutating func note(_ code: Int32, of entry: Int) {
        failures.count &+= 1
        let isByRelaySocket = unsafe sendQueue.entries[entry].hasErrorQueue
        sendErrors.count(code, byRelaySocket: isByRelaySocket)
        if isByRelaySocket {
            failures.byRelaySockets &+= 1
            guard failures.byRelaySockets == failures.count else { return }
        }
        let destination = unsafe SystemAddress.load(sendQueue.names + entry)
        failures.last = unsafe Failure(destination: destination, tag: Int(sendQueue.entries[entry].tag), code: code)
    }

    /// Sends at least the first of some messages; returns how many, or a negative error number.
    private mutating func sendMessages(_ range: Range<Int>, _ descriptor: Int32) -> Int {
        let first = unsafe sendQueue.messages[range.lowerBound]
        if unsafe sendQueue.entries[Int(first.first)].dontFragment {
            let family = unsafe Int32(sendQueue.names[Int(first.first)].sin6_family)
            RelaySocket.setFragmentation(descriptor, family, forbidden: true)
            let result = sendOne(range.lowerBound, descriptor)
            RelaySocket.setFragmentation(descriptor, family, forbidden: false)
            return result
        }
        var end = range.lowerBound &+ 1
        guard mode != .single else { return sendOne(range.lowerBound, descriptor) }
        while end < range.upperBound, unsafe !sendQueue.entries[Int(sendQueue.messages[end].first)].dontFragment {
            end &+= 1
        }
        let count = UInt32(truncatingIfNeeded: end &- range.lowerBound)
        guard count > 1 else { return sendOne(range.lowerBound, descriptor) }
        let headers = unsafe sendQueue.headers + range.lowerBound
        let sent = unsafe clinux_sendmmsg(descriptor, headers, count, Int32(MSG_DONTWAIT))
        return sent > 0 ? Int(sent) : -Int(errno)
    }

    /// Sends one message; returns 1, or a negative error number.
    mutating func sendOne(_ message: Int, _ descriptor: Int32) -> Int {
        let header = unsafe sendQueue.headers + message
        guard unsafe header.pointee.header.msg_iovlen == 1, unsafe header.pointee.header.msg_controllen == 0 else {
            return unsafe sendmsg(descriptor, &header.pointee.header, Int32(MSG_DONTWAIT)) >= 0 ? 1 : -Int(errno)
        }
        // A datagram and an address are all there is: the kernel need not fetch a header and its vector.
        let vector = unsafe header.pointee.header.msg_iov[0]
        let length = unsafe header.pointee.header.msg_namelen
        let sent = unsafe header.pointee.header.msg_name.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
            unsafe sendto(descriptor, vector.iov_base, vector.iov_len, Int32(MSG_DONTWAIT), name, length)
        }
        return sent >= 0 ? 1 : -Int(errno)
    }
}
