// Unsafe: parts of a slot's memory are lent, put back and copied.

public import Addresses
import CLinux
import Glibc

/// Trains that came: datagrams of one sender, equally long but for the last, which the network card or the loopback hands
/// over as one (UDP_GRO, udp(7)). They lie one behind the other in a slot.
///
/// A part is edited where it lies, although its headroom is its neighbour's end: `lend` keeps what is around it, `queue` copies
/// what was written there, and `takeBack` puts it right. So a train goes through the host without being copied.
extension DatagramBatch {
    /// How many bytes may be written behind a part of a train: padding.
    public static let tailroom = SendQueue.trailerSize

    /// A train in a slot.
    public struct Train: Sendable, Equatable {
        /// The slot that it came in.
        public let slot: Int
        /// The length of all its datagrams but the last, in bytes.
        public let segment: Int
        /// The length of all of it, in bytes.
        public let length: Int
        /// How many datagrams it has.
        public let count: Int

        /// The `index`-th datagram.
        public subscript(index: Int) -> Part {
            precondition(index >= 0 && index < count, "a train has no such part")
            let begin = index &* segment
            return Part(slot: slot, offset: headroom &+ begin, count: min(segment, length &- begin))
        }
    }

    /// A datagram of a train.
    public struct Part: Sendable, Equatable {
        /// The slot that it came in.
        public let slot: Int
        /// Where it begins in the slot's buffer.
        public let offset: Int
        /// Its length in bytes.
        public let count: Int
    }

    /// The slots in which parts of a train that is taken apart lie.
    struct Places {
        /// The first of those that were free.
        var free = 0
        /// How many are taken since the last sending; the first one is the train's own slot.
        var taken = 0
    }

    /// The train that a slot holds; nil for nearly all, which hold one datagram.
    public func train(in slot: Int) -> Train? {
        check(slot)
        let segment = unsafe withUnsafePointer(to: received[slot].header) { unsafe Int(clinux_segment($0)) }
        guard segment > 0 else { return nil }
        let length = min(length(of: slot), Self.slotSize &- Self.tailroom)
        guard segment < length else { return nil }
        return Train(slot: slot, segment: segment, length: length, count: (length &+ segment &- 1) / segment)
    }

    /// The bytes of a part to be looked at; `mutating` lest the batch be copied for it.
    @_lifetime(&self)
    public mutating func read(_ part: Part) -> RawSpan {
        check(part)
        let bytes = unsafe RawSpan(_unsafeStart: start(of: part.slot) + part.offset, byteCount: part.count)
        return unsafe _overrideLifetime(bytes, mutating: &self)
    }

    /// The bytes of a part alone, which can be read and made shorter, but have nothing around them.
    @_lifetime(&self)
    public mutating func bytes(of part: Part) -> MutableRawSpan {
        check(part)
        let bytes = unsafe MutableRawSpan(_unsafeStart: start(of: part.slot) + part.offset, byteCount: part.count)
        return unsafe _overrideLifetime(bytes, mutating: &self)
    }

    /// Lends a part with `headroom` bytes before it and `tailroom` behind it, which may be written until `takeBack`.
    @_lifetime(&self)
    public mutating func lend(_ part: Part) -> MutableRawSpan {
        check(part)
        // Not between here and `takeBack`, since what is queued is not as it was.
        makeRoom()
        let begin = unsafe start(of: part.slot) + (part.offset &- Self.headroom)
        let end = unsafe begin + (Self.headroom &+ part.count)
        unsafe surroundings.copyMemory(from: begin, byteCount: Self.headroom)
        unsafe (surroundings + Self.headroom).copyMemory(from: end, byteCount: Self.tailroom)
        let count = Self.headroom &+ part.count &+ Self.tailroom
        let bytes = unsafe MutableRawSpan(_unsafeStart: begin, byteCount: count)
        return unsafe _overrideLifetime(bytes, mutating: &self)
    }

    /// Puts back what was around a part that was lent.
    public mutating func takeBack(_ part: Part) {
        check(part)
        let begin = unsafe start(of: part.slot) + (part.offset &- Self.headroom)
        unsafe begin.copyMemory(from: surroundings, byteCount: Self.headroom)
        let end = unsafe begin + (Self.headroom &+ part.count)
        unsafe end.copyMemory(from: surroundings + Self.headroom, byteCount: Self.tailroom)
    }

    /// Queues a datagram that was made of a part, like `queue(slot:)`; one of a part that is lent before it is taken back.
    ///
    /// - `start`: where it begins in the lent bytes: `headroom` is where the part does.
    /// - `count`: its length; what goes beyond the part is zeros.
    public mutating func queue(
        _ part: Part,
        start: Int,
        count: Int,
        on socket: SocketHandle,
        to destination: SocketAddress,
        from source: IPAddress? = nil,
        dontFragment: Bool = false,
        copiesTrafficClass: Bool = false,
        tag: Int
    ) {
        check(part)
        let (partEnd, end) = (Self.headroom &+ part.count, start &+ count)
        let isInside = start >= 0 && count >= 0 && start <= partEnd && end <= partEnd &+ Self.tailroom
        precondition(isInside, "a datagram lies within what was lent")
        makeRoom()
        let begin = unsafe self.start(of: part.slot) + (part.offset &- Self.headroom)
        let bodyStart = max(start, Self.headroom)
        let header = max(0, min(end, Self.headroom) &- start)
        let entry = unsafe SendQueue.Entry(
            base: begin + bodyStart,
            count: UInt32(truncatingIfNeeded: max(0, min(end, partEnd) &- bodyStart)),
            tag: Int32(truncatingIfNeeded: tag),
            source: source,
            header: UInt8(truncatingIfNeeded: header),
            trailer: UInt8(truncatingIfNeeded: max(0, end &- partEnd)),
            dontFragment: dontFragment,
            hasErrorQueue: socket.hasErrorQueue,
            trafficClass: copiesTrafficClass ? trafficClass(of: part.slot) : 0
        )
        let new = sendQueue.append(entry, to: socket.descriptor)
        address(new, to: destination, part.slot)
        if header > 0 { unsafe sendQueue.prefix(of: new).copyMemory(from: begin + start, byteCount: header) }
    }

    // MARK: Trains whose datagrams are answered

    /// Puts a train aside, so that each of its datagrams gets a slot by `takeOut`, one after another from the first on.
    public mutating func takeApart(_ train: Train) {
        check(train.slot)
        unsafe aside.copyMemory(
            from: start(of: train.slot) + Self.headroom,
            byteCount: min(train.length, Self.slotSize)
        )
        places = Places(free: used)
    }

    /// Puts the `index`-th datagram of the train that was put aside into a slot, as if it had come alone.
    ///
    /// The train's own slot is used first, then those that are free, then these again: what is queued from them is sent before.
    public mutating func takeOut(_ index: Int, of train: Train) -> Int {
        let part = train[index]
        let slot = nextPlace(train.slot)
        let offset = part.offset &- Self.headroom
        unsafe (start(of: slot) + Self.headroom).copyMemory(from: aside + offset, byteCount: part.count)
        unsafe received[slot].length = UInt32(truncatingIfNeeded: part.count)
        guard slot != train.slot else { return slot }
        unsafe names[slot] = names[train.slot]
        unsafe received[slot].header.msg_namelen = received[train.slot].header.msg_namelen
        unsafe received[slot].header.msg_flags = received[train.slot].header.msg_flags
        let size = unsafe min(received[train.slot].header.msg_controllen, Int(CLINUX_CONTROL_SIZE))
        unsafe control(of: slot).copyMemory(from: received[train.slot].header.msg_control, byteCount: size)
        unsafe received[slot].header.msg_controllen = size
        return slot
    }

    private mutating func nextPlace(_ own: Int) -> Int {
        var slot = places.taken == 0 ? own : places.free &+ places.taken &- 1
        if slot >= Self.capacity {
            sendQueued()
            places.taken = 0
            slot = own
        }
        if places.taken > 0 { used = max(used, slot &+ 1) }
        places.taken &+= 1
        return slot
    }

    @inline(__always)
    private func check(_ part: Part) {
        check(part.slot)
        let isInside =
            part.offset >= Self.headroom && part.count >= 0 && part.offset &+ part.count <= Self.stride &- Self.tailroom
        precondition(isInside, "a part lies within its slot")
    }
}
