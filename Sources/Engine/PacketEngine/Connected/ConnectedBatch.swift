// Unsafe: the memory that the kernel reads and writes in one call for many datagrams, allocated once and never moved.

import CLinux
import Glibc

/// Up to 64 datagrams that a client sends or receives by one system call on a `ConnectedSocket`.
///
/// What comes in and what goes out have memory of their own, so that answers can be read while the next requests are
/// written. It is meant for load that is made, not for serving: `DatagramBatch` serves.
@safe
public struct ConnectedBatch: ~Copyable {
    /// How many datagrams can be sent by one call, and how many buffers be received.
    public static let capacity = 64
    /// The longest datagram that can be sent, in bytes.
    public static let slotSize = 2048
    /// The longest train in bytes: what fits one IP packet, with room for its headers.
    private static let trainBytes = 65_000
    /// How many buffers a batch for trains receives at once.
    private static let trainSlots = 8
    private static let controlSize = 64

    private let receiveSlots: Int
    private let receiveSize: Int
    private let hasControls: Bool
    private let incoming: UnsafeMutableRawPointer
    private let outgoing: UnsafeMutableRawPointer
    private let controls: UnsafeMutableRawPointer
    private let vectors: UnsafeMutablePointer<iovec>
    private let messages: UnsafeMutablePointer<clinux_mmsghdr>
    private let outgoingVectors: UnsafeMutablePointer<iovec>
    private let outgoingMessages: UnsafeMutablePointer<clinux_mmsghdr>
    /// How many datagrams the system refused to send, ICMP errors of earlier ones among them.
    public private(set) var refused: UInt64 = 0
    /// The system's error number of the last one.
    public private(set) var lastRefusal: Int32 = 0

    /// Allocates all memory that the batch will ever use; one that `readsTrains` has buffers for whole trains.
    public init(readsTrains: Bool = false) {
        receiveSlots = readsTrains ? Self.trainSlots : Self.capacity
        receiveSize = readsTrains ? 65_536 : Self.slotSize
        hasControls = readsTrains
        unsafe incoming = .allocate(byteCount: receiveSlots * receiveSize, alignment: 64)
        unsafe incoming.initializeMemory(as: UInt8.self, repeating: 0, count: receiveSlots * receiveSize)
        unsafe outgoing = .allocate(byteCount: Self.capacity * Self.slotSize, alignment: 64)
        unsafe outgoing.initializeMemory(as: UInt8.self, repeating: 0, count: Self.capacity * Self.slotSize)
        // One more than there are receive slots: for the train that is sent.
        let controlBytes = (receiveSlots + 1) * Self.controlSize
        unsafe controls = .allocate(byteCount: controlBytes, alignment: 16)
        unsafe controls.initializeMemory(as: UInt8.self, repeating: 0, count: controlBytes)
        unsafe vectors = .allocate(capacity: receiveSlots)
        unsafe messages = .allocate(capacity: receiveSlots)
        unsafe messages.initialize(repeating: clinux_mmsghdr(), count: receiveSlots)
        unsafe outgoingVectors = .allocate(capacity: Self.capacity)
        unsafe outgoingMessages = .allocate(capacity: Self.capacity)
        unsafe outgoingMessages.initialize(repeating: clinux_mmsghdr(), count: Self.capacity)
        for slot in 0..<receiveSlots {
            unsafe (vectors + slot).initialize(
                to: iovec(iov_base: incoming + slot * receiveSize, iov_len: receiveSize)
            )
            unsafe messages[slot].header.msg_iov = vectors + slot
            unsafe messages[slot].header.msg_iovlen = 1
        }
        for slot in 0..<Self.capacity {
            unsafe (outgoingVectors + slot).initialize(
                to: iovec(iov_base: outgoing + slot * Self.slotSize, iov_len: 0)
            )
            unsafe outgoingMessages[slot].header.msg_iov = outgoingVectors + slot
            unsafe outgoingMessages[slot].header.msg_iovlen = 1
        }
    }

    deinit {
        unsafe incoming.deallocate()
        unsafe outgoing.deallocate()
        unsafe controls.deallocate()
        unsafe vectors.deallocate()
        unsafe messages.deallocate()
        unsafe outgoingVectors.deallocate()
        unsafe outgoingMessages.deallocate()
    }

    // MARK: Receiving

    /// Receives what waits at a socket into the batch's buffers, without blocking; returns how many were filled.
    ///
    /// An ICMP error that waits counts as nothing: it is told once, instead of the datagrams behind it.
    public mutating func receive(from socket: ConnectedSocket) -> Int {
        if hasControls {
            for slot in 0..<receiveSlots {
                unsafe messages[slot].header.msg_control = controls + slot * Self.controlSize
                unsafe messages[slot].header.msg_controllen = Self.controlSize
            }
        }
        let room = UInt32(truncatingIfNeeded: receiveSlots)
        let count = unsafe clinux_recvmmsg(socket.descriptor, messages, room, Int32(MSG_DONTWAIT))
        guard count >= 0 else {
            if errno != EAGAIN && errno != EINTR { note(errno) }
            return 0
        }
        return Int(count)
    }

    /// The bytes of a buffer that was filled: one datagram, or a train of them.
    @_lifetime(borrow self)
    public func received(_ slot: Int) -> RawSpan {
        precondition(slot >= 0 && slot < receiveSlots, "a batch has no such slot")
        let count = unsafe min(Int(messages[slot].length), receiveSize)
        let bytes = unsafe RawSpan(_unsafeStart: incoming + slot &* receiveSize, byteCount: count)
        return unsafe _overrideLifetime(bytes, borrowing: self)
    }

    /// The length of each datagram in a buffer that was filled, but of the last, which may be shorter; the buffer's own
    /// length when it holds one datagram.
    public func segment(_ slot: Int) -> Int {
        precondition(slot >= 0 && slot < receiveSlots, "a batch has no such slot")
        let count = unsafe Int(messages[slot].length)
        // The only control message that such a socket is asked for: its length, level, type, and the value (cmsg(3)).
        guard hasControls, unsafe messages[slot].header.msg_controllen >= 20 else { return count }
        let control = unsafe UnsafeRawPointer(controls + slot &* Self.controlSize)
        guard unsafe control.loadUnaligned(fromByteOffset: 8, as: Int32.self) == Int32(IPPROTO_UDP),
            unsafe control.loadUnaligned(fromByteOffset: 12, as: Int32.self) == Int32(CLINUX_UDP_GRO)
        else { return count }
        let size = unsafe Int(control.loadUnaligned(fromByteOffset: 16, as: Int32.self))
        return size > 0 ? min(size, count) : count
    }

    // MARK: Sending

    /// The memory of a datagram to be sent, `slotSize` bytes long.
    @_lifetime(&self)
    public mutating func datagram(_ slot: Int) -> MutableRawSpan {
        precondition(slot >= 0 && slot < Self.capacity, "a batch has no such slot")
        let bytes = unsafe MutableRawSpan(_unsafeStart: outgoing + slot &* Self.slotSize, byteCount: Self.slotSize)
        return unsafe _overrideLifetime(bytes, mutating: &self)
    }

    /// Sets how many bytes of it are sent.
    public mutating func setLength(_ slot: Int, _ count: Int) {
        precondition(slot >= 0 && slot < Self.capacity && count >= 0 && count <= Self.slotSize, "no such datagram")
        unsafe outgoingVectors[slot].iov_len = count
    }

    /// The bytes of a datagram that is to be sent, as long as was set.
    @_lifetime(borrow self)
    public func outgoing(_ slot: Int) -> RawSpan {
        precondition(slot >= 0 && slot < Self.capacity, "a batch has no such slot")
        let count = unsafe outgoingVectors[slot].iov_len
        let bytes = unsafe RawSpan(_unsafeStart: outgoing + slot &* Self.slotSize, byteCount: count)
        return unsafe _overrideLifetime(bytes, borrowing: self)
    }

    /// Sends the first `count` datagrams; returns how many the system took.
    ///
    /// What the socket's buffer has no room for is tried again a hundred times, since a load that is not sent measures
    /// nothing.
    @discardableResult
    public mutating func send(_ count: Int, on socket: ConnectedSocket) -> Int {
        var done = 0
        var attempts = 0
        while done < count, attempts < 100 {
            let rest = UInt32(truncatingIfNeeded: count &- done)
            let sent = unsafe clinux_sendmmsg(socket.descriptor, outgoingMessages + done, rest, 0)
            if sent > 0 {
                done &+= Int(sent)
            } else {
                note(errno)
                attempts &+= 1
            }
        }
        return done
    }

    /// Sends the first `count` datagrams, all of one length, as trains that the system cuts (UDP_SEGMENT).
    @discardableResult
    public mutating func sendTrain(_ count: Int, on socket: ConnectedSocket) -> Int {
        guard count > 1 else { return send(count, on: socket) }
        let length = unsafe Int(outgoingVectors[0].iov_len)
        guard length > 0 else { return 0 }
        let most = max(min(Self.trainBytes / length, Self.capacity), 1)
        let control = unsafe controls + receiveSlots &* Self.controlSize
        var header = unsafe msghdr()
        unsafe header.msg_control = control
        unsafe header.msg_controllen = clinux_set_segment(control, UInt16(truncatingIfNeeded: length))
        var done = 0
        while done < count {
            let part = min(most, count &- done)
            unsafe header.msg_iov = outgoingVectors + done
            unsafe header.msg_iovlen = part
            // Twice: the first call may tell of an ICMP error that an earlier datagram led to.
            if unsafe sendmsg(socket.descriptor, &header, 0) < 0 {
                note(errno)
                if unsafe sendmsg(socket.descriptor, &header, 0) < 0 { return done }
            }
            done &+= part
        }
        return done
    }

    private mutating func note(_ code: Int32) {
        refused &+= 1
        lastRefusal = code
    }
}
