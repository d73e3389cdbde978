// Unsafe: epoll fills an array through a pointer.

import Addresses
import CLinux
import Glibc

/// Waits for many sockets, with an end to the nanosecond: what sends at fixed times must wake at them.
@safe
public struct PrecisePoll: ~Copyable {
    /// How many sockets one `wait` tells of.
    public static let capacity = 512

    private let descriptor: Int32
    private let events: UnsafeMutablePointer<epoll_event>

    /// Opens an epoll instance.
    public init() throws(SocketError) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        unsafe events = .allocate(capacity: Self.capacity)
        unsafe events.initialize(repeating: epoll_event(), count: Self.capacity)
        guard descriptor >= 0 else { throw SocketError("epoll_create1", "poll", code: errno) }
    }

    deinit {
        unsafe events.deallocate()
        if descriptor >= 0 { close(descriptor) }
    }

    /// Watches a socket; `token` is what `token(_:)` says of it.
    public mutating func watch(_ socket: ConnectedSocket, token: UInt64) throws(SocketError) {
        try watch(socket.descriptor, socket.local, token)
    }

    /// Watches a connection for what comes, and for its end.
    public mutating func watch(_ stream: StreamHandle, token: UInt64) throws(SocketError) {
        try watch(stream.descriptor, stream.remote, token)
    }

    private mutating func watch(_ file: Int32, _ address: SocketAddress, _ token: UInt64) throws(SocketError) {
        var event = unsafe epoll_event()
        unsafe event.events = EPOLLIN.rawValue
        unsafe event.data = epoll_data_t(u64: token)
        guard unsafe epoll_ctl(descriptor, EPOLL_CTL_ADD, file, &event) == 0 else {
            throw SocketError("epoll_ctl", "\(address)", code: errno)
        }
    }

    /// Waits until something is readable or so many nanoseconds have passed; returns how many sockets are readable.
    ///
    /// An error counts as the time's end: the next turn finds it at the socket itself.
    public mutating func wait(nanoseconds: UInt64) -> Int {
        let count = unsafe clinux_epoll_wait(descriptor, events, Int32(Self.capacity), nanoseconds)
        return max(Int(count), 0)
    }

    /// The token of the `index`-th socket that is readable.
    public func token(_ index: Int) -> UInt64 {
        precondition(index >= 0 && index < Self.capacity, "only what wait returned can be asked for")
        return unsafe events[index].data.u64
    }
}
