// Unsafe: hands the kernel pointers to what is to be sent.

import CLinux
import Glibc

extension PacketRing {
    /// What a send request is known by.
    private func data(of message: Int) -> UInt64 {
        let round = (counts.round & (Self.tokenMask >> 16)) << 16
        return Kind.send.rawValue << Self.kindShift | round | UInt64(message & 0xFFFF)
    }

    /// Queues a message: its header, vectors and bytes must stay until `submit` has returned.
    func send(_ header: UnsafePointer<msghdr>, by descriptor: Int32, message: Int) {
        let data = data(of: message)
        guard makeRoom() else { return refuse(data & Self.tokenMask, ENOBUFS) }
        if unsafe header.pointee.msg_iovlen == 1, unsafe header.pointee.msg_controllen == 0 {
            let vector = unsafe header.pointee.msg_iov[0]
            let length = UInt16(truncatingIfNeeded: unsafe header.pointee.msg_namelen)
            let count = UInt32(truncatingIfNeeded: unsafe vector.iov_len)
            unsafe clinux_ring_send(ring, descriptor, vector.iov_base, count, header.pointee.msg_name, length, data)
        } else {
            unsafe clinux_ring_send_message(ring, descriptor, header, data)
        }
    }

    /// Makes all requests known to the kernel, which sends at once what is to be sent.
    func submit() {
        // Where the kernel had no memory for a request it and those behind it stay, and are tried again.
        for _ in 0..<4 {
            _ = unsafe clinux_ring_enter(ring, -1, 0, 0)
            if unsafe clinux_ring_room(ring) == Self.requests { return }
        }
        // What is to be sent lies in memory that is used again soon: it is sent in another way.
        var data: UInt64 = 0
        while unsafe clinux_ring_take_back(ring, &data) == 1 { refuse(data & Self.tokenMask, ENOBUFS) }
    }

    /// Makes all requests known, and lets the kernel finish what it has put off: a socket that is cancelled is let go only
    /// then.
    func settle() {
        submit()
        // As much as there may be: it does at least what is waited for, and otherwise some 20 pieces only (Linux 6.13).
        _ = unsafe clinux_ring_enter(ring, Int32(Self.completions), 0, 0)
    }

    /// How many messages since the last `beginRound` could not be sent; asked after `submit`.
    func countRefused() -> Int {
        reap()
        return counts.refused
    }

    /// The `index`-th of them.
    func refused(_ index: Int) -> Refused {
        precondition(index >= 0 && index < counts.refused, "so many were not refused")
        return unsafe refused[index]
    }

    /// Lists as an event that a socket's `ErrorQueue` has something.
    ///
    /// A send that was told of an ICMP error has taken that from the socket, and what receives by itself does not see it.
    func noteError(of descriptor: Int32) {
        let index = Int(descriptor)
        // A socket that is only polled has no such queue, and would be read once more.
        guard tokens.indices.contains(index), let token = tokens[index] else { return }
        let last = counts.events &- 1
        if last >= counts.served, unsafe events[last].token == token, unsafe events[last].hasError { return }
        append(.init(token: token, isReadable: false, hasError: true))
    }

    /// From now on messages are those of another flush.
    func beginRound() {
        counts.round &+= 1
        counts.refused = 0
    }
}
