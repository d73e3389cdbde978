// Unsafe: epoll_wait fills an array through a pointer; read and write on an eventfd take pointers.

import CLinux
import Glibc

/// Waits until sockets have something to read, or another thread wakes it.
///
/// One worker owns it, and opens it in its own thread.
@safe
public struct EventLoop: ~Copyable {
    private static let capacity = 256

    /// What the system is asked by.
    public enum Backend: String, Sendable {
        /// Tells what can be read, which `DatagramBatch` then reads.
        case epoll
        /// Receives what comes to sockets of `receive` by itself, and sends for `DatagramBatch`.
        case ioUring = "io_uring"
    }

    /// What the streams' epoll instance is watched with beside datagram sockets.
    private static let streamsToken = UInt64.max

    /// The epoll instance of datagram sockets; -1 beside a ring.
    private let descriptor: Int32
    /// The epoll instance of streams, which is watched as one more socket: however many of them are ready, no datagram socket waits
    /// for its place in the list.
    private let streams: Int32
    private let events: UnsafeMutablePointer<epoll_event>
    private var found = 0
    let ring: PacketRing?

    /// Opens an epoll instance or an io_uring.
    public init(_ backend: Backend = .epoll) throws(SocketError) {
        let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw SocketError("epoll_create1", "event loop", code: errno) }
        let opened: (ring: PacketRing?, descriptor: Int32)
        do throws(SocketError) {
            opened = backend == .ioUring ? (try PacketRing(streams: epoll), -1) : (nil, try Self.watching(epoll))
        } catch {
            close(epoll)
            throw error
        }
        (ring, descriptor) = opened
        streams = epoll
        unsafe events = .allocate(capacity: 2 * Self.capacity)
        unsafe events.initialize(repeating: epoll_event(), count: 2 * Self.capacity)
    }

    deinit {
        unsafe events.deallocate()
        if descriptor >= 0 { close(descriptor) }
        close(streams)
    }

    /// An epoll instance that watches the one of streams.
    private static func watching(_ streams: Int32) throws(SocketError) -> Int32 {
        let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw SocketError("epoll_create1", "event loop", code: errno) }
        var event = unsafe epoll_event()
        unsafe event.events = EPOLLIN.rawValue
        unsafe event.data = epoll_data_t(u64: streamsToken)
        guard unsafe epoll_ctl(epoll, EPOLL_CTL_ADD, streams, &event) == 0 else {
            let code = errno
            close(epoll)
            throw SocketError("epoll_ctl", "event loop", code: code)
        }
        return epoll
    }

    /// What the system is asked by.
    public var backend: Backend { ring == nil ? .epoll : .ioUring }

    /// Whether the system can wait for several datagrams by itself; else who gathers sleeps before `wait`.
    public var canGather: Bool { ring?.canGather == true }

    /// What adds sockets to this loop, in its thread and while it lives.
    public var watcher: Watcher { Watcher(descriptor: descriptor, streams: streams, ring: ring) }

    /// Adds sockets to a loop.
    public struct Watcher {
        private let descriptor: Int32
        let streams: Int32
        private let ring: PacketRing?

        fileprivate init(descriptor: Int32, streams: Int32, ring: PacketRing?) {
            self.descriptor = descriptor
            self.streams = streams
            self.ring = ring
        }

        /// Watches a socket that is read when `wait` says so; `token`, of 60 bits at most, is what `ready` says of it.
        public func watch(_ socket: SocketHandle, token: UInt64) throws(SocketError) {
            guard add(socket.descriptor, token: token) else {
                throw SocketError("epoll_ctl", "\(socket.local)", code: errno)
            }
        }

        /// Watches a socket whose datagrams may come with the events themselves, where the system can do that: for one of
        /// many sockets that have little to read each.
        public func receive(_ socket: SocketHandle, token: UInt64) throws(SocketError) {
            guard let ring else { return try watch(socket, token: token) }
            ring.receive(socket.descriptor, token: token)
        }

        /// Must be called before a socket of `receive` is closed, and `submit` between the two.
        ///
        /// What `wait` has returned already stays as it is: a token may then be that of a socket that is gone.
        public func unwatch(_ socket: SocketHandle, token: UInt64) { ring?.cancel(socket.descriptor, token: token) }

        /// Makes the system let go of what was unwatched.
        public func submit() { ring?.settle() }

        fileprivate func add(_ watched: Int32, token: UInt64) -> Bool {
            if let ring {
                ring.poll(watched, token: token)
                return true
            }
            var event = unsafe epoll_event()
            unsafe event.events = EPOLLIN.rawValue  // EPOLLERR is always told
            unsafe event.data = epoll_data_t(u64: token)
            return unsafe epoll_ctl(descriptor, EPOLL_CTL_ADD, watched, &event) == 0
        }
    }

    /// Watches a socket; `token` is what `ready` says of it.
    public mutating func watch(_ socket: SocketHandle, token: UInt64) throws(SocketError) {
        try watcher.watch(socket, token: token)
    }

    /// Watches a wake-up.
    public mutating func watch(_ wakeUp: WakeUp, token: UInt64) throws(SocketError) {
        guard watcher.add(wakeUp.descriptor, token: token) else {
            throw SocketError("epoll_ctl", "wake-up", code: errno)
        }
    }

    /// One thing that is ready.
    public struct Ready: Sendable, Equatable {
        /// What it was watched with.
        public let token: UInt64
        /// Whether something waits to be read, or has come with this event.
        public let isReadable: Bool
        /// Whether an error waits, for a relay socket in its `ErrorQueue`.
        ///
        /// It shows until it is read; on io_uring once.
        public let hasError: Bool
        /// Whether a stream that is watched for it has room to write, or is connected now.
        public internal(set) var isWritable = false
        /// Whether nothing can be sent or received by a stream any more, or both ends have said that they send no more.
        public internal(set) var hasHungUp = false
        /// The datagrams that have come with this event and are not read yet; `DatagramBatch.receive` takes them.
        var arrivals: Range<Int> = 0..<0
        /// Whether nothing more comes to the socket until it is watched again by `receive`.
        public internal(set) var hasEnded = false

        /// An event of a socket that is watched and may have something to read.
        public init(readable token: UInt64) { self.init(token: token, isReadable: true, hasError: false) }

        init(token: UInt64, isReadable: Bool, hasError: Bool, arrivals: Range<Int> = 0..<0, hasEnded: Bool = false) {
            self.token = token
            self.isReadable = isReadable
            self.hasError = hasError
            self.arrivals = arrivals
            self.hasEnded = hasEnded
        }

        /// Whether datagrams that have come with this event are not read yet.
        public var hasArrivals: Bool { !arrivals.isEmpty }
    }

    /// For how long it pays to wait for more than one datagram.
    public struct Gathering: Sendable, Equatable {
        /// How many datagrams end the wait at once.
        public let datagrams: Int
        /// How long it waits for so many, in nanoseconds; later one is enough.
        public let nanoseconds: UInt64

        /// A wait for so many datagrams.
        public init(datagrams: Int, nanoseconds: UInt64) {
            self.datagrams = datagrams
            self.nanoseconds = nanoseconds
        }
    }

    /// How many things are ready: what `wait` has found, and what a batch's flush has found since.
    public var readyCount: Int { ring?.eventCount ?? found }

    /// Waits until something is ready or the time is up; `readyCount` tells then how many things are, and `ready` which.
    ///
    /// Level-triggered: what is not read shows again, so work per socket and turn can be bounded. (On io_uring that is so for
    /// sockets of `watch`. Datagrams that came with an event must be taken or discarded once it has been asked for.) A signal
    /// ends the wait early.
    /// - `timeoutNanoseconds`: nil for no end. It is rounded up to milliseconds: who waits for a moment finds it passed.
    /// - `gathering`: waits for more than one datagram; only where `canGather`.
    @discardableResult
    public mutating func wait(
        timeoutNanoseconds: UInt64? = nil,
        gathering: Gathering? = nil
    ) throws(SocketError) -> Int {
        if let ring {
            let code = ring.wait(timeoutNanoseconds, gathering: gathering)
            guard code == 0 else { throw SocketError("io_uring_enter", "event loop", code: -code) }
            if ring.streamsAreReady { try takeStreams(for: ring) }
            return ring.eventCount
        }
        found = 0
        let limit = timeoutNanoseconds.map { Int32(clamping: $0 / 1_000_000 &+ ($0 % 1_000_000 == 0 ? 0 : 1)) }
        let count = unsafe epoll_wait(descriptor, events, Int32(Self.capacity), limit ?? -1)
        guard count >= 0 else {
            if errno == EINTR { return 0 }
            throw SocketError("epoll_wait", "event loop", code: errno)
        }
        found = Int(count)
        for index in 0..<found where unsafe events[index].data.u64 == Self.streamsToken {
            found -= 1
            unsafe events[index] = events[found]
            try appendStreams()
            break
        }
        return found
    }

    /// Lists what streams have behind what datagram sockets have.
    private mutating func appendStreams() throws(SocketError) {
        let count = unsafe epoll_wait(streams, events + found, Int32(Self.capacity), 0)
        guard count >= 0 || errno == EINTR else { throw SocketError("epoll_wait", "event loop", code: errno) }
        found += max(0, Int(count))
    }

    /// Lists what streams have, when the ring has told that some have something.
    private func takeStreams(for ring: PacketRing) throws(SocketError) {
        let count = unsafe epoll_wait(streams, events, Int32(Self.capacity), 0)
        guard count >= 0 || errno == EINTR else { throw SocketError("epoll_wait", "event loop", code: errno) }
        ring.beginStreams()
        for index in 0..<max(0, Int(count)) { ring.appendStream(found(index)) }
    }

    /// The `index`-th of what is ready.
    public func ready(_ index: Int) -> Ready {
        if let ring { return ring.event(index) }
        precondition(index >= 0 && index < 2 * Self.capacity, "only what wait returned can be asked for")
        return found(index)
    }

    private func found(_ index: Int) -> Ready {
        let event = unsafe events[index]
        let told = unsafe event.events
        var ready = Ready(
            token: unsafe event.data.u64,
            isReadable: told & EPOLLIN.rawValue != 0,
            hasError: told & EPOLLERR.rawValue != 0
        )
        ready.isWritable = told & EPOLLOUT.rawValue != 0
        ready.hasHungUp = told & EPOLLHUP.rawValue != 0
        return ready
    }

    /// Throws away what has come with an event, whose socket is gone.
    public func discard(_ ready: Ready) { ring?.discard(ready.arrivals) }
}

extension EventLoop {
    /// Why this system does not let us use io_uring, for people; nil when it does.
    public static func refusalOfRing() -> String? {
        do throws(SocketError) {
            _ = try EventLoop(.ioUring)
            return nil
        } catch {
            return switch error.code {
            case ENOSYS: "this kernel has none"
            case EPERM, EACCES:
                "the system forbids it (sysctl kernel.io_uring_disabled, or the seccomp profile of a container)"
            case EINVAL, EOPNOTSUPP: "it needs Linux 6.1 or later"
            case ENOMEM: "there is too little memory that may be locked (ulimit -l)"
            default: error.description
            }
        }
    }
}

/// Wakes an event loop from another thread.
public final class WakeUp: Sendable {
    let descriptor: Int32

    /// Opens an eventfd.
    public init() throws(SocketError) {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard descriptor >= 0 else { throw SocketError("eventfd", "wake-up", code: errno) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Makes the loop that watches it wake; many signals before it does count as one.
    public func signal() {
        var one: UInt64 = 1
        _ = unsafe write(descriptor, &one, 8)
    }

    /// Takes the signals back.
    public func clear() {
        var count: UInt64 = 0
        _ = unsafe read(descriptor, &count, 8)
    }
}
