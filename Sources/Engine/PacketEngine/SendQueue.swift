// Unsafe: the memory of the send queue, mapped once, in which the kernel finds what to send.

import Addresses
import CLinux
import Glibc

/// What a batch will send: the datagrams of each socket in the order in which they were queued.
///
/// Datagrams of one socket need not be queued one after another: those of many clients leave by many relay sockets, in
/// turns, and yet one call a socket sends them. The order of two sockets means nothing to anybody.
@safe
struct SendQueue: ~Copyable {
    /// How many datagrams it holds: a slot may have a train of them.
    static let capacity = 1024
    /// The room for what stands before a part of a train: its neighbour's bytes are there, so it lies apart.
    static let headerSize = DatagramBatch.headroom
    /// How many zeros may follow a part of a train.
    static let trailerSize = 4
    /// How many vectors a datagram has at most: header, bytes in place, trailer.
    static let vectorsEach = 3

    /// One datagram.
    @safe
    struct Entry {
        /// Where its bytes lie in a slot.
        var base: UnsafeMutableRawPointer
        /// How many.
        var count: UInt32
        var tag: Int32 = 0
        /// The local address to send from, when the socket has many.
        var source: IPAddress?
        /// The next datagram of the same socket; -1 at the end.
        var next: Int16 = -1
        /// How many bytes stand before those of the slot, in `headers`.
        var header: UInt8 = 0
        /// How many zeros follow them.
        var trailer: UInt8 = 0
        /// How much of its name counts.
        var nameLength: UInt8 = 0
        var dontFragment = false
        /// Whether its socket is told of ICMP errors.
        var hasErrorQueue = false
        /// The TOS byte or traffic class to send with; 0 is what the system sends by itself.
        var trafficClass: UInt8 = 0

        /// The length of the datagram in bytes.
        var length: Int { Int(header) &+ Int(count) &+ Int(trailer) }

        /// How many vectors it takes.
        var vectors: Int { max(1, (header > 0 ? 1 : 0) &+ (count > 0 ? 1 : 0) &+ (trailer > 0 ? 1 : 0)) }
    }

    /// The datagrams of one socket.
    struct Run {
        var descriptor: Int32
        var first: Int16
        var last: Int16
        /// Where the index has it.
        var bucket: Int16
    }

    /// What one header of a system call sends: one datagram, or a train of them that the system cuts.
    struct Message {
        var first: Int16
        var count: UInt8
        /// The socket, for the ring, which sends those of all sockets at once.
        var descriptor: Int32 = -1
    }

    private static let buckets = 2 * capacity

    let entries: UnsafeMutablePointer<Entry>
    /// Where each datagram goes.
    let names: UnsafeMutablePointer<sockaddr_in6>
    /// What stands before each, `headerSize` bytes from one to the next.
    let prefixes: UnsafeMutableRawPointer
    let trailer: UnsafeMutableRawPointer
    let runs: UnsafeMutablePointer<Run>
    /// From a hash of a descriptor to its run; -1 where there is none.
    private let index: UnsafeMutablePointer<Int16>
    /// The headers of what is being sent, with their vectors and control messages.
    let headers: UnsafeMutablePointer<clinux_mmsghdr>
    let vectors: UnsafeMutablePointer<iovec>
    let controls: UnsafeMutableRawPointer
    let messages: UnsafeMutablePointer<Message>
    private(set) var count = 0
    private(set) var runCount = 0
    /// How many headers and vectors are filled.
    var messageCount = 0
    var vectorCount = 0
    private var latest = 0

    init() {
        unsafe entries = LazyMemory.map(Self.capacity, of: Entry.self)
        unsafe names = LazyMemory.map(Self.capacity, of: sockaddr_in6.self)
        unsafe prefixes = LazyMemory.map(Self.capacity * Self.headerSize)
        unsafe trailer = .allocate(byteCount: Self.trailerSize, alignment: 8)
        unsafe trailer.initializeMemory(as: UInt8.self, repeating: 0, count: Self.trailerSize)
        unsafe runs = LazyMemory.map(Self.capacity, of: Run.self)
        unsafe index = .allocate(capacity: Self.buckets)
        unsafe index.initialize(repeating: -1, count: Self.buckets)
        unsafe headers = LazyMemory.map(Self.capacity, of: clinux_mmsghdr.self)
        unsafe vectors = LazyMemory.map(Self.capacity * Self.vectorsEach, of: iovec.self)
        unsafe controls = LazyMemory.map(Self.capacity * Int(CLINUX_CONTROL_SIZE))
        unsafe messages = LazyMemory.map(Self.capacity, of: Message.self)
    }

    deinit {
        unsafe LazyMemory.unmap(entries, Self.capacity)
        unsafe LazyMemory.unmap(names, Self.capacity)
        unsafe LazyMemory.unmap(prefixes, Self.capacity * Self.headerSize)
        unsafe trailer.deallocate()
        unsafe LazyMemory.unmap(runs, Self.capacity)
        unsafe index.deallocate()
        unsafe LazyMemory.unmap(headers, Self.capacity)
        unsafe LazyMemory.unmap(vectors, Self.capacity * Self.vectorsEach)
        unsafe LazyMemory.unmap(controls, Self.capacity * Int(CLINUX_CONTROL_SIZE))
        unsafe LazyMemory.unmap(messages, Self.capacity)
    }

    var isFull: Bool { count == Self.capacity }

    /// Where the bytes before a datagram are kept.
    func prefix(of entry: Int) -> UnsafeMutableRawPointer { unsafe prefixes + entry &* Self.headerSize }

    /// Where the control messages of a message are written.
    func control(of message: Int) -> UnsafeMutableRawPointer { unsafe controls + message &* Int(CLINUX_CONTROL_SIZE) }

    /// Puts a datagram behind those of the same socket, whose name and header are then to be written; there is room.
    ///
    /// Returns its number.
    mutating func append(_ entry: Entry, to descriptor: Int32) -> Int {
        precondition(count < Self.capacity, "who queues has made room")
        let new = count
        unsafe entries[new] = entry
        count &+= 1
        latest = run(of: descriptor)
        let number = Int16(truncatingIfNeeded: new)
        if unsafe runs[latest].last >= 0 {
            unsafe entries[Int(runs[latest].last)].next = number
        } else {
            unsafe runs[latest].first = number
        }
        unsafe runs[latest].last = number
        return new
    }

    mutating func removeAll() {
        for run in 0..<runCount { unsafe index[Int(runs[run].bucket)] = -1 }
        count = 0
        runCount = 0
        messageCount = 0
        vectorCount = 0
    }

    /// The run of a socket, found or begun: descriptors are small numbers one after another, so they hardly ever collide.
    private mutating func run(of descriptor: Int32) -> Int {
        if runCount > 0, unsafe runs[latest].descriptor == descriptor { return latest }
        var bucket = Int(truncatingIfNeeded: descriptor) & (Self.buckets - 1)
        while unsafe index[bucket] >= 0 {
            let found = unsafe Int(index[bucket])
            if unsafe runs[found].descriptor == descriptor { return found }
            bucket = (bucket &+ 1) & (Self.buckets - 1)
        }
        unsafe index[bucket] = Int16(truncatingIfNeeded: runCount)
        let new = Run(descriptor: descriptor, first: -1, last: -1, bucket: Int16(truncatingIfNeeded: bucket))
        unsafe runs[runCount] = new
        runCount &+= 1
        return runCount &- 1
    }
}
