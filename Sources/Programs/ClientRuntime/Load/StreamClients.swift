import Addresses
import PacketEngine
import STUNCodec
import SecureTransport

/// The clients of a load that come by TCP or TLS: a connection each.
///
/// What is sent in one turn goes by one call, and with TLS each frame is a record of its own, as clients that hand over one
/// packet after another make them. What the system has no room for waits, up to a limit. The memory is shared by all, so one
/// connection at a time is read to its end: `receive`, then `nextFrame` until there is none.
struct StreamClients: ~Copyable {
    private final class Connection {
        let stream: StreamHandle
        let secure: SecureEnd?
        /// What the system had no room for.
        var waiting = StreamBuffer()
        /// The beginning of a frame that is not whole yet.
        var rest = StreamBuffer()
        /// What was to be sent before the handshake was over.
        var early = StreamBuffer()

        init(_ stream: StreamHandle, _ secure: SecureEnd?) {
            self.stream = stream
            self.secure = secure
        }
    }

    private final class SecureEnd {
        var session: SecureSession
        init(_ session: consuming SecureSession) { self.session = session }
    }

    /// How much of one connection may wait before no more of it is taken.
    private static let mostWaiting = 262_144
    /// How much may wait for the handshake: what there is room for in `cipher`.
    private static let mostEarly = 65_536
    /// Room for 64 frames of the load, encrypted, and for what a handshake sends.
    private static let outputRoom = ConnectedBatch.capacity * (ConnectedBatch.slotSize + 64) + 65_536

    private let target: LoadTarget
    private let context: TLSContext?
    private var connections: [Connection?]
    private var buffers: StreamBuffers
    private let cipher: LoadMemory
    private let plain: LoadMemory
    private let output: LoadMemory
    /// Which have ended, or never came about.
    private var isGone: [Bool]
    /// Whose bytes lie in `plain`, from `taken` to `count`.
    private var current = 0
    private var taken = 0
    private var count = 0
    /// The connections for whose bytes the system had no room.
    private var blocked: [Int] = []
    /// How many frames were not sent, since too much waited already.
    private(set) var refused: UInt64 = 0
    /// How many connections have ended but by this program, or never came about.
    private(set) var ended = 0
    /// Why the first of them did.
    private(set) var firstEnd: String?

    /// Makes room for so many connections, and opens none; none by UDP.
    init(_ number: Int, _ target: LoadTarget) throws(LoadFailure) {
        let number = target.transport == .udp ? 0 : number
        self.target = target
        connections = [Connection?](repeating: nil, count: number)
        isGone = [Bool](repeating: false, count: number)
        buffers = StreamBuffers(capacity: number == 0 ? 1 : 1 << 28)
        cipher = LoadMemory(capacity: target.transport == .tls ? 65_536 : 0)
        plain = LoadMemory(capacity: number == 0 ? 0 : 2 * 65_536 + SecureSession.recordLimit)
        output = LoadMemory(capacity: number == 0 ? 0 : Self.outputRoom)
        do throws(TLSContextError) {
            context =
                target.transport == .tls
                ? try TLSContext(client: .stream, trust: .anything, protocols: ["stun.turn"]) : nil
        } catch {
            throw LoadFailure(.system, "\(error)")
        }
    }

    deinit {
        // By a reset: thousands of connections that wait for their last packet would take the ports of the next load.
        for (index, connection) in connections.enumerated() {
            if let connection, !isGone[index] { StreamSocket.abort(connection.stream) }
        }
    }

    /// Whether there are any.
    var isEmpty: Bool { connections.isEmpty }

    /// Whether a connection has ended, or never came about.
    func hasEnded(_ index: Int) -> Bool { isGone[index] }

    /// Begins to connect; what is sent from now on waits for that.
    mutating func connect(_ index: Int, watchedBy poll: inout PrecisePoll, token: UInt64) {
        do {
            let stream = try StreamSocket.connect(from: SocketAddress(target.local, port: 0), to: target.server)
            let secure = try context.map { context throws(SessionFailure) in
                SecureEnd(try SecureSession(client: context))
            }
            connections[index] = Connection(stream, secure)
            try poll.watch(stream, token: token)
        } catch {
            return end(index, "\(error)")
        }
        if context != nil { decrypt(0, index) }
    }

    // MARK: Sending

    /// Sends the first `number` datagrams of a batch as frames, whose padding they have; returns how many were taken.
    mutating func send(_ number: Int, of batch: borrowing ConnectedBatch, on index: Int) -> Int {
        guard let connection = connections[index], !isGone[index],
            connection.waiting.count < Self.mostWaiting, connection.early.count < Self.mostEarly
        else {
            refused &+= UInt64(number)
            return 0
        }
        var filled = 0
        for slot in 0..<number { filled = put(batch.outgoing(slot), connection, behind: filled) }
        flush(filled, index)
        return number
    }

    /// Writes a frame into `output`, encrypted where there is a session; returns where it ends.
    private mutating func put(_ frame: RawSpan, _ connection: Connection, behind filled: Int) -> Int {
        let output = output
        guard let secure = connection.secure else {
            output.write(frame, at: filled)
            return filled &+ frame.byteCount
        }
        guard secure.session.state == .open else {
            _ = buffers.append(frame, to: &connection.early, limit: Self.mostEarly)
            return filled
        }
        var room = output.room(from: filled)
        return filled &+ secure.session.send(frame, sending: &room).sending
    }

    /// Writes the first bytes of `output`, behind what waits.
    private mutating func flush(_ filled: Int, _ index: Int) {
        let output = output
        guard filled > 0, let connection = connections[index], !isGone[index] else { return }
        var written = 0
        if connection.waiting.isEmpty {
            switch StreamSocket.write(connection.stream, output.bytes(0..<filled)) {
            case .bytes(let number): written = number
            case .blocked: break
            case .ended: return end(index, "the connection ended")
            case .failed(let code): return end(index, SystemError.text(code))
            }
            guard written < filled else { return }
            blocked.append(index)
        }
        let rest = output.bytes(written..<filled)
        if !buffers.append(rest, to: &connection.waiting, limit: Self.mostWaiting + Self.outputRoom) {
            end(index, "the load has no memory for what waits")
        }
    }

    /// Writes what waited; true when some of it still does.
    mutating func flushBlocked() -> Bool {
        guard !blocked.isEmpty else { return false }
        var kept = 0
        for position in blocked.indices {
            let index = blocked[position]
            guard let connection = connections[index], !isGone[index] else { continue }
            if case .failed(let code) = buffers.write(&connection.waiting, to: connection.stream) {
                end(index, SystemError.text(code))
            } else if !connection.waiting.isEmpty {
                blocked[kept] = index
                kept += 1
            }
        }
        blocked.removeSubrange(kept...)
        return kept > 0
    }

    // MARK: Receiving

    /// Reads what waits at a connection, once.
    mutating func receive(at index: Int) {
        let (plain, cipher) = (plain, cipher)
        (current, taken, count) = (index, 0, 0)
        guard let connection = connections[index], !isGone[index] else { return }
        var room = plain.room(from: 0)
        count = buffers.take(&connection.rest, into: &room)
        let outcome: StreamOutcome
        if connection.secure == nil {
            var room = plain.room(from: count)
            outcome = StreamSocket.read(connection.stream, into: &room)
        } else {
            var room = cipher.room(from: 0)
            outcome = StreamSocket.read(connection.stream, into: &room)
        }
        switch outcome {
        case .bytes(let number) where connection.secure == nil: count &+= number
        case .bytes(let number): decrypt(number, index)
        case .blocked: break
        case .ended: end(index, "the server closed the connection")
        case .failed(let code): end(index, SystemError.text(code))
        }
    }

    /// Hands the first bytes of `cipher` to a session; what it says goes behind `count` in `plain`.
    private mutating func decrypt(_ number: Int, _ index: Int) {
        let (cipher, plain, output) = (cipher, plain, output)
        guard let connection = connections[index], let secure = connection.secure else { return }
        var (offset, filled) = (0, 0)
        while true {
            var room = plain.room(from: count)
            var sending = output.room(from: filled)
            let step = secure.session.receive(cipher.bytes(offset..<number), into: &room, sending: &sending)
            offset &+= step.taken
            count &+= step.received
            filled &+= step.sending
            guard step.isUnfinished, step.taken > 0 || step.received > 0 || step.sending > 0 else { break }
        }
        if secure.session.state == .open, !connection.early.isEmpty {
            var room = cipher.room(from: 0)
            let early = buffers.take(&connection.early, into: &room)
            var sending = output.room(from: filled)
            filled &+= secure.session.send(cipher.bytes(0..<early), sending: &sending).sending
        }
        flush(filled, index)
        switch secure.session.state {
        case .handshaking, .open: return
        case .closed: end(index, "the server closed the TLS session")
        case .failed(let failure): end(index, "\(failure)")
        }
    }

    /// The place of the next whole frame, without its padding; nil when there is none, and the rest is kept.
    mutating func nextFrame() -> Range<Int>? {
        let plain = plain
        guard taken < count else { return nil }
        let (index, start) = (current, taken)
        switch StreamFramer.first(in: plain.bytes(start..<count)) {
        case .whole(let length, let padded):
            taken &+= padded
            return start..<(start &+ length)
        case .incomplete:
            taken = count
            guard let connection = connections[index], !isGone[index] else { return nil }
            if !buffers.append(plain.bytes(start..<count), to: &connection.rest, limit: StreamFramer.limit) {
                end(index, "the load has no memory for what waits")
            }
            return nil
        case .invalid:
            taken = count
            end(index, "what the server sent is neither STUN nor ChannelData")
            return nil
        }
    }

    /// The bytes of a frame.
    @_lifetime(borrow self)
    func frame(_ range: Range<Int>) -> RawSpan { plain.bytes(range) }

    private mutating func end(_ index: Int, _ reason: String) {
        guard !isGone[index] else { return }
        isGone[index] = true
        ended += 1
        firstEnd = firstEnd ?? reason
        guard let connection = connections[index] else { return }
        buffers.discard(&connection.waiting)
        buffers.discard(&connection.early)
        buffers.discard(&connection.rest)
        StreamSocket.close(connection.stream)
    }
}
