import Addresses
import Glibc
import PacketEngine
import STUNCodec
import ServerCore

/// The TCP connections of one worker's relayed addresses with peers (RFC 6062): those that are being made, those that wait for
/// a client's connection, and those that have one.
struct PeerStreams: ~Copyable {
    /// Marks what the event loop says of connections; a connection's number, its side and its turn follow.
    private static let mark: UInt64 = 1 << 59
    /// Marks what it says of relayed addresses at which peers connect; the token of `RelaySockets` follows.
    static let listenerMark: UInt64 = 1 << 59 | 1 << 57
    /// Tells the client's side of a splice.
    private static let clientBit: UInt64 = 1 << 31
    private static let turns: UInt64 = 1 << 24
    /// How many pipes a worker's splices have: only receivers that are behind keep one.
    static let pipeLimit = 16
    /// How long, in nanoseconds, those that wait for bandwidth do so before they ask again.
    private static let pause: UInt64 = 20_000_000
    /// How many of them do so in a turn: each may move much.
    private static let resumeBurst = 32
    /// How long one side may say nothing when the other one has ended.
    private static let halfClosedLimit: UInt64 = 300_000_000_000
    /// How long a web server may take to take a connection.
    private static let webLimit: UInt64 = 10_000_000_000

    private let watcher: EventLoop.Watcher
    private let files: FileBudget
    private let clients: ConnectionLimits
    private var pipes = SplicePipes(limit: pipeLimit)
    var rows: [PeerStream] = []
    private var uses: [UInt64] = []
    private var free: [Int32] = []
    /// The rows by their connection's number: looked up when one begins, is bound or ends, never for bytes.
    private var numbers: [StreamPartner: Int] = [:]
    var counters = PeerStreamCounters()
    /// How many there are, and how many of them have the client's connection too.
    private(set) var count = 0
    private(set) var splicedCount = 0
    /// Those that wait for bandwidth, those whose time has come, and when they ask again.
    private var paused: [Int] = []
    private var resuming: [Int] = []
    private(set) var nextResume = UInt64.max

    init(files: FileBudget, clients: ConnectionLimits, watchedBy watcher: EventLoop.Watcher) {
        self.files = files
        self.clients = clients
        self.watcher = watcher
    }

    /// Whether a token of the event loop is that of a connection with a peer, or of a relayed address for TCP.
    static func isPeer(_ token: UInt64) -> Bool { token & mark != 0 }

    /// Whether it is that of a relayed address.
    static func isListener(_ token: UInt64) -> Bool { token & listenerMark == listenerMark }

    /// The row of a token, and whether it is about the client's side; nil for one that has ended meanwhile.
    func find(_ token: UInt64) -> (index: Int, isClient: Bool)? {
        let index = Int(truncatingIfNeeded: token & (Self.clientBit - 1))
        guard index < rows.count, rows[index].isLive, token & ~Self.clientBit == self.token(index) else { return nil }
        return (index, token & Self.clientBit != 0)
    }

    /// The row of a connection.
    func index(of partner: StreamPartner) -> Int? { numbers[partner] }

    /// The row of a connection with a peer.
    func index(of id: ConnectionID) -> Int? { numbers[.peer(id)] }

    private func token(_ index: Int) -> UInt64 { (uses[index] % Self.turns) << 32 | Self.mark | UInt64(index) }

    // MARK: Beginning and end

    /// Takes a file for a connection; false when there is none.
    func takeFile() -> Bool { files.takeConnection() }

    /// Gives one back for which there was no connection.
    func giveFile() { files.giveConnection() }

    /// Adds a connection that a file was taken for; false when it cannot be watched, and then it is closed.
    mutating func add(_ stream: StreamHandle, as partner: StreamPartner, _ stage: PeerStream.Stage, now: UInt64) -> Bool
    {
        let index = free.popLast().map(Int.init) ?? rows.count
        let interest: StreamInterest = if case .connecting = stage { .output } else { .hangUp }
        let row = PeerStream(partner: partner, stream: stream, stage: stage, interest: interest, lastMoved: now)
        if index < rows.count {
            rows[index] = row
        } else {
            rows.append(row)
            uses.append(0)
        }
        uses[index] &+= 1
        count += 1
        numbers[partner] = index
        do throws(SocketError) {
            try watcher.watch(stream, token: token(index), for: interest)
            return true
        } catch {
            close(index, aborting: true)
            return false
        }
    }

    /// Watches the peer's side for something else; false when that fails.
    mutating func want(_ interest: StreamInterest, _ index: Int) -> Bool {
        let former = rows[index].interest
        guard former != interest else { return true }
        rows[index].interest = interest
        do throws(SocketError) {
            try watcher.watch(rows[index].stream, token: token(index), for: interest, insteadOf: former)
            return true
        } catch {
            return false
        }
    }

    /// Closes a connection with what of it is here; a client's connection in `Streams` is closed there.
    ///
    /// - `aborting`: by a reset, since one of the two is broken. Else what was written is still sent, but where bytes were taken
    ///   from one side and not written to the other it is a reset too: nobody may take a part for the whole.
    mutating func close(_ index: Int, aborting: Bool) {
        guard rows[index].isLive else { return }
        let stream = rows[index].stream
        if case .spliced(var splice, let client) = rows[index].stage {
            if let counted = client.counted { clients.leave(counted) }
            splicedCount -= 1
            splice.close(by: &pipes, aborting: aborting || splice.isHolding)
        } else if aborting || !rows[index].pending.isEmpty {
            StreamSocket.abort(stream)
        } else {
            StreamSocket.close(stream)
        }
        rows[index].isLive = false
        rows[index].stage = .waiting
        numbers[rows[index].partner] = nil
        files.giveConnection()
        free.append(Int32(truncatingIfNeeded: index))
        count -= 1
    }

    /// Closes all.
    mutating func closeAll() {
        for index in rows.indices { close(index, aborting: false) }
    }

    /// Some of those with web servers that have not come about for long: `Streams.sweepEnds` at most.
    func unanswered(now: UInt64) -> [Int] {
        some { index in
            rows[index].isLive && rows[index].waiting != nil && now &- rows[index].lastMoved >= Self.webLimit
        }
    }

    /// Some of those of which one side has ended and the other has said nothing for long.
    func forgotten(now: UInt64) -> [Int] {
        some { index in
            guard rows[index].isLive, now &- rows[index].lastMoved >= Self.halfClosedLimit else { return false }
            return switch rows[index].stage {
            case .connecting, .waiting: false
            case .spliced(let splice, _): splice.isHalfClosed
            case .copied: rows[index].hasEnded || rows[index].hasClientEnded
            }
        }
    }

    private func some(_ isMeant: (Int) -> Bool) -> [Int] {
        var found: [Int] = []
        for index in rows.indices where isMeant(index) {
            found.append(index)
            if found.count == Streams.sweepEnds { break }
        }
        return found
    }

    // MARK: Splices

    /// Joins a peer with a client whose connection is given away.
    mutating func splice(_ index: Int, with client: DataStream) -> Splice.Progress {
        watcher.unwatch(rows[index].stream)
        var splice = Splice(client.stream, rows[index].stream)
        let progress = splice.start(by: &pipes)
        rows[index].stage = .spliced(splice, with: client)
        splicedCount += 1
        return progress
    }

    /// Moves bytes of a splice: upon an event of one side, else in both directions.
    mutating func move(_ index: Int, _ side: Splice.Side, _ ready: EventLoop.Ready?, budget: Int) -> Splice.Progress {
        guard case .spliced(var splice, let client) = rows[index].stage else { return .going(0) }
        defer { rows[index].stage = .spliced(splice, with: client) }
        splice.isPaused = budget == 0
        guard let ready else { return budget == 0 ? .going(0) : splice.start(by: &pipes) }
        return splice.serve(side, ready, budget: max(1, budget), by: &pipes)
    }

    /// Has the event loop tell what matters of a splice now; false when that fails.
    mutating func watch(_ index: Int) -> Bool {
        guard case .spliced(var splice, let client) = rows[index].stage else { return true }
        defer { rows[index].stage = .spliced(splice, with: client) }
        do throws(SocketError) {
            let token = token(index)
            try splice.watch(by: watcher, tokens: (token | Self.clientBit, token))
            return true
        } catch {
            return false
        }
    }

    /// How much a splice has moved that was not counted yet.
    mutating func takeMoved(_ index: Int) -> (toPeer: Int, toClient: Int) {
        guard case .spliced(let splice, _) = rows[index].stage else { return (0, 0) }
        let total = (toPeer: splice.moved(from: .one), toClient: splice.moved(from: .other))
        let before = rows[index].counted
        rows[index].counted = total
        return (
            Int(truncatingIfNeeded: total.toPeer &- before.toPeer),
            Int(truncatingIfNeeded: total.toClient &- before.toClient)
        )
    }

    // MARK: Bandwidth

    /// Has a connection ask again a little later.
    mutating func pause(_ index: Int, now: UInt64) {
        nextResume = min(nextResume, now &+ Self.pause)
        guard !rows[index].isPaused else { return }
        rows[index].isPaused = true
        paused.append(index)
    }

    /// Some of the connections that ask again now; none does so a second time before all have.
    mutating func takePaused(now: UInt64) -> [Int] {
        if resuming.isEmpty { swap(&resuming, &paused) }
        let taken = Array(resuming.suffix(Self.resumeBurst))
        resuming.removeLast(taken.count)
        nextResume = !resuming.isEmpty ? now : paused.isEmpty ? .max : now &+ Self.pause
        return taken.filter { index in
            // The number may be another one's by now, which has not been paused.
            guard rows[index].isLive, rows[index].isPaused else { return false }
            rows[index].isPaused = false
            return true
        }
    }

    // MARK: Copies

    /// Has what is left of a client's bytes wait for the peer; false when there is no memory for it.
    mutating func keep(
        _ input: inout StreamInput,
        for index: Int,
        in buffers: inout StreamBuffers
    ) -> Bool {
        guard input.taken < input.count else { return true }
        return input.keepRest(in: &buffers, as: &rows[index].pending, limit: input.capacity)
    }

    /// Has bytes wait for the peer, before those of its client; false when there is no memory for them.
    mutating func keep(_ bytes: [UInt8], for index: Int, in buffers: inout StreamBuffers) -> Bool {
        buffers.append(bytes, to: &rows[index].pending)
    }

    /// Writes what waits for the peer; false when the connection is broken.
    mutating func writePending(_ index: Int, from buffers: inout StreamBuffers) -> Bool {
        guard !rows[index].pending.isEmpty else { return true }
        switch buffers.write(&rows[index].pending, to: rows[index].stream) {
        case .bytes, .blocked: return true
        case .ended, .failed: return false
        }
    }

    /// Throws away what waits for a peer whose connection is about to be closed by a reset.
    mutating func discard(_ index: Int, in buffers: inout StreamBuffers) { buffers.discard(&rows[index].pending) }
}

extension PeerStreamCounters.Failure {
    /// What an error number of the system says.
    init(code: Int32) {
        switch code {
        case ECONNREFUSED, ECONNRESET: self = .refused
        case EHOSTUNREACH, ENETUNREACH, EACCES, EPERM: self = .unreachable
        case ETIMEDOUT: self = .timeout
        case EMFILE, ENFILE: self = .openFiles
        default: self = .system
        }
    }
}
