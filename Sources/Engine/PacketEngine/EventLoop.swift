// Unsafe: epoll_wait fills an array through a pointer; read and write on an eventfd take pointers.

import CLinux
import Glibc

/// Waits until sockets have something to read, or another thread wakes it.
///
/// One worker owns it.
@safe
public struct EventLoop: ~Copyable {
    private static let capacity = 64

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

    /// Watches a socket; `token` is what `wait` says when it has something to read.
    public mutating func watch(_ socket: SocketHandle, token: Int) throws(SocketError) {
        try add(socket.descriptor, token: token, "\(socket.local)")
    }

    /// Watches a wake-up.
    public mutating func watch(_ wakeUp: WakeUp, token: Int) throws(SocketError) {
        try add(wakeUp.descriptor, token: token, "wake-up")
    }

    /// Waits until something is ready; returns how many tokens are, which `token` then tells.
    ///
    /// Level-triggered: what is not read shows again, so work per socket and turn can be bounded.
    public mutating func wait() throws(SocketError) -> Int {
        let count = unsafe epoll_wait(descriptor, events, Int32(Self.capacity), -1)
        guard count >= 0 else {
            if errno == EINTR { return 0 }
            throw SocketError("epoll_wait", "event loop", code: errno)
        }
        return Int(count)
    }

    /// The token of the `index`-th of what is ready.
    public func token(_ index: Int) -> Int {
        precondition((0..<Self.capacity).contains(index), "only what wait returned can be asked for")
        return Int(unsafe events[index].data.u32)
    }

    private func add(_ watched: Int32, token: Int, _ target: String) throws(SocketError) {
        var event = unsafe epoll_event()
        unsafe event.events = EPOLLIN.rawValue
        unsafe event.data = epoll_data_t(u32: UInt32(clamping: token))
        guard unsafe epoll_ctl(descriptor, EPOLL_CTL_ADD, watched, &event) == 0 else {
            throw SocketError("epoll_ctl", target, code: errno)
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
