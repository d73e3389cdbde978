import Addresses
import PacketEngine
import ServerCore

/// The relay sockets of one worker, by their `RelayID`.
struct RelaySockets: RelayPorts {
    /// Marks what the event loop says when a relay socket has something; its number and its turn follow.
    private static let mark: UInt64 = 1 << 32
    /// How often a number is used again before a late event of an old socket could be taken for one of the new one's.
    private static let turns: UInt64 = 1 << 24

    private let table: RelayTable
    private let watcher: EventLoop.Watcher
    private var sockets: [SocketHandle?] = []
    /// Whether each listens for peers' connections instead of having datagrams (RFC 6062).
    private var listens: [Bool] = []
    /// How often each number was used.
    private var uses: [UInt64] = []
    /// How many datagrams a slot of each had when it was read last.
    var trainLengths: [Int] = []
    private var free: [Int32] = []
    /// Sockets of allocations that have ended, until what was queued on them is sent: a descriptor that is closed may be
    /// another socket's a moment later.
    private var ended: [(index: Int32, token: UInt64, socket: SocketHandle)] = []
    /// Listening sockets that no file was left for; they are watched again later.
    private var paused: [UInt64] = []

    init(_ table: RelayTable, watchedBy watcher: EventLoop.Watcher) {
        self.table = table
        self.watcher = watcher
    }

    /// The socket of a number; nil when it has been closed meanwhile.
    subscript(index: Int) -> SocketHandle? { index < sockets.count ? sockets[index] : nil }

    /// Whether a token of the event loop is that of a relay socket.
    static func isRelay(_ token: UInt64) -> Bool { token & mark != 0 }

    /// The number of a token's socket; nil when that has been closed meanwhile.
    func index(of token: UInt64) -> Int? {
        let index = Int(truncatingIfNeeded: token & (Self.mark - 1))
        guard index < uses.count, sockets[index] != nil, token == self.token(index) else { return nil }
        return index
    }

    /// The number of the listening socket that a token of the event loop is of; nil when that has been closed meanwhile.
    func listener(of token: UInt64) -> Int? { index(of: token & ~PeerStreams.listenerMark) }

    private func token(_ index: Int) -> UInt64 { (uses[index] % Self.turns) << 33 | Self.mark | UInt64(index) }

    /// Goes on receiving what comes to a socket.
    func receive(_ socket: SocketHandle, token: UInt64) throws(SocketError) {
        try watcher.receive(socket, token: token)
    }

    mutating func open(_ request: RelayPortRequest, now: Instant) throws(RelayPortError) -> OpenedRelay {
        let opened = try table.open(request, now: now)
        let index = free.popLast() ?? addNumber()
        uses[Int(index)] &+= 1
        do throws(SocketError) {
            if opened.isTCP {
                try watcher.watchConnections(to: opened.socket, token: PeerStreams.listenerMark | token(Int(index)))
            } else {
                try watcher.receive(opened.socket, token: token(Int(index)))
            }
        } catch {
            table.close(opened.socket, isTCP: opened.isTCP, now: now)
            free.append(index)
            throw .system(error.code)
        }
        sockets[Int(index)] = opened.socket
        listens[Int(index)] = opened.isTCP
        trainLengths[Int(index)] = 1
        return OpenedRelay(id: RelayID(index: index), address: opened.address, token: opened.token)
    }

    private mutating func addNumber() -> Int32 {
        sockets.append(nil)
        listens.append(false)
        uses.append(0)
        trainLengths.append(1)
        return Int32(truncatingIfNeeded: sockets.count &- 1)
    }

    mutating func close(_ relay: RelayID, now: Instant) {
        guard let socket = self[Int(relay.index)] else { return }
        sockets[Int(relay.index)] = nil
        table.end(socket, isTCP: listens[Int(relay.index)])
        ended.append((relay.index, token(Int(relay.index)), socket))
    }

    /// Closes the sockets of allocations that have ended; nothing may be queued on them any more.
    mutating func closeEnded(now: Instant) {
        guard !ended.isEmpty else { return }
        // One that listens is watched in another way, and forgotten as it is closed.
        for (index, token, socket) in ended where !listens[Int(index)] { watcher.unwatch(socket, token: token) }
        watcher.submit()
        while let (index, _, socket) = ended.popLast() {
            free.append(index)
            table.close(socket, isTCP: listens[Int(index)], now: now)
        }
    }

    /// Watches a listening socket no longer for a while: no file is left for what waits there.
    mutating func pause(_ index: Int) {
        guard let socket = self[index] else { return }
        watcher.unwatchConnections(to: socket)
        paused.append(token(index))
    }

    /// Watches those again that were paused.
    mutating func resume() {
        let waiting = paused
        paused = []
        for token in waiting {
            guard let index = index(of: token), let socket = self[index] else { continue }
            do throws(SocketError) {
                try watcher.watchConnections(to: socket, token: PeerStreams.listenerMark | token)
            } catch {
                paused.append(token)
            }
        }
    }

    /// Whether `resume` has something to do.
    var hasPaused: Bool { !paused.isEmpty }

    /// Closes the sockets of reserved ports that nobody has claimed in time.
    func closeUnclaimed(now: Instant) { table.closeUnclaimed(now: now) }

    func isOpen(port: UInt16, of family: IPAddress.Family) -> Bool { table.isOpen(port: port, of: family) }

    func isListening(port: UInt16, of family: IPAddress.Family) -> Bool { table.isListening(port: port, of: family) }
}
