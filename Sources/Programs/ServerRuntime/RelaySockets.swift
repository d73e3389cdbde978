import Addresses
import PacketEngine
import ServerCore

/// The relay sockets of one worker, by their `RelayID`.
struct RelaySockets: RelayPorts {
    /// What the event loop says when a relay socket has something: this plus its number.
    static let firstToken: UInt64 = 1 << 32

    private let table: RelayTable
    private let watcher: EventLoop.Watcher
    private var sockets: [SocketHandle?] = []
    private var free: [Int32] = []
    /// Sockets of allocations that have ended, until what was queued on them is sent: a descriptor that is closed may be
    /// another socket's a moment later.
    private var ended: [(index: Int32, socket: SocketHandle)] = []

    init(_ table: RelayTable, watchedBy watcher: EventLoop.Watcher) {
        self.table = table
        self.watcher = watcher
    }

    /// The socket of a number; nil when it has been closed meanwhile.
    subscript(index: Int) -> SocketHandle? { index < sockets.count ? sockets[index] : nil }

    mutating func open(_ request: RelayPortRequest, now: Instant) throws(RelayPortError) -> OpenedRelay {
        let opened = try table.open(request, now: now)
        let index = free.popLast() ?? Int32(truncatingIfNeeded: sockets.count)
        do throws(SocketError) {
            try watcher.watch(opened.socket, token: Self.firstToken + UInt64(index))
        } catch {
            table.close(opened.socket, now: now)
            free.append(index)
            throw .system(error.code)
        }
        if Int(index) < sockets.count { sockets[Int(index)] = opened.socket } else { sockets.append(opened.socket) }
        return OpenedRelay(id: RelayID(index: index), address: opened.address, token: opened.token)
    }

    mutating func close(_ relay: RelayID, now: Instant) {
        guard let socket = self[Int(relay.index)] else { return }
        sockets[Int(relay.index)] = nil
        table.end(socket)
        ended.append((relay.index, socket))
    }

    /// Closes the sockets of allocations that have ended; nothing may be queued on them any more.
    mutating func closeEnded(now: Instant) {
        // Closing also takes a socket out of the event loop.
        while let (index, socket) = ended.popLast() {
            free.append(index)
            table.close(socket, now: now)
        }
    }

    /// Closes the sockets of reserved ports that nobody has claimed in time.
    func closeUnclaimed(now: Instant) { table.closeUnclaimed(now: now) }

    func isOpen(port: UInt16, of family: IPAddress.Family) -> Bool { table.isOpen(port: port, of: family) }
}
