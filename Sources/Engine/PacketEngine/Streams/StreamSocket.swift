// Unsafe: system calls on sockets take pointers to bytes, addresses and options.

public import Addresses
import CLinux
import Glibc

/// What can be done with streams: calls on plain values, none of which waits.
public enum StreamSocket {
    /// How many connections that are broken already are passed over by one call.
    private static let mostBroken = 16

    // MARK: Beginning

    /// Takes a connection that waits at a listening socket; nil when none does.
    ///
    /// Connections that their clients have ended meanwhile are passed over. An error is one of this host, where
    /// `isOutOfFiles` is the ordinary one: the connection then keeps waiting and the listener keeps showing, so it is unwatched
    /// for a moment. One call takes one connection, and who serves others too takes few in a turn.
    public static func accept(at listener: SocketHandle) throws(SocketError) -> StreamHandle? {
        var broken = 0
        while true {
            var name = sockaddr_in6()
            let descriptor = unsafe clinux_accept(listener.descriptor, &name)
            if descriptor >= 0 {
                let local = listener.isWildcard ? SystemAddress.local(of: descriptor) : nil
                let remote = unsafe SystemAddress.load(&name)
                return StreamHandle(local: local ?? listener.local, remote: remote, descriptor: descriptor)
            }
            switch errno {
            case EAGAIN: return nil
            case EINTR: continue
            case EMFILE, ENFILE, ENOBUFS, ENOMEM, EBADF, EINVAL, ENOTSOCK, EFAULT:
                throw SocketError("accept", "\(listener.local)", code: errno)
            default:
                // What was wrong with the connection itself (accept(2)).
                broken &+= 1
                if broken >= mostBroken { return nil }
            }
        }
    }

    /// Begins to connect; `connectionError` tells how it ended, once the stream can be written to or has hung up.
    /// - `local`: the address to connect from, port 0 for any.
    /// - `bound`: is told the address that the connection comes from, before the other end can see it.
    public static func connect(
        from local: SocketAddress,
        to remote: SocketAddress,
        bound: (SocketAddress) -> Void = { _ in }
    ) throws(SocketError) -> StreamHandle {
        let descriptor = try TCPListener.bound(to: local, sharesPort: false)
        let own = SystemAddress.local(of: descriptor) ?? local
        bound(own)
        return try connect(descriptor, own, remote)
    }

    /// Connects a bound socket, which it closes when that fails at once.
    static func connect(
        _ descriptor: Int32,
        _ local: SocketAddress,
        _ remote: SocketAddress
    ) throws(SocketError) -> StreamHandle {
        let result = unsafe SystemAddress.with(remote) { unsafe Glibc.connect(descriptor, $0, $1) }
        // After a signal the system goes on by itself.
        guard result == 0 || errno == EINPROGRESS || errno == EINTR else {
            let code = errno
            _ = Glibc.close(descriptor)
            throw SocketError("connect", "\(remote)", code: code)
        }
        return StreamHandle(local: local, remote: remote, descriptor: descriptor)
    }

    /// The error number of what a connection has failed of, once; 0 when there is none.
    public static func connectionError(of stream: StreamHandle) -> Int32 {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(stream.descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return errno }
        return code
    }

    // MARK: Bytes

    /// Looks at the first bytes that wait, which are read again later.
    ///
    /// The stream keeps showing as long as they wait: who wants more of them than there are gives the connection a time limit
    /// and looks again a little later.
    public static func peek(_ stream: StreamHandle, into bytes: inout MutableRawSpan) -> StreamOutcome {
        unsafe bytes.withUnsafeMutableBytes { unsafe receive(stream, $0, Int32(MSG_PEEK)) }
    }

    /// Reads what waits, at most as much as there is room for from `offset` on.
    public static func read(
        _ stream: StreamHandle,
        into bytes: inout MutableRawSpan,
        from offset: Int = 0
    ) -> StreamOutcome {
        unsafe bytes.withUnsafeMutableBytes { room in
            unsafe receive(stream, UnsafeMutableRawBufferPointer(rebasing: room.dropFirst(offset)), 0)
        }
    }

    /// Throws away bytes that were peeked at.
    static func discard(_ stream: StreamHandle, _ count: Int) -> StreamOutcome {
        // tcp(7): with MSG_TRUNC nothing is copied.
        unsafe receive(stream, nil, count, Int32(MSG_TRUNC))
    }

    /// Reads bytes; there must be room for one at least, since a stream that has ended gives none.
    static func receive(
        _ stream: StreamHandle,
        _ room: UnsafeMutableRawBufferPointer,
        _ flags: Int32
    ) -> StreamOutcome {
        unsafe receive(stream, room.baseAddress, room.count, flags)
    }

    private static func receive(
        _ stream: StreamHandle,
        _ place: UnsafeMutableRawPointer?,
        _ room: Int,
        _ flags: Int32
    ) -> StreamOutcome {
        guard room > 0 else { return .blocked }
        let all = flags | Int32(MSG_DONTWAIT)
        while true {
            let count = unsafe recv(stream.descriptor, place, room, all)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .ended }
            if errno != EINTR { return failure(errno) }
        }
    }

    /// Writes as much as there is room for in the system: `bytes` says how much that was, and the rest is the caller's to keep
    /// (`StreamBuffers`).
    public static func write(_ stream: StreamHandle, _ bytes: RawSpan) -> StreamOutcome {
        guard bytes.byteCount > 0 else { return .bytes(0) }
        return unsafe bytes.withUnsafeBytes { unsafe send(stream, $0) }
    }

    static func send(_ stream: StreamHandle, _ bytes: UnsafeRawBufferPointer) -> StreamOutcome {
        while true {
            let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
            let count = unsafe Glibc.send(stream.descriptor, bytes.baseAddress, bytes.count, flags)
            if count >= 0 { return .bytes(count) }
            if errno != EINTR { return failure(errno) }
        }
    }

    /// The outcome of a call that has set an error number.
    static func failure(_ code: Int32) -> StreamOutcome {
        // ENOBUFS and ENOMEM: the host is short of memory now. Who waits for room is told when there is some.
        code == EAGAIN || code == ENOBUFS || code == ENOMEM ? .blocked : .failed(code)
    }

    // MARK: End

    /// Tells the other end that nothing more comes, after what was written; it may go on sending.
    public static func endSending(_ stream: StreamHandle) { _ = shutdown(stream.descriptor, Int32(SHUT_WR)) }

    /// Closes a connection; what was written is still sent.
    ///
    /// What came and was not read makes the system send a reset instead, upon which the other end may lose what was written:
    /// who answers before closing uses `endSending`, reads until the end, and then closes. No event loop watches it any longer.
    public static func close(_ stream: StreamHandle) { _ = Glibc.close(stream.descriptor) }

    /// Closes a connection at once by a reset: what was written and not sent is lost.
    public static func abort(_ stream: StreamHandle) {
        var now = linger(l_onoff: 1, l_linger: 0)
        let size = socklen_t(MemoryLayout<linger>.size)
        _ = unsafe setsockopt(stream.descriptor, SOL_SOCKET, SO_LINGER, &now, size)
        _ = Glibc.close(stream.descriptor)
    }

    /// Gives the descriptor to a part of the program that is no worker, as a socket whose calls wait; that part closes it.
    ///
    /// The stream must be unwatched before. A worker takes over the `StreamHandle` as it is.
    public static func handOver(_ stream: StreamHandle) -> Int32 {
        let flags = fcntl(stream.descriptor, F_GETFL)
        if flags >= 0 { _ = fcntl(stream.descriptor, F_SETFL, flags & ~O_NONBLOCK) }
        return stream.descriptor
    }
}
