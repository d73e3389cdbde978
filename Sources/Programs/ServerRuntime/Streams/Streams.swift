import Addresses
import PacketEngine
import STUNCodec
import SecureTransport
import ServerCore

/// The TCP connections of one worker's clients, with TLS or without.
///
/// What comes is read into one piece of memory for all and cut into frames; what is no whole frame yet waits in a pool, and so
/// does what a client does not take. An idle connection holds no memory but its row.
struct Streams: ~Copyable {
    /// Marks what the event loop says of listeners and of connections; a connection's number and its turn follow.
    private static let listenerMark: UInt64 = 1 << 57
    private static let connectionMark: UInt64 = 1 << 58
    /// How often a number is used again before a late event of an old connection could be taken for one of the new one's.
    private static let turns: UInt64 = 1 << 24
    /// How many connections of a listener are accepted in a turn.
    private static let acceptBurst = 16
    /// How many connections are looked at in a turn by their time limits, and how many are closed for them.
    private static let sweepBurst = 4096
    static let sweepEnds = 32
    /// How many bytes are read from a connection in a turn.
    static let readBurst = 65_536
    /// How long a client may take for its first bytes, and for the rest of a frame, in nanoseconds.
    private static let firstBytesLimit: UInt64 = 10_000_000_000
    private static let frameLimit: UInt64 = 30_000_000_000
    /// How long a connection without an allocation may say nothing.
    private static let idleLimit: UInt64 = 300_000_000_000
    /// How much may wait in all, for all connections of a worker; taken from the host when it is needed.
    private static let poolSize = 64 << 20

    /// Keeps the listeners open.
    private let listeners: [TCPListener]
    /// Listeners that no file was left for; they are watched again later.
    private var paused: [Int] = []
    let watcher: EventLoop.Watcher
    let shared: StreamsShared
    /// By their number, which is the `socket` of their flows.
    var connections: [StreamConnection] = []
    /// How often each number was used.
    private var uses: [UInt64] = []
    private var free: [Int32] = []
    var buffers = StreamBuffers(capacity: poolSize)
    var input = StreamInput(capacity: StreamFramer.limit + 4 * readBurst)
    var tls = TLSWork()
    /// Those that have something to be written at the end of the turn.
    var dirty: [Int32] = []
    /// The connection that `sweep` looks at next.
    private var swept = 0
    /// The connections that have ended, whose allocations must end too.
    private var ended: [Ended] = []
    var counters = StreamCounters()
    /// How many connections there are.
    private(set) var count = 0

    /// A connection that has ended.
    struct Ended {
        let flow: ClientFlow
        let end: StreamConnection.End
        let failure: SessionFailure?
        /// The connection that ends with it.
        let partner: StreamPartner?
        /// Whether it goes on elsewhere.
        let isKept: Bool
    }

    /// Watches the listeners.
    init(
        _ listeners: [TCPListener],
        sharing shared: StreamsShared,
        watchedBy watcher: EventLoop.Watcher
    ) throws(SocketError) {
        self.listeners = listeners
        self.shared = shared
        self.watcher = watcher
        for index in listeners.indices { try watch(listener: index) }
    }

    private func watch(listener index: Int) throws(SocketError) {
        try watcher.watchConnections(to: listeners[index].handle, token: Self.listenerMark | UInt64(index))
    }

    /// Whether a token of the event loop is that of a listener or a connection.
    ///
    /// Those of connections with peers (`PeerStreams`) are among them.
    static func isStream(_ token: UInt64) -> Bool { token >= listenerMark }

    /// Whether a token that is none of `PeerStreams` is that of a listener.
    static func isListener(_ token: UInt64) -> Bool { token & listenerMark != 0 }

    /// The number of a token's connection; nil for one that has ended meanwhile, and for a listener.
    func index(of token: UInt64) -> Int? {
        let index = Int(truncatingIfNeeded: token & 0xFFFF_FFFF)
        guard token & Self.connectionMark != 0, index < connections.count, connections[index].isLive,
            token == self.token(index)
        else { return nil }
        return index
    }

    private func token(_ index: Int) -> UInt64 {
        (uses[index] % Self.turns) << 32 | Self.connectionMark | UInt64(index)
    }

    // MARK: Beginning

    /// Accepts what waits at a listener, within bounds.
    mutating func accept(_ token: UInt64, now: UInt64, telling events: inout WorkerEvents) throws(SocketError) {
        let index = Int(truncatingIfNeeded: token & 0xFFFF)
        guard token & Self.listenerMark != 0, listeners.indices.contains(index) else { return }
        for _ in 0..<Self.acceptBurst {
            do throws(SocketError) {
                guard let stream = try listeners[index].accept() else { return }
                open(stream, now: now, telling: &events)
            } catch {
                guard error.isOutOfFiles else { throw error }
                // It would show again and again.
                watcher.unwatchConnections(to: listeners[index].handle)
                paused.append(index)
                counters.count(.openFiles(0))
                return
            }
        }
    }

    private mutating func open(_ stream: StreamHandle, now: UInt64, telling events: inout WorkerEvents) {
        if let refusal = shared.limits.enter(stream.remote.address) {
            counters.count(refusal)
            events.tell(refusal, of: stream.remote)
            return StreamSocket.abort(stream)
        }
        counters.accepted &+= 1
        add(stream, countedAs: stream.remote.address, now: now)
    }

    /// Serves a connection from now on, which is counted among those of its client already; returns its number.
    @discardableResult
    mutating func add(_ stream: StreamHandle, countedAs client: IPAddress?, now: UInt64) -> Int {
        let index = Int(free.popLast() ?? Int32(truncatingIfNeeded: connections.count))
        let flow = ClientFlow(
            source: stream.remote,
            destination: stream.local,
            role: .primaryPrimary,
            transport: .tcp,
            socket: UInt32(truncatingIfNeeded: index)
        )
        let new = StreamConnection(
            stream: stream,
            flow: flow,
            counted: client,
            lastFrame: now,
            owesSince: now
        )
        if index < connections.count {
            connections[index] = new
        } else {
            connections.append(new)
            uses.append(0)
        }
        uses[index] &+= 1
        count += 1
        do throws(SocketError) {
            try watcher.watch(stream, token: token(index), for: .input)
        } catch {
            close(index, .broken)
        }
        return index
    }

    // MARK: Reading

    /// Reads what has come to a connection; then `frame` gives one frame after another, and `endReading` is called.
    mutating func read(_ index: Int, now: UInt64) {
        input.removeAll()
        guard connections[index].isLive else { return }
        if case .undecided = connections[index].stage, !decide(index) { return }
        switch connections[index].stage {
        case .undecided: return
        case .gathering(let wanted): return gather(index, wanted)
        case .greeting: return
        case .secure(let secure): return read(index, secure)
        case .open: break
        }
        input.take(&connections[index].input, from: &buffers)
        switch input.read(from: connections[index].stream, most: most(index)) {
        case .bytes, .blocked: break
        case .ended: endReading(ofData: index)
        case .failed: close(index, .broken)
        }
    }

    /// How many bytes of a connection are read in a turn.
    func most(_ index: Int) -> Int {
        guard connections[index].partner == nil else { return Self.readBurst }
        return StreamShare.bytes(isRelaying: connections[index].isRelaying, lacking: connections[index].lacking)
    }

    /// Puts the next whole frame of what was read into a slot of a batch that has one free; nil when there is none.
    mutating func nextFrame(_ index: Int, into batch: inout DatagramBatch, now: UInt64) -> Int? {
        guard connections[index].isLive, !connections[index].isUndecided else { return nil }
        switch StreamFramer.first(in: input.rest()) {
        case .whole(let count, let padded):
            connections[index].lastFrame = now
            connections[index].owesSince = 0
            let slot = batch.takeSlot(with: input.rest().extracting(first: count))
            input.take(padded)
            return slot
        case .incomplete: return nil
        case .invalid:
            close(index, .notSTUN)
            return nil
        }
    }

    /// Keeps what of a frame has come until the rest does.
    mutating func endReading(_ index: Int, now: UInt64) {
        guard connections[index].isLive else { return }
        if let secure = connections[index].secure, let end = secure.end { return close(index, end, secure.failure) }
        connections[index].lacking = 0
        guard input.count > input.taken else { return }
        if case .incomplete(let needed) = StreamFramer.first(in: input.rest()) {
            connections[index].lacking = needed - (input.count - input.taken)
        }
        guard input.keepRest(in: &buffers, as: &connections[index].input, limit: StreamFramer.limit) else {
            return close(index, .noMemory)
        }
        if connections[index].owesSince == 0 { connections[index].owesSince = now }
    }

    /// Has the event loop tell what is wanted of a connection from now on.
    mutating func want(_ interest: StreamInterest, _ index: Int) {
        let former = connections[index].interest
        guard former != interest else { return }
        connections[index].interest = interest
        do throws(SocketError) {
            try watcher.watch(connections[index].stream, token: token(index), for: interest, insteadOf: former)
        } catch {
            close(index, .broken)
        }
    }

    // MARK: End

    /// Closes a connection; `failure` says more of TLS that failed.
    mutating func close(_ index: Int, _ end: StreamConnection.End, _ failure: SessionFailure? = nil) {
        guard connections[index].isLive else { return }
        if let secure = connections[index].secure { endTLS(index, secure) }
        StreamSocket.close(connections[index].stream)
        forget(index, end, failure)
    }

    /// Gives up a connection's row; its stream is closed or somebody else's.
    ///
    /// - `isKept`: whether it goes on elsewhere, as one of the client's connections.
    mutating func forget(
        _ index: Int,
        _ end: StreamConnection.End,
        _ failure: SessionFailure? = nil,
        isKept: Bool = false
    ) {
        buffers.discard(&connections[index].input)
        buffers.discard(&connections[index].output)
        connections[index].isLive = false
        connections[index].stage = .undecided
        if !isKept {
            if let client = connections[index].counted { shared.limits.leave(client) }
            counters.count(end)
        }
        count -= 1
        let (flow, partner) = (connections[index].flow, connections[index].partner)
        ended.append(Ended(flow: flow, end: end, failure: failure, partner: partner, isKept: isKept))
    }

    /// Takes the next connection that has ended, whose allocation is to end; its number is free then.
    mutating func nextEnded() -> Ended? {
        guard let ended = ended.popLast() else { return nil }
        free.append(Int32(truncatingIfNeeded: ended.flow.socket))
        return ended
    }

    /// Closes the connections of clients that owe something for too long, and those that have said nothing for long and that
    /// `isNeeded` does not name; watches listeners again that no file was left for.
    ///
    /// It looks at some, and false says that others are to be looked at by another call.
    mutating func sweep(now: UInt64, isNeeded: (ClientFlow) -> Bool) -> Bool {
        let before = count
        let end = min(swept + Self.sweepBurst, connections.count)
        while swept < end, before - count < Self.sweepEnds {
            sweep(swept, now: now, isNeeded)
            swept += 1
        }
        guard swept >= connections.count else { return false }
        swept = 0
        watchPaused()
        return true
    }

    private mutating func sweep(_ index: Int, now: UInt64, _ isNeeded: (ClientFlow) -> Bool) {
        guard connections[index].isLive else { return }
        let owing = connections[index].owesSince
        let limit = connections[index].isUndecided ? Self.firstBytesLimit : Self.frameLimit
        if owing > 0, now &- owing >= limit {
            close(index, .tooSlow)
        } else if now &- connections[index].lastFrame >= Self.idleLimit, connections[index].partner == nil,
            !isNeeded(connections[index].flow)
        {
            close(index, .idle)
        }
    }

    private mutating func watchPaused() {
        let waiting = paused
        paused = []
        for index in waiting {
            do throws(SocketError) {
                try watch(listener: index)
            } catch {
                paused.append(index)
            }
        }
    }

    /// Whether `sweep` has something to look at.
    var needsSweep: Bool { count > 0 || !paused.isEmpty }

    /// Closes all.
    mutating func closeAll() {
        for index in connections.indices { close(index, .stopped) }
    }
}
