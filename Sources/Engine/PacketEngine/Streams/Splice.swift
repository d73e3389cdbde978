import Glibc

/// Two streams whose bytes go to each other unchanged: a client's data connection and a peer's (RFC 6062 section 4.5), or a
/// connection that is passed through to another server.
///
/// ```
/// var splice = Splice(client, peer)
/// try splice.watch(by: watcher, tokens: (a, b))                    // and again after each call of serve
/// switch splice.serve(.one, ready, by: &pipes) { ... }             // for each event
/// splice.close(by: &pipes, aborting: false)                        // finished, failed, or ended from outside
/// ```
/// A stream is read only while the other has room, so who sends faster than is read is slowed down by the system, both ways
/// independently. What waits is in the system's buffers of the sockets and at most one pipe for each direction (`SplicePipes`). The end
/// of one stream is told the other behind its last byte, while bytes may still go the other way. A broken stream ends both.
public struct Splice: Sendable {
    /// One of the two streams.
    public enum Side: Sendable, CaseIterable {
        /// The first.
        case one
        /// The second.
        case other

        /// The stream that it is joined with.
        public var opposite: Side { self == .one ? .other : .one }
    }

    /// How it goes on.
    public enum Progress: Sendable, Equatable {
        /// So many bytes were moved, and more may come.
        case going(Int)
        /// So many bytes were moved, and both streams have ended, with all their bytes delivered: now they are closed.
        case finished(Int)
        /// A stream is broken, with the system's error number: both are closed, the other one by a reset.
        case failed(Side, Int32)
    }

    /// The way from one stream to the other.
    fileprivate struct Direction: Sendable {
        /// Holds bytes that were taken and not written yet.
        var pipe: SplicePipes.Pipe?
        var held = 0
        /// Whether the receiver had no room when it was asked last.
        var isBlocked = false
        /// Whether the sender has said that nothing more comes.
        var hasEnded = false
        /// Whether the receiver knows.
        var isTold = false
        /// How many bytes have reached the receiver's socket in all.
        var moved: UInt64 = 0
    }

    /// The first stream.
    public let one: StreamHandle
    /// The second stream.
    public let other: StreamHandle
    private var fromOne = Direction()
    private var fromOther = Direction()
    private var watched: (one: StreamInterest, other: StreamInterest) = ([], [])
    private let moveSize = SplicePipes.moveSize
    /// While set nothing is moved, either way: a bandwidth is used up.
    ///
    /// `start` goes on afterwards.
    public var isPaused = false

    /// Joins two connected streams, neither of which is watched.
    public init(_ one: StreamHandle, _ other: StreamHandle) {
        self.one = one
        self.other = other
    }

    /// The stream of a side.
    public func stream(_ side: Side) -> StreamHandle { side == .one ? one : other }

    /// How many bytes have come from a stream and reached the other one's socket.
    public func moved(from side: Side) -> UInt64 { self[from: side].moved }

    /// Whether bytes were taken from a stream that the other one had no room for yet.
    public var isHolding: Bool { fromOne.held > 0 || fromOther.held > 0 }

    /// Whether one of the streams has ended, so that bytes go one way alone.
    public var isHalfClosed: Bool { fromOne.isTold != fromOther.isTold }

    private subscript(from side: Side) -> Direction {
        get { side == .one ? fromOne : fromOther }
        set { if side == .one { fromOne = newValue } else { fromOther = newValue } }
    }

    /// What the event loop must tell of a stream now.
    public func interest(in side: Side) -> StreamInterest {
        let (out, back) = (self[from: side], self[from: side.opposite])
        var interest: StreamInterest = []
        if !out.hasEnded, !out.isBlocked, !isPaused { interest.insert(.input) }
        if back.isBlocked, !isPaused { interest.insert(.output) }
        // One that was told the end may have hung up by and by without being broken, and would show in every turn.
        if interest.isEmpty, !back.isTold { interest = .hangUp }
        return interest
    }

    /// Has both streams watched for what matters now, by a system call for each whose interest has changed.
    public mutating func watch(
        by watcher: EventLoop.Watcher,
        tokens: (one: UInt64, other: UInt64)
    ) throws(SocketError) {
        let wanted = (one: interest(in: .one), other: interest(in: .other))
        try watcher.watch(one, token: tokens.one, for: wanted.one, insteadOf: watched.one)
        watched.one = wanted.one
        try watcher.watch(other, token: tokens.other, for: wanted.other, insteadOf: watched.other)
        watched.other = wanted.other
    }

    /// Moves bytes upon an event of one of the streams, at most about `budget` of them so that others have their turn.
    public mutating func serve(
        _ side: Side,
        _ ready: EventLoop.Ready,
        budget: Int = 262_144,
        by pipes: inout SplicePipes
    ) -> Progress {
        var moved = 0
        if ready.isWritable, !isPaused {
            self[from: side.opposite].isBlocked = false
            if let failure = move(from: side.opposite, budget, &moved, &pipes) { return failure }
        }
        if ready.isReadable, !isPaused, !self[from: side].isBlocked {
            if let failure = move(from: side, budget, &moved, &pipes) { return failure }
        }
        // What has come before a reset is lost to the other end too: nobody is there to answer for it.
        if ready.hasError || ready.hasHungUp, !fromOne.isTold || !fromOther.isTold {
            let code = StreamSocket.connectionError(of: stream(side))
            if code != 0 { return .failed(side, code) }
            if ready.hasHungUp, !self[from: side.opposite].isTold { return .failed(side, ECONNRESET) }
        }
        return fromOne.isTold && fromOther.isTold ? .finished(moved) : .going(moved)
    }

    /// Moves what waits in both directions, where no event tells: after the streams were joined, since bytes may have come before.
    public mutating func start(by pipes: inout SplicePipes) -> Progress {
        var moved = 0
        for side in Side.allCases where !isPaused {
            if let failure = move(from: side, moveSize, &moved, &pipes) { return failure }
        }
        return fromOne.isTold && fromOther.isTold ? .finished(moved) : .going(moved)
    }

    /// Closes both streams, by a reset when one is broken or the bytes on their way must not be taken for all.
    public mutating func close(by pipes: inout SplicePipes, aborting: Bool) {
        for side in Side.allCases {
            if let pipe = self[from: side].pipe { pipes.giveBack(pipe, isEmpty: self[from: side].held == 0) }
            self[from: side] = Direction()
            if aborting { StreamSocket.abort(stream(side)) } else { StreamSocket.close(stream(side)) }
        }
    }

    /// Moves bytes until the sender has no more, the receiver has no room or the budget is used; a failure when one is broken.
    private mutating func move(
        from side: Side,
        _ budget: Int,
        _ moved: inout Int,
        _ pipes: inout SplicePipes
    ) -> Progress? {
        let (sender, receiver) = (stream(side), stream(side.opposite))
        var direction = self[from: side]
        defer { self[from: side] = direction }
        var left = budget
        while left > 0, !direction.isTold, !direction.isBlocked {
            let step = direction.step(sender, receiver, &pipes)
            switch step.outcome {
            case .bytes(0): return nil
            case .bytes(let count):
                moved &+= count
                left &-= count
                direction.moved &+= UInt64(truncatingIfNeeded: count)
            case .blocked: direction.isBlocked = true
            case .ended:
                direction.hasEnded = true
                StreamSocket.endSending(receiver)
                direction.isTold = true
            case .failed(let code): return .failed(step.isOfReceiver ? side.opposite : side, code)
            }
        }
        return nil
    }
}

extension Splice.Direction {
    /// One move: so many bytes were written; none, since the sender has none now; `blocked`: the receiver has no room.
    fileprivate mutating func step(
        _ sender: StreamHandle,
        _ receiver: StreamHandle,
        _ pipes: inout SplicePipes
    ) -> (outcome: StreamOutcome, isOfReceiver: Bool) {
        if pipe == nil, let taken = pipes.take() {
            let filled = SplicePipes.move(sender.descriptor, taken.input, SplicePipes.moveSize)
            guard case .bytes(let count) = filled else {
                pipes.giveBack(taken, isEmpty: true)
                return (filled == .blocked ? .bytes(0) : filled, false)
            }
            pipe = taken
            held = count
        }
        guard let filled = pipe else { return pipes.copy(from: sender, to: receiver, SplicePipes.moveSize) }
        let written = SplicePipes.move(filled.output, receiver.descriptor, held)
        guard case .bytes(let count) = written else { return (written == .ended ? .blocked : written, true) }
        held &-= count
        if held <= 0 {
            pipe = nil
            pipes.giveBack(filled, isEmpty: true)
        }
        return written == .bytes(0) ? (.blocked, true) : (written, true)
    }
}
