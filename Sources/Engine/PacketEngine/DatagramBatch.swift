// Unsafe: the memory that the kernel reads and writes in one call for many datagrams: buffers, addresses, vectors,
// control messages and headers, all allocated once and never moved.

public import Addresses
import CLinux
import Glibc

/// Up to 64 datagrams received from one socket or several, edited in place, and sent by as few system calls as there are
/// sockets.
///
/// A slot's buffer holds the datagram that came in and then the one that goes out, or a train of them (`Train`). One worker
/// owns a batch: it receives, queues, and flushes, which empties the batch.
@safe
public struct DatagramBatch: ~Copyable {
    /// How many datagrams a batch holds at most.
    public static let capacity = 64
    /// The room before a received datagram in bytes, in which a header can be put before it.
    public static let headroom = 64
    /// The room for a datagram or a train of them, in bytes: more than UDP carries, with room for padding behind it.
    public static let slotSize = 65_536
    /// From one slot to the next: a whole number of cache lines, and no power of two, so that the beginnings of the
    /// datagrams don't all compete for the same lines of the cache.
    static let stride = headroom + slotSize

    /// How the system is called.
    public enum Mode: Sendable {
        /// recvmmsg and sendmmsg: one call for many datagrams.
        case vectored
        /// recvmsg and sendmsg: one call a datagram. The reference that tests compare with, and what is left on a
        /// system without the other two.
        case single
        /// io_uring: sends are queued in the ring of an event loop, which also brings datagrams.
        case ring
    }

    /// How the system is called from now on.
    public internal(set) var mode: Mode

    /// The slots' own memory, of which the host gives only what has been used.
    private let buffers: UnsafeMutableRawPointer
    /// Where each slot's memory begins: its own, or within a buffer of the ring that a datagram came in.
    private let starts: UnsafeMutablePointer<UnsafeMutableRawPointer>
    /// The buffer of the ring that a slot has borrowed; -1 for none.
    private let borrowed: UnsafeMutablePointer<Int32>
    let ring: PacketRing?
    /// Where each slot's datagram came from.
    let names: UnsafeMutablePointer<sockaddr_in6>
    private let controls: UnsafeMutableRawPointer
    let vectors: UnsafeMutablePointer<iovec>
    let received: UnsafeMutablePointer<clinux_mmsghdr>
    var sendQueue: SendQueue
    /// Whether equally long datagrams to one destination are sent as a train.
    let joinsTrains: Bool
    /// In how many flushes from now on no trains are sent.
    var trainPause = 0
    static let trainPauseFlushes = 4096
    /// What could not be sent since the last `flush`.
    var failures = Failures()
    /// What could not be sent at all, by why.
    public internal(set) var sendErrors = SendErrors()
    /// How many datagrams were queued, in all; it may wrap around.
    public internal(set) var queuedCount = 0
    /// How often what was queued has been sent.
    var round: UInt64 = 0
    /// What a part of a train that is lent has around it.
    let surroundings: UnsafeMutableRawPointer
    /// A train that is taken apart.
    let aside: UnsafeMutableRawPointer
    var places = Places()
    var used = 0

    /// Reserves all memory that the batch will ever use: 5 MB, of which the host gives half a megabyte unless datagrams are
    /// long or come in trains.
    ///
    /// `joinsTrains`: sends equally long datagrams to one destination as one buffer, which the kernel or the network
    /// card cuts; a packet capture on this host shows it uncut.
    public init(mode: Mode = .vectored, joinsTrains: Bool = true) {
        self.init(mode == .ring ? .vectored : mode, joinsTrains: joinsTrains, ring: nil)
    }

    /// A batch that takes and sends its datagrams by an event loop's ring, where it has one.
    public init(for loop: borrowing EventLoop, joinsTrains: Bool = true) {
        self.init(loop.ring == nil ? .vectored : .ring, joinsTrains: joinsTrains, ring: loop.ring)
    }

    private init(_ mode: Mode, joinsTrains: Bool, ring: PacketRing?) {
        self.mode = mode
        self.ring = ring
        self.joinsTrains = joinsTrains && mode != .single
        let controlBytes = Self.capacity * Int(CLINUX_CONTROL_SIZE)
        unsafe buffers = LazyMemory.map(Self.capacity * Self.stride)
        unsafe LazyMemory.touch(buffers, Self.capacity, every: Self.stride)
        unsafe aside = LazyMemory.map(Self.slotSize)
        let around = Self.headroom + Self.tailroom
        unsafe surroundings = .allocate(byteCount: around, alignment: 64)
        unsafe surroundings.initializeMemory(as: UInt8.self, repeating: 0, count: around)
        unsafe controls = .allocate(byteCount: controlBytes, alignment: 16)
        unsafe controls.initializeMemory(as: UInt8.self, repeating: 0, count: controlBytes)
        unsafe starts = .allocate(capacity: Self.capacity)
        unsafe borrowed = .allocate(capacity: Self.capacity)
        unsafe borrowed.initialize(repeating: -1, count: Self.capacity)
        unsafe names = .allocate(capacity: Self.capacity)
        unsafe names.initialize(repeating: sockaddr_in6(), count: Self.capacity)
        unsafe vectors = .allocate(capacity: Self.capacity)
        unsafe vectors.initialize(repeating: iovec(), count: Self.capacity)
        unsafe received = .allocate(capacity: Self.capacity)
        unsafe received.initialize(repeating: clinux_mmsghdr(), count: Self.capacity)
        sendQueue = SendQueue()
        for slot in 0..<Self.capacity {
            let start = unsafe buffers + slot * Self.stride
            unsafe (starts + slot).initialize(to: start)
            unsafe vectors[slot] = iovec(iov_base: start + Self.headroom, iov_len: Self.slotSize)
            unsafe received[slot].header.msg_name = UnsafeMutableRawPointer(names + slot)
            unsafe received[slot].header.msg_iov = vectors + slot
            unsafe received[slot].header.msg_iovlen = 1
            unsafe received[slot].header.msg_control = control(of: slot)
            restore(slot)
        }
    }

    deinit {
        unsafe LazyMemory.unmap(buffers, Self.capacity * Self.stride)
        unsafe LazyMemory.unmap(aside, Self.slotSize)
        unsafe surroundings.deallocate()
        unsafe starts.deallocate()
        unsafe borrowed.deallocate()
        unsafe controls.deallocate()
        unsafe names.deallocate()
        unsafe vectors.deallocate()
        unsafe received.deallocate()
    }

    /// How many slots have nothing in them since the last `flush`.
    public var freeSlots: Int { Self.capacity &- used }

    /// Receives up to `limit` datagrams that wait at a socket, without blocking, into slots that are still free.
    ///
    /// Returns the slots that were filled; empty when nothing waits or no slot is free.
    public mutating func receive(from socket: SocketHandle, limit: Int = capacity) throws(SocketError) -> Range<Int> {
        let room = min(limit, freeSlots)
        guard room > 0 else { return used..<used }
        // A socket that an ICMP error came to tells it once instead of the datagrams that wait behind it.
        for _ in 0...PendingError.most {
            let count =
                mode == .single ? receiveSingly(socket.descriptor, room) : receiveMany(socket.descriptor, room)
            if count >= 0 {
                used &+= count
                return (used &- count)..<used
            }
            switch errno {
            case EAGAIN, EINTR:
                return used..<used
            case ENOSYS where mode != .single:
                mode = .single
            case let code where PendingError.retries(code) > 0:
                continue
            default:
                throw SocketError("receive", "\(socket.local)", code: errno)
            }
        }
        return used..<used
    }

    /// Receives up to `limit` datagrams of what an event loop has found to be ready, like `receive(from:)`.
    ///
    /// Those that came with the event come first, and are all as long as there are any.
    public mutating func receive(
        _ ready: inout EventLoop.Ready,
        from socket: SocketHandle,
        limit: Int = capacity
    ) throws(SocketError) -> Range<Int> {
        guard let ring, ready.hasArrivals else { return try receive(from: socket, limit: limit) }
        let count = min(limit, freeSlots, ready.arrivals.count)
        let first = ready.arrivals.lowerBound
        for arrival in first..<(first &+ count) { take(arrival, of: ring) }
        ready.arrivals = (first &+ count)..<ready.arrivals.upperBound
        return (used &- count)..<used
    }

    /// Lets the next free slot borrow a buffer of the ring.
    private mutating func take(_ arrival: Int, of ring: PacketRing) {
        let (buffer, number, bytes) = unsafe ring.buffer(of: arrival)
        var header = unsafe msghdr()
        var length: UInt32 = 0
        if unsafe clinux_ring_message(buffer, bytes, &header, &length) == 0 {
            // Nothing that a socket of ours receives: it counts as cut, so that nobody reads it.
            unsafe header.msg_flags = Int32(MSG_TRUNC)
        } else {
            unsafe UnsafeMutableRawPointer(names + used).copyMemory(
                from: header.msg_name,
                byteCount: min(Int(header.msg_namelen), MemoryLayout<sockaddr_in6>.size)
            )
        }
        unsafe received[used].header.msg_namelen = header.msg_namelen
        unsafe received[used].header.msg_control = header.msg_control
        unsafe received[used].header.msg_controllen = header.msg_controllen
        unsafe received[used].header.msg_flags = header.msg_flags
        unsafe received[used].length = length
        unsafe starts[used] = buffer + (Int(CLINUX_RING_PREFIX) - Self.headroom)
        unsafe borrowed[used] = Int32(number)
        used &+= 1
    }

    private func receiveMany(_ descriptor: Int32, _ room: Int) -> Int {
        let count = UInt32(truncatingIfNeeded: room)
        return Int(unsafe clinux_recvmmsg(descriptor, received + used, count, Int32(MSG_DONTWAIT)))
    }

    /// Receives datagrams one by one until none waits or `room` is full; -1 with errno when the first call fails.
    private func receiveSingly(_ descriptor: Int32, _ room: Int) -> Int {
        for count in 0..<room {
            let length = unsafe recvmsg(descriptor, &received[used &+ count].header, Int32(MSG_DONTWAIT))
            // An error is told only when nothing came; else it shows again at the next call.
            guard length >= 0 else { return count == 0 ? -1 : count }
            unsafe received[used &+ count].length = UInt32(truncatingIfNeeded: length)
        }
        return room
    }

    /// Takes a free slot for a datagram that answers none that was received; nil when all are used.
    ///
    /// It has length 0 and must be queued with an address to go to.
    public mutating func takeSlot() -> Int? {
        guard used < Self.capacity else { return nil }
        unsafe received[used].length = 0
        unsafe received[used].header.msg_flags = 0
        // What the slot's last datagram told of itself is still in its memory.
        unsafe received[used].header.msg_controllen = 0
        used &+= 1
        return used &- 1
    }

    /// Empties the batch, and restores what the kernel or a sending changed.
    mutating func restart() {
        for slot in 0..<used { restore(slot) }
        used = 0
        ring?.publish()
    }

    private func restore(_ slot: Int) {
        unsafe received[slot].header.msg_namelen = socklen_t(MemoryLayout<sockaddr_in6>.size)
        unsafe received[slot].header.msg_controllen = Int(CLINUX_CONTROL_SIZE)
        guard let ring, unsafe borrowed[slot] >= 0 else { return }
        ring.giveBack(UInt16(truncatingIfNeeded: unsafe borrowed[slot]))
        unsafe borrowed[slot] = -1
        unsafe starts[slot] = buffers + slot &* Self.stride
        unsafe received[slot].header.msg_control = control(of: slot)
    }

    func start(of slot: Int) -> UnsafeMutableRawPointer { unsafe starts[slot] }

    func control(of slot: Int) -> UnsafeMutableRawPointer {
        unsafe controls + slot &* Int(CLINUX_CONTROL_SIZE)
    }

    /// Whether a received datagram fitted its slot: what is cut is no datagram.
    public func isWhole(_ slot: Int) -> Bool {
        check(slot)
        return unsafe received[slot].header.msg_flags & Int32(MSG_TRUNC) == 0
    }

    /// The length of a received datagram, or train, in bytes; 0 when it was cut.
    public func length(of slot: Int) -> Int { isWhole(slot) ? Int(unsafe received[slot].length) : 0 }

    /// Where a datagram came from.
    public func source(of slot: Int) -> SocketAddress {
        check(slot)
        return unsafe SystemAddress.load(names + slot)
    }

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
        check(slot)
        return unsafe withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) { bytes in
            guard let base = bytes.baseAddress else { return .unknown }
            let count = unsafe withUnsafePointer(to: received[slot].header) { header in
                unsafe clinux_packet_info(header, base.assumingMemoryBound(to: UInt8.self))
            }
            if count < 0 { return .group }
            return unsafe SystemAddress.loadBytes(base, count: count).map { .address($0) } ?? .unknown
        }
    }

    /// The TOS byte (IPv4) or traffic class (IPv6) of a received datagram: its DSCP and its ECN bits; 0 in a taken slot.
    func trafficClass(of slot: Int) -> UInt8 {
        unsafe withUnsafePointer(to: received[slot].header) { unsafe clinux_traffic_class($0) }
    }

    /// A slot's whole buffer: `headroom` bytes, then the datagram of `length(of:)` bytes, then what is left of the slot.
    @_lifetime(&self)
    public mutating func bytes(of slot: Int) -> MutableRawSpan {
        check(slot)
        let bytes = unsafe MutableRawSpan(_unsafeStart: start(of: slot), byteCount: Self.stride)
        return unsafe _overrideLifetime(bytes, mutating: &self)
    }

    @inline(__always)
    func check(_ slot: Int) {
        precondition(slot >= 0 && slot < Self.capacity, "a batch has no such slot")
    }
}
