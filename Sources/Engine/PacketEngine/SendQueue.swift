// Unsafe: the memory of the send queue, allocated once, in which the kernel finds what to send.

import Addresses
import CLinux
import Glibc

/// What a batch will send: the datagrams of each socket in the order in which they were queued.
///
/// Datagrams of one socket need not be queued one after another: those of many clients leave by many relay sockets, in
/// turns, and yet one call a socket sends them. The order of two sockets means nothing to anybody.
@safe
struct SendQueue: ~Copyable {
    /// One datagram.
    struct Entry {
        /// The local address to send from, when the socket has many.
        var source: IPAddress?
        var tag: Int32 = 0
        var slot: UInt8 = 0
        /// The next datagram of the same socket; -1 at the end.
        var next: Int8 = -1
        var start: UInt16 = 0
        var count: UInt16 = 0
        var dontFragment = false
        /// The TOS byte or traffic class to send with; 0 is what the system sends by itself.
        var trafficClass: UInt8 = 0
    }

    /// The datagrams of one socket.
    struct Run {
        var descriptor: Int32
        var first: Int8
        var last: Int8
    }

    /// What one header of a system call sends: one datagram, or a train of them that the system cuts.
    struct Message {
        var first: Int8
        var count: UInt8
        /// The socket, for the ring, which sends those of all sockets at once.
        var descriptor: Int32 = -1
    }

    private static let buckets = 2 * DatagramBatch.capacity

    let entries: UnsafeMutablePointer<Entry>
    let runs: UnsafeMutablePointer<Run>
    /// From a hash of a descriptor to its run; -1 where there is none.
    private let index: UnsafeMutablePointer<Int8>
    /// The headers of what is being sent, with their vectors.
    let headers: UnsafeMutablePointer<clinux_mmsghdr>
    let vectors: UnsafeMutablePointer<iovec>
    let messages: UnsafeMutablePointer<Message>
    private(set) var count = 0
    private(set) var runCount = 0
    /// How many headers and vectors are filled.
    var messageCount = 0
    var vectorCount = 0
    private var latest = 0

    init() {
        unsafe entries = .allocate(capacity: DatagramBatch.capacity)
        unsafe entries.initialize(repeating: Entry(), count: DatagramBatch.capacity)
        unsafe runs = .allocate(capacity: DatagramBatch.capacity)
        unsafe runs.initialize(repeating: Run(descriptor: -1, first: -1, last: -1), count: DatagramBatch.capacity)
        unsafe index = .allocate(capacity: Self.buckets)
        unsafe index.initialize(repeating: -1, count: Self.buckets)
        unsafe headers = .allocate(capacity: DatagramBatch.capacity)
        unsafe headers.initialize(repeating: clinux_mmsghdr(), count: DatagramBatch.capacity)
        unsafe vectors = .allocate(capacity: DatagramBatch.capacity)
        unsafe vectors.initialize(repeating: iovec(), count: DatagramBatch.capacity)
        unsafe messages = .allocate(capacity: DatagramBatch.capacity)
        unsafe messages.initialize(repeating: Message(first: -1, count: 0), count: DatagramBatch.capacity)
    }

    deinit {
        unsafe headers.deallocate()
        unsafe vectors.deallocate()
        unsafe messages.deallocate()
        unsafe entries.deallocate()
        unsafe runs.deallocate()
        unsafe index.deallocate()
    }

    /// Puts a datagram behind those of the same socket; false when the queue is full.
    mutating func append(_ entry: Entry, to descriptor: Int32) -> Bool {
        guard count < DatagramBatch.capacity else { return false }
        let new = Int8(truncatingIfNeeded: count)
        unsafe entries[count] = entry
        count &+= 1
        latest = run(of: descriptor)
        if unsafe runs[latest].last >= 0 {
            unsafe entries[Int(runs[latest].last)].next = new
        } else {
            unsafe runs[latest].first = new
        }
        unsafe runs[latest].last = new
        return true
    }

    mutating func removeAll() {
        count = 0
        runCount = 0
        messageCount = 0
        vectorCount = 0
        unsafe index.update(repeating: -1, count: Self.buckets)
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
        unsafe index[bucket] = Int8(truncatingIfNeeded: runCount)
        unsafe runs[runCount] = Run(descriptor: descriptor, first: -1, last: -1)
        runCount &+= 1
        return runCount &- 1
    }
}
