// Unsafe: memory that the kernel fills by itself, and lists of what it has told, allocated once.

import CLinux
import Glibc

/// One worker's io_uring: what it receives comes by itself into buffers, and what it sends is queued, so that one system
/// call a turn does both.
///
/// `EventLoop` waits by it and `DatagramBatch` sends by it; both belong to one thread, and so does this.
@safe
final class PacketRing {
    /// How many buffers the kernel has for what comes between two turns.
    private static let bufferCount = 256
    static let requests: UInt32 = 512
    static let completions = 4096
    /// After a wait that found so many events more may be there, which the kernel has put off.
    private static let manyEvents = 16
    /// From one buffer to the next: a whole number of cache lines, and no power of two (`DatagramBatch.stride`).
    private static let stride = Int(CLINUX_RING_PREFIX) + DatagramBatch.slotSize

    /// What a request was for: the upper bits of its user data.
    enum Kind: UInt64 {
        case receive = 0
        case poll = 1
        case send = 2
        case cancel = 3
    }

    static let kindShift: UInt64 = 60
    /// What tokens of sockets may use of a request's user data.
    static let tokenMask: UInt64 = (1 << kindShift) - 1

    /// A datagram in a buffer.
    struct Arrival {
        var buffer: UInt16
        var bytes: UInt32
    }

    /// A message that could not be sent.
    struct Refused {
        var message: Int
        var code: Int32
    }

    /// Something that is watched without being read by the ring itself.
    private struct Polled {
        let descriptor: Int32
        let token: UInt64
        var isArmed: Bool
        /// Whether it is the epoll instance of the streams, which has events of its own.
        var isOfStreams = false
    }

    struct Counts {
        var events = 0
        /// How many of the events have been asked for.
        var served = 0
        /// The events that were there before completions were taken last: who asked for one of them has a copy, so no
        /// arrival may be added to it.
        var settled = 0
        var arrivals = 0
        /// The events of streams, which are asked for again rather than kept.
        var streams = 0..<0
        var refused = 0
        /// Tells what one flush sent from what the next one does.
        var round: UInt64 = 0
    }

    let ring: OpaquePointer
    /// 17 MB, of which the host gives 2 MB unless datagrams are long or come in trains.
    private let memory: UnsafeMutableRawPointer
    let events: UnsafeMutablePointer<EventLoop.Ready>
    private let arrivals: UnsafeMutablePointer<Arrival>
    let refused: UnsafeMutablePointer<Refused>
    private var polled: [Polled] = []
    /// The token of each descriptor that is received from.
    var tokens: [UInt64?] = []
    var counts = Counts()
    /// Whether some stream had something to tell since `beginStreams`.
    private(set) var streamsAreReady = false

    /// Opens a ring for the calling thread, or says why the system does not let us.
    /// - `streams`: an epoll instance that is polled like a socket.
    init(streams: Int32) throws(SocketError) {
        var opened: OpaquePointer?
        let code = unsafe clinux_ring_open(&opened, Self.requests, UInt32(Self.completions))
        guard code == 0, let opened = unsafe opened else { throw SocketError("io_uring_setup", "worker", code: -code) }
        unsafe ring = opened
        unsafe memory = LazyMemory.map(Self.bufferCount * Self.stride)
        unsafe LazyMemory.touch(memory, Self.bufferCount, every: Self.stride)
        unsafe events = .allocate(capacity: Self.completions)
        unsafe events.initialize(
            repeating: .init(token: 0, isReadable: false, hasError: false),
            count: Self.completions
        )
        unsafe arrivals = .allocate(capacity: Self.completions)
        unsafe arrivals.initialize(repeating: Arrival(buffer: 0, bytes: 0), count: Self.completions)
        unsafe refused = .allocate(capacity: SendQueue.capacity)
        unsafe refused.initialize(repeating: Refused(message: 0, code: 0), count: SendQueue.capacity)
        let size = UInt32(Self.stride)
        let added = unsafe clinux_ring_add_buffers(ring, memory, UInt32(Self.bufferCount), Self.stride, size)
        guard added == 0 else { throw SocketError("io_uring_register", "buffers", code: -added) }
        polled.append(Polled(descriptor: streams, token: 0, isArmed: false, isOfStreams: true))
    }

    deinit {
        // What is closed is let go some time later only, and with it the sockets: a server that is started again would find
        // its ports taken.
        if makeRoom() { unsafe clinux_ring_cancel_all(ring) }
        settle()
        // Before the buffers go, since the kernel may write into them until then.
        unsafe clinux_ring_close(ring)
        unsafe LazyMemory.unmap(memory, Self.bufferCount * Self.stride)
        unsafe events.deallocate()
        unsafe arrivals.deallocate()
        unsafe refused.deallocate()
    }

    /// Whether the kernel itself can wait for several datagrams (Linux 6.12).
    var canGather: Bool { unsafe clinux_ring_has_min_wait(ring) != 0 }

    // MARK: Watching

    /// Receives everything that comes to a socket from the next `wait` on.
    func receive(_ descriptor: Int32, token: UInt64) {
        let index = Int(max(0, descriptor))
        if index >= tokens.count { tokens += [UInt64?](repeating: nil, count: index + 64 - tokens.count) }
        tokens[index] = token & Self.tokenMask
        guard makeRoom() else {
            // Who serves this event asks once more.
            return append(.init(token: token & Self.tokenMask, isReadable: false, hasError: false, hasEnded: true))
        }
        unsafe clinux_ring_receive(ring, descriptor, token & Self.tokenMask)
    }

    /// Tells, from the next `wait` on, when there is something to read.
    func poll(_ descriptor: Int32, token: UInt64) {
        polled.append(Polled(descriptor: descriptor, token: token, isArmed: false))
    }

    /// Receives no more, after which the socket can be closed.
    ///
    /// The kernel holds a socket that it receives from: without this its port would stay taken.
    func cancel(_ descriptor: Int32, token: UInt64) {
        if tokens.indices.contains(Int(descriptor)) { tokens[Int(descriptor)] = nil }
        guard makeRoom() else { return }
        let data = Kind.cancel.rawValue << Self.kindShift
        unsafe clinux_ring_cancel(ring, token & Self.tokenMask, data)
    }

    // MARK: Waiting

    /// Waits, and lists what has happened; returns 0 or a negative error number.
    func wait(_ timeout: UInt64?, gathering: EventLoop.Gathering?) -> Int32 {
        keepUnserved()
        for index in polled.indices where !polled[index].isArmed { arm(index) }
        // What is there already is not waited for; but the kernel must be asked for what has come since.
        let hasCompletions = unsafe clinux_ring_has_completions(ring) != 0
        let hasSome = hasCompletions || counts.events > 0 || streamsAreReady
        var code = hasSome ? takeAll() : 0
        if !hasSome {
            let pause = UInt32(clamping: (gathering?.nanoseconds ?? 0) / 1000)
            code = unsafe clinux_ring_enter(ring, Int32(clamping: gathering?.datagrams ?? 1), pause, timeout ?? .max)
            reap()
            if code == 0, counts.events >= Self.manyEvents { code = takeAll() }
        }
        if code == -EBADR { receiveAgain() }
        // Where memory is short what there is is served, and the rest comes later.
        return code == -EBADR || code == -ENOMEM ? 0 : code
    }

    /// Takes what is there without waiting.
    ///
    /// The kernel does as much of what it has put off as is waited for, and some 20 pieces of it at least (Linux 6.13): asked
    /// for less, sockets would have less of a turn than listeners, which are read by themselves.
    private func takeAll() -> Int32 {
        let code = unsafe clinux_ring_enter(ring, Int32(Self.bufferCount), 0, 0)
        reap()
        return code
    }

    /// Forgets the events of the last turn, but for those that its last flush has found.
    private func keepUnserved() {
        if counts.served < counts.streams.upperBound { dropStreams() }
        counts.streams = 0..<0
        let left = counts.events &- counts.served
        // Their datagrams are the last ones that came.
        var first = counts.arrivals
        for index in 0..<left {
            unsafe events[index] = events[counts.served &+ index]
            if unsafe events[index].hasArrivals { first = min(first, unsafe events[index].arrivals.lowerBound) }
        }
        for index in 0..<left {
            let old = unsafe events[index].arrivals
            if !old.isEmpty { unsafe events[index].arrivals = (old.lowerBound &- first)..<(old.upperBound &- first) }
        }
        for index in first..<counts.arrivals { unsafe arrivals[index &- first] = arrivals[index] }
        counts.arrivals &-= first
        counts.events = left
        counts.served = 0
    }

    /// Begins all receives once more: the kernel, short of memory, has lost some of what it had to tell (`EBADR`).
    private func receiveAgain() {
        for (descriptor, token) in tokens.enumerated() {
            guard let token else { continue }
            cancel(Int32(truncatingIfNeeded: descriptor), token: token)
            receive(Int32(truncatingIfNeeded: descriptor), token: token)
        }
        for index in polled.indices { polled[index].isArmed = false }
    }

    // MARK: Streams

    /// Begins the list of what streams have.
    func beginStreams() {
        streamsAreReady = false
        counts.streams = counts.events..<counts.events
    }

    /// Lists what a stream has.
    func appendStream(_ event: EventLoop.Ready) {
        append(event)
        counts.streams = counts.streams.lowerBound..<counts.events
    }

    /// Takes out the events of streams that nobody has asked for: they show again, or their streams are closed.
    private func dropStreams() {
        let first = max(counts.served, counts.streams.lowerBound)
        let dropped = counts.streams.upperBound &- first
        for index in counts.streams.upperBound..<counts.events { unsafe events[index &- dropped] = events[index] }
        counts.events &-= dropped
    }

    private func arm(_ index: Int) {
        guard makeRoom() else { return }
        unsafe clinux_ring_poll(ring, polled[index].descriptor, Kind.poll.rawValue << Self.kindShift | UInt64(index))
        polled[index].isArmed = true
    }

    /// How many events there are by now: a flush may have found some more.
    var eventCount: Int { counts.events }

    /// The `index`-th event.
    func event(_ index: Int) -> EventLoop.Ready {
        precondition(index >= 0 && index < counts.events, "only what wait returned can be asked for")
        counts.served = max(counts.served, index &+ 1)
        return unsafe events[index]
    }

    /// Takes all completions that there is room for.
    func reap() {
        var completion = clinux_completion()
        counts.settled = counts.events
        while counts.events < Self.completions, counts.arrivals < Self.completions,
            unsafe clinux_ring_next(ring, &completion) == 1
        {
            let data = completion.user_data & Self.tokenMask
            switch Kind(rawValue: completion.user_data >> Self.kindShift) {
            case .receive: received(completion, token: data)
            case .poll: becameReady(Int(truncatingIfNeeded: data))
            case .send: refuse(data, -completion.result)
            case .cancel, nil: break
            }
        }
    }

    private func received(_ completion: clinux_completion, token: UInt64) {
        let hasEnded = completion.flags & UInt32(CLINUX_RING_MORE) == 0
        if completion.flags & UInt32(CLINUX_RING_HAS_BUFFER) != 0 {
            let number = UInt16(truncatingIfNeeded: completion.flags >> UInt32(CLINUX_RING_BUFFER_SHIFT))
            let bytes = UInt32(clamping: completion.result)
            unsafe arrivals[counts.arrivals] = Arrival(buffer: number, bytes: bytes)
            counts.arrivals &+= 1
            let last = counts.events &- 1
            if last >= counts.settled, unsafe events[last].token == token,
                unsafe events[last].arrivals.upperBound == counts.arrivals &- 1
            {
                unsafe events[last].arrivals = events[last].arrivals.lowerBound..<counts.arrivals
                unsafe events[last].hasEnded = hasEnded
                return
            }
            let new = (counts.arrivals &- 1)..<counts.arrivals
            append(.init(token: token, isReadable: true, hasError: false, arrivals: new, hasEnded: hasEnded))
        } else if completion.result != -ECANCELED {
            // No buffers left, or an ICMP error that came to the socket, which its `ErrorQueue` has.
            let isFull = completion.result == -ENOBUFS
            append(
                .init(token: token, isReadable: false, hasError: !isFull && completion.result < 0, hasEnded: hasEnded)
            )
        }
    }

    private func becameReady(_ index: Int) {
        guard polled.indices.contains(index) else { return }
        polled[index].isArmed = false
        guard !polled[index].isOfStreams else {
            streamsAreReady = true
            return
        }
        // One that nobody has asked for yet says so already.
        for kept in counts.served..<max(counts.served, counts.settled)
        where unsafe events[kept].token == polled[index].token { return }
        append(.init(token: polled[index].token, isReadable: true, hasError: false))
    }

    func refuse(_ data: UInt64, _ code: Int32) {
        guard data >> 16 == counts.round & (Self.tokenMask >> 16), counts.refused < SendQueue.capacity else { return }
        unsafe refused[counts.refused] = Refused(message: Int(data & 0xFFFF), code: code)
        counts.refused &+= 1
    }

    func append(_ event: EventLoop.Ready) {
        guard counts.events < Self.completions else { return }
        unsafe events[counts.events] = event
        counts.events &+= 1
    }

    // MARK: Datagrams that came

    /// A datagram's buffer: `CLINUX_RING_PREFIX` bytes of what the kernel says of it, and the datagram.
    func buffer(of arrival: Int) -> (start: UnsafeMutableRawPointer, number: UInt16, bytes: UInt32) {
        precondition(arrival >= 0 && arrival < counts.arrivals, "no such datagram came")
        let found = unsafe arrivals[arrival]
        return unsafe (memory + Int(found.buffer) * Self.stride, found.buffer, found.bytes)
    }

    /// Gives a buffer back.
    func giveBack(_ number: UInt16) { unsafe clinux_ring_return_buffer(ring, number) }

    /// Gives back the buffers of datagrams that nobody wants.
    func discard(_ unwanted: Range<Int>) {
        for arrival in unwanted { giveBack(unsafe buffer(of: arrival).number) }
        publish()
    }

    /// Lets the kernel see the buffers that were given back.
    func publish() { unsafe clinux_ring_publish_buffers(ring) }

    /// Whether one more request can be queued: not when the kernel has no memory for those that are.
    func makeRoom() -> Bool {
        if unsafe clinux_ring_room(ring) == 0 { submit() }
        return unsafe clinux_ring_room(ring) > 0
    }
}
