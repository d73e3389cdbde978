// Unsafe: the memory that the kernel reads and writes in one call for many datagrams: buffers, addresses, vectors,
// control messages and headers, all allocated once and never moved.

public import Addresses
import CLinux
import Glibc

/// Up to 64 datagrams received by one system call, edited in place, and sent by as few calls as there are sockets.
///
/// A slot's buffer holds the datagram that came in and then the answer to it; its address is where it came from and where
/// the answer goes. One worker owns a batch.
@safe
public struct DatagramBatch: ~Copyable {
    /// How many datagrams one call takes at most.
    public static let capacity = 64
    /// The size of a slot's buffer in bytes; a longer datagram counts as empty.
    public static let slotSize = 2048

    /// How the system is called.
    public enum Mode: Sendable {
        /// recvmmsg and sendmmsg: one call for many datagrams.
        case vectored
        /// recvmsg and sendmsg: one call a datagram. The reference that tests compare with, and what is left on a
        /// system without the other two.
        case single
    }

    /// How the system is called from now on.
    public private(set) var mode: Mode

    let buffers: UnsafeMutableRawPointer
    let names: UnsafeMutablePointer<sockaddr_in6>
    let vectors: UnsafeMutablePointer<iovec>
    let controls: UnsafeMutableRawPointer
    let received: UnsafeMutablePointer<clinux_mmsghdr>
    let sending: UnsafeMutablePointer<clinux_mmsghdr>
    let queued: UnsafeMutablePointer<Queued>
    private(set) var queuedCount = 0
    private var used = 0

    /// One entry of the send queue.
    struct Queued {
        var descriptor: Int32
        var slot: Int32
        var tag: Int32
    }

    /// Allocates all memory that the batch will ever use: some 150 kB.
    public init(mode: Mode = .vectored) {
        self.mode = mode
        unsafe buffers = .allocate(byteCount: Self.capacity * Self.slotSize, alignment: 64)
        unsafe controls = .allocate(byteCount: Self.capacity * Int(CLINUX_CONTROL_SIZE), alignment: 16)
        unsafe buffers.initializeMemory(as: UInt8.self, repeating: 0, count: Self.capacity * Self.slotSize)
        let controlBytes = Self.capacity * Int(CLINUX_CONTROL_SIZE)
        unsafe controls.initializeMemory(as: UInt8.self, repeating: 0, count: controlBytes)
        unsafe names = .allocate(capacity: Self.capacity)
        unsafe names.initialize(repeating: sockaddr_in6(), count: Self.capacity)
        unsafe vectors = .allocate(capacity: Self.capacity)
        unsafe vectors.initialize(repeating: iovec(), count: Self.capacity)
        unsafe received = .allocate(capacity: Self.capacity)
        unsafe received.initialize(repeating: clinux_mmsghdr(), count: Self.capacity)
        unsafe sending = .allocate(capacity: Self.capacity)
        unsafe sending.initialize(repeating: clinux_mmsghdr(), count: Self.capacity)
        unsafe queued = .allocate(capacity: Self.capacity)
        unsafe queued.initialize(repeating: Queued(descriptor: -1, slot: 0, tag: 0), count: Self.capacity)
        prepare(Self.capacity)
    }

    deinit {
        unsafe buffers.deallocate()
        unsafe controls.deallocate()
        unsafe names.deallocate()
        unsafe vectors.deallocate()
        unsafe received.deallocate()
        unsafe sending.deallocate()
        unsafe queued.deallocate()
    }

    /// Receives what waits at a socket, without blocking; the slots 0..<count are then filled.
    ///
    /// Everything queued from the batch before must have been flushed.
    public mutating func receive(from socket: SocketHandle) throws(SocketError) -> Int {
        prepare(used)
        used = 0
        let count = mode == .vectored ? receiveMany(socket.descriptor) : receiveSingly(socket.descriptor)
        if count >= 0 {
            used = count
            return count
        }
        switch errno {
        case EAGAIN, EINTR:
            return 0
        case ENOSYS where mode == .vectored:
            mode = .single
            return 0
        default:
            throw SocketError("receive", "\(socket.local)", code: errno)
        }
    }

    private func receiveMany(_ descriptor: Int32) -> Int {
        Int(unsafe clinux_recvmmsg(descriptor, received, UInt32(Self.capacity), Int32(MSG_DONTWAIT)))
    }

    /// Restores what the kernel or an answer changed in the first `count` slots.
    private func prepare(_ count: Int) {
        for slot in 0..<count {
            unsafe vectors[slot] = iovec(iov_base: buffers + slot &* Self.slotSize, iov_len: Self.slotSize)
            var header = unsafe msghdr()
            unsafe header.msg_name = UnsafeMutableRawPointer(names + slot)
            unsafe header.msg_namelen = socklen_t(MemoryLayout<sockaddr_in6>.size)
            unsafe header.msg_iov = vectors + slot
            unsafe header.msg_iovlen = 1
            unsafe header.msg_control = control(of: slot)
            unsafe header.msg_controllen = Int(CLINUX_CONTROL_SIZE)
            unsafe received[slot].header = header
        }
    }

    func control(of slot: Int) -> UnsafeMutableRawPointer {
        unsafe controls + slot &* Int(CLINUX_CONTROL_SIZE)
    }

    /// The length of a received datagram in bytes; 0 when it was longer than its slot, since what is cut is no datagram.
    public func length(of slot: Int) -> Int {
        let isCut = unsafe received[slot].header.msg_flags & Int32(MSG_TRUNC) != 0
        return isCut ? 0 : Int(unsafe received[slot].length)
    }

    /// Where a datagram came from.
    public func source(of slot: Int) -> SocketAddress { unsafe SystemAddress.load(names + slot) }

    /// Where a datagram was sent to.
    public enum Destination: Equatable, Sendable {
        /// One address of this host.
        case address(IPAddress)
        /// A broadcast or multicast address, of which the system gives every worker its copy.
        case group
        /// Not told, because the socket is bound to one address.
        case unknown
    }

    /// Where a datagram was sent to, as its socket tells when it is bound to all addresses.
    public func destination(of slot: Int) -> Destination {
        unsafe withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) { bytes in
            guard let base = bytes.baseAddress else { return .unknown }
            let count = unsafe withUnsafePointer(to: received[slot].header) { header in
                unsafe clinux_packet_info(header, base.assumingMemoryBound(to: UInt8.self))
            }
            if count < 0 { return .group }
            return unsafe SystemAddress.loadBytes(base, count: count).map { .address($0) } ?? .unknown
        }
    }

    /// A slot's whole buffer, of which the first `length(of:)` bytes are the datagram.
    @_lifetime(&self)
    public mutating func bytes(of slot: Int) -> MutableRawSpan {
        let start = unsafe buffers + slot &* Self.slotSize
        let bytes = unsafe MutableRawSpan(_unsafeStart: start, byteCount: Self.slotSize)
        return unsafe _overrideLifetime(bytes, mutating: &self)
    }

    /// Queues a slot's first `count` bytes for sending by a socket.
    ///
    /// - `source`: the local address to send from; needed on a socket that is bound to all addresses.
    /// - `port`: another port of the sender's address than the one it sent from.
    /// - `tag`: what `flush` says when this datagram cannot be sent.
    public mutating func queue(
        slot: Int,
        count: Int,
        on socket: SocketHandle,
        from source: IPAddress?,
        toPort port: UInt16?,
        tag: Int
    ) {
        guard queuedCount < Self.capacity else { return }
        unsafe vectors[slot].iov_len = count
        if let port { unsafe names[slot].sin6_port = port.bigEndian }
        var header = unsafe msghdr()
        unsafe header.msg_name = UnsafeMutableRawPointer(names + slot)
        unsafe header.msg_namelen = received[slot].header.msg_namelen
        unsafe header.msg_iov = vectors + slot
        unsafe header.msg_iovlen = 1
        if let source {
            unsafe withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) { bytes in
                guard let base = bytes.baseAddress else { return }
                let length = unsafe SystemAddress.storeBytes(of: source, in: base)
                unsafe header.msg_control = control(of: slot)
                unsafe header.msg_controllen = clinux_set_source(
                    control(of: slot),
                    base.assumingMemoryBound(to: UInt8.self),
                    length
                )
            }
        }
        unsafe sending[queuedCount].header = header
        unsafe queued[queuedCount] = Queued(
            descriptor: socket.descriptor,
            slot: Int32(truncatingIfNeeded: slot),
            tag: Int32(truncatingIfNeeded: tag)
        )
        queuedCount &+= 1
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

    /// Sends everything that is queued, in order.
    ///
    /// Returns how many datagrams the system refused, and the last of them.
    public mutating func flush() -> (count: Int, last: Failure?) {
        var failures: (count: Int, last: Failure?) = (0, nil)
        var next = 0
        while next < queuedCount {
            let descriptor = unsafe queued[next].descriptor
            var end = next &+ 1
            while end < queuedCount, unsafe queued[end].descriptor == descriptor { end &+= 1 }
            while next < end {
                let sent = mode == .vectored ? sendMany(descriptor, next..<end) : sendSingly(descriptor, next)
                if sent > 0 {
                    next &+= sent
                } else if errno == ENOSYS, mode == .vectored {
                    mode = .single
                } else if errno != EINTR {
                    // The first datagram of the rest is the one that failed; the others are tried again.
                    let code = errno
                    let failed = unsafe queued[next]
                    failures.count &+= 1
                    failures.last = Failure(destination: source(of: Int(failed.slot)), tag: Int(failed.tag), code: code)
                    next &+= 1
                }
            }
        }
        queuedCount = 0
        return failures
    }

    private func sendMany(_ descriptor: Int32, _ range: Range<Int>) -> Int {
        let count = UInt32(truncatingIfNeeded: range.count)
        return Int(unsafe clinux_sendmmsg(descriptor, sending + range.lowerBound, count, Int32(MSG_DONTWAIT)))
    }
}
