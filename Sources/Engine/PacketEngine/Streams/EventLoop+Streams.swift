// Unsafe: epoll_ctl takes a pointer to what is watched for.

import CLinux
import Glibc

/// Streams and listeners are watched by an epoll instance of their own with both back ends, which watch it as one more socket.
///
/// So nothing need be armed anew for each event, and no stream is held by the ring, which would keep it open after `close`. A
/// turn costs as much as there are streams with something to tell, at most 256 of them, however many are watched. With
/// more the system takes turns, so none starves; how much is read from one in a turn is for the caller to bound.
extension EventLoop.Watcher {
    /// Watches a stream for what `interest` says, or for something else than before (`former`); nothing means no longer.
    ///
    /// Level-triggered: what is not read, and room that is not used, shows again. `token` is what `ready` says of it, and had
    /// better tell how often its number was used: what the last `wait` has found of a stream that is closed since stays as it is.
    ///
    /// Errors and hang-ups are told whatever is wanted, and show until the stream is unwatched or closed. So a stream on which
    /// both ends have said that they send no more, and whose last bytes cannot be taken yet, is unwatched meanwhile.
    public func watch(
        _ stream: StreamHandle,
        token: UInt64,
        for interest: StreamInterest,
        insteadOf former: StreamInterest = []
    ) throws(SocketError) {
        guard interest != former else { return }
        let operation = former.isEmpty ? EPOLL_CTL_ADD : interest.isEmpty ? EPOLL_CTL_DEL : EPOLL_CTL_MOD
        guard control(operation, stream.descriptor, token: token, interest) == 0 else {
            throw SocketError("epoll_ctl", "\(stream.remote)", code: errno)
        }
    }

    /// Forgets a stream that is handed to somebody else.
    ///
    /// One that is closed is forgotten by itself.
    public func unwatch(_ stream: StreamHandle) { _ = control(EPOLL_CTL_DEL, stream.descriptor, token: 0, []) }

    /// Watches a listening socket, of `TCPListener` or `TCPRelaySocket`, for connections to accept.
    ///
    /// It shows as long as some wait: where none can be accepted (`SocketError.isOutOfFiles`) it is unwatched for a while.
    public func watchConnections(to listener: SocketHandle, token: UInt64) throws(SocketError) {
        guard control(EPOLL_CTL_ADD, listener.descriptor, token: token, .input) == 0 else {
            throw SocketError("epoll_ctl", "\(listener.local)", code: errno)
        }
    }

    /// Watches a listening socket no longer; needless before it is closed.
    public func unwatchConnections(to listener: SocketHandle) {
        _ = control(EPOLL_CTL_DEL, listener.descriptor, token: 0, [])
    }

    private func control(_ operation: Int32, _ watched: Int32, token: UInt64, _ interest: StreamInterest) -> Int32 {
        var event = unsafe epoll_event()
        // EPOLLERR and EPOLLHUP are always told.
        let input = interest.contains(.input) ? EPOLLIN.rawValue : 0
        let output = interest.contains(.output) ? EPOLLOUT.rawValue : 0
        unsafe event.events = input | output
        unsafe event.data = epoll_data_t(u64: token)
        return unsafe epoll_ctl(streams, operation, watched, &event)
    }
}
