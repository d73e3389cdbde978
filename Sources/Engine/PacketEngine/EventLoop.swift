// Unsafe: epoll_wait fills an array through a pointer; read and write on an eventfd take pointers.

import CLinux
import Glibc

/// Waits until sockets have something to read, or another thread wakes it.
///
/// One worker owns it.
@safe
public struct EventLoop: ~Copyable {
    private static let capacity = 256

    private let descriptor: Int32
    private let events: UnsafeMutablePointer<epoll_event>

    /// Opens an epoll instance.
    public init() throws(SocketError) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        unsafe events = .allocate(capacity: Self.capacity)
        unsafe events.initialize(repeating: epoll_event(), count: Self.capacity)
        guard descriptor >= 0 else { throw SocketError("epoll_create1", "event loop", code: errno) }
    }

    deinit {
        unsafe events.deallocate()
        if descriptor >= 0 { close(descriptor) }
    }

    /// What adds sockets to this loop: a plain value, valid while the loop lives.
    public var watcher: Watcher { Watcher(descriptor: descriptor) }

    /// Adds sockets to a loop.
    public struct Watcher: Sendable {
        fileprivate let descriptor: Int32

        /// Watches a socket; `token` is what `ready` says of it.
        public func watch(_ socket: SocketHandle, token: UInt64) throws(SocketError) {
            guard add(socket.descriptor, token: token) else {
                throw SocketError("epoll_ctl", "\(socket.local)", code: errno)
            }
        }

        fileprivate func add(_ watched: Int32, token: UInt64) -> Bool {
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

    /// Watches a socket no longer.
    ///
    /// Closing a socket does the same without a call of its own. What `wait` has returned already stays as it is: a token
    /// may then be that of a socket that is gone.
    public mutating func unwatch(_ socket: SocketHandle) {
        var event = unsafe epoll_event()
        _ = unsafe epoll_ctl(descriptor, EPOLL_CTL_DEL, socket.descriptor, &event)
    }

    /// One thing that is ready.
    public struct Ready: Sendable, Equatable {
        /// What it was watched with.
        public let token: UInt64
        /// Whether something waits to be read.
        public let isReadable: Bool
        /// Whether an error waits, for a relay socket in its `ErrorQueue`.
        ///
        /// It shows until it is read.
        public let hasError: Bool
    }

    /// Waits until something is ready or the time is up; returns how many things are, which `ready` then tells.
    ///
    /// Level-triggered: what is not read shows again, so work per socket and turn can be bounded.
    /// - `timeoutNanoseconds`: nil for no end. It is rounded up to milliseconds: who waits for a moment finds it passed.
    public mutating func wait(timeoutNanoseconds: UInt64? = nil) throws(SocketError) -> Int {
        let limit = timeoutNanoseconds.map { Int32(clamping: $0 / 1_000_000 &+ ($0 % 1_000_000 == 0 ? 0 : 1)) }
        let count = unsafe epoll_wait(descriptor, events, Int32(Self.capacity), limit ?? -1)
        guard count >= 0 else {
            if errno == EINTR { return 0 }
            throw SocketError("epoll_wait", "event loop", code: errno)
        }
        return Int(count)
    }

    /// The `index`-th of what is ready.
    public func ready(_ index: Int) -> Ready {
        precondition(index >= 0 && index < Self.capacity, "only what wait returned can be asked for")
        let event = unsafe events[index]
        return Ready(
            token: unsafe event.data.u64,
            isReadable: unsafe event.events & EPOLLIN.rawValue != 0,
            hasError: unsafe event.events & EPOLLERR.rawValue != 0
        )
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
