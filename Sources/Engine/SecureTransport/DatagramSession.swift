/// A DTLS 1.2 session (RFC 6347) of one 5-tuple: it turns datagrams into datagrams, and knows no socket.
///
/// A server makes one only when `DatagramCookie` has found a proven hello, which is the first datagram that it is given. Records
/// that come again are dropped by OpenSSL (RFC 6347 section 4.1.2.6).
public struct DatagramSession: ~Copyable, Sendable {
    /// What came of one call.
    public struct Step: Sendable {
        /// How many bytes of one message were written; nil when there is none.
        public var received: Int?
        /// Whether another message may wait: call `receive` again with nothing.
        public var isUnfinished = false
        /// What is to be sent, whatever the state is.
        public var datagrams = DatagramCuts()
    }

    /// The longest message of one datagram (RFC 6347 section 4.1.1): room for so much is never too little.
    public static let messageLimit = 16_384
    /// How many bytes a record adds to a message at most, with the ciphers of `TLSContext`.
    public static let recordOverhead = 37
    /// How many records of a handshake's end are let in before it is over: OpenSSL keeps 17 kB for each that comes too early.
    static let earlyRecords = 16

    /// How far it is.
    public private(set) var state = SecureSession.State.handshaking
    /// The hello with which it began; nil for a client.
    public let hello: DatagramCookie.HelloID?
    private var connection: Connection
    private var hasListened: Bool
    private var early = 0
    private var deadline: UInt64?
    /// The shortest record of the chosen cipher: its tag, and with AES-GCM the nonce before it (RFC 5288 section 3).
    private var shortestRecord = 24

    /// A server's session, for a hello whose cookie was right; `receive` takes that datagram first.
    ///
    /// - `longest`: no datagram of the handshake is longer than this; at least 256. Messages are not cut: one that is too long for the path is
    ///   the sender's care, as on UDP.
    /// - `firstWait`: nanoseconds after which what was not answered is sent again, then twice as many each time, up to
    ///   60 seconds; after 12 times the session fails.
    public init(
        server context: TLSContext,
        hello: DatagramCookie.HelloID,
        longest: Int = 1200,
        firstWait: UInt64 = 1_000_000_000
    ) throws(SessionFailure) {
        self.hello = hello
        hasListened = false
        connection = try Connection(context, isServer: true)
        connection.setUpDatagrams(longest: longest, firstWait: firstWait)
    }

    /// A client's session, which begins when `receive` is called with nothing.
    public init(
        client context: TLSContext,
        name: String? = nil,
        longest: Int = 1200,
        firstWait: UInt64 = 1_000_000_000
    ) throws(SessionFailure) {
        hello = nil
        hasListened = true
        connection = try Connection(context, isServer: false, name: name)
        connection.setUpDatagrams(longest: longest, firstWait: firstWait)
    }

    /// Takes a datagram that has come, and gives at most one message.
    ///
    /// `now` is in nanoseconds of a monotonic clock. Datagrams for which `output` has no room are lost, and repeated by `tick`.
    public mutating func receive(
        _ datagram: RawSpan,
        into plaintext: inout MutableRawSpan,
        sending output: inout MutableRawSpan,
        now: UInt64
    ) -> Step {
        var step = Step()
        guard state == .handshaking || state == .open else { return step }
        if state == .handshaking, connection.isServer, !admits(datagram) { return step }
        if state == .open, hasShortRecord(datagram) { return step }
        var next = state
        let (listened, server) = (hasListened, connection.isServer)
        var datagrams = DatagramCuts()
        connection.lend(datagram, &output, &datagrams) { connection in
            if server, !listened {
                guard connection.takeProvenHello() else {
                    next = .failed(SessionFailure(.unprovenHello))
                    return
                }
            }
            next = Self.advance(connection, from: next, &plaintext, &step)
        }
        step.datagrams = datagrams
        hasListened = true
        if state == .handshaking, next == .open, parameters.cipher.contains("CHACHA") { shortestRecord = 16 }
        state = next
        setDeadline(now)
        return step
    }

    /// Encrypts one message as one datagram, and gives its length.
    ///
    /// Nil when there is none: before the handshake is over, after the end, when the message is too long or there is no room. It is lost
    /// then, as any datagram may be.
    public mutating func send(_ message: RawSpan, sending output: inout MutableRawSpan) -> Int? {
        guard state == .open, message.byteCount > 0, message.byteCount <= Self.messageLimit,
            output.byteCount >= message.byteCount &+ Self.recordOverhead
        else { return nil }
        var datagrams = DatagramCuts()
        var progress = Connection.Progress.waits
        connection.lend(RawSpan(), &output, &datagrams) { progress = $0.write(message) }
        if case .failed(let reason) = progress { state = .failed(reason) }
        return datagrams.count == 1 ? datagrams[0].count : nil
    }

    /// When `tick` is to be called next; nil while nothing waits for an answer.
    public func nextDeadline() -> UInt64? { deadline }

    /// Sends again what was not answered in time.
    ///
    /// OpenSSL 3.0 reads the system's clock for it and cannot be given another, so it has the last word, and the deadline after this
    /// call says when to ask again.
    public mutating func tick(now: UInt64, sending output: inout MutableRawSpan) -> DatagramCuts {
        var datagrams = DatagramCuts()
        guard let deadline, now >= deadline else { return datagrams }
        var failure: SessionFailure?
        connection.lend(RawSpan(), &output, &datagrams) { failure = $0.repeatFlight() }
        if let failure { state = .failed(failure) }
        setDeadline(now)
        return datagrams
    }

    /// Ends the session.
    public mutating func close(sending output: inout MutableRawSpan) -> DatagramCuts {
        var datagrams = DatagramCuts()
        if case .failed = state { return datagrams }
        connection.lend(RawSpan(), &output, &datagrams) { $0.sayEnd() }
        state = .closed
        deadline = nil
        return datagrams
    }

    /// The ALPN protocol that both sides have chosen; nil while there is none.
    public var applicationProtocol: String? { connection.applicationProtocol }

    /// The server's name that the client asks for; nil while none is known.
    public var serverName: String? { connection.serverName }

    /// Version and cipher, as OpenSSL names them.
    public var parameters: (version: String, cipher: String) { connection.parameters }

    private mutating func setDeadline(_ now: UInt64) {
        deadline = nil
        guard state == .handshaking, let wait = connection.timeout else { return }
        deadline = now &+ wait
    }

    /// Whether some record of the keys' epoch is too short for its cipher.
    ///
    /// OpenSSL drops it (RFC 6347 section 4.1.2.7), but goes back into the handshake before when it claims to be of one.
    private func hasShortRecord(_ datagram: RawSpan) -> Bool {
        var offset = 0
        while let length = datagram.number(at: offset &+ 11, bytes: 2) {
            if datagram.number(at: offset &+ 3, bytes: 2) != 0, length < shortestRecord { return true }
            offset &+= 13 &+ length
        }
        return false
    }

    /// Counts the records behind ChangeCipherSpec that come while the handshake is not over.
    private mutating func admits(_ datagram: RawSpan) -> Bool {
        var offset = 0
        while let length = datagram.number(at: offset &+ 11, bytes: 2) {
            if datagram.number(at: offset &+ 3, bytes: 2) != 0 { early &+= 1 }
            if early > Self.earlyRecords { return false }
            offset &+= 13 &+ length
        }
        return true
    }

    private static func advance(
        _ connection: borrowing Connection,
        from state: SecureSession.State,
        _ plaintext: inout MutableRawSpan,
        _ step: inout Step
    ) -> SecureSession.State {
        // A record that is dropped may end OpenSSL's reading before it has come to the datagram that was given.
        for _ in 0..<4 {
            let progress = connection.isOpen ? connection.read(&plaintext, from: 0) : connection.shakeHands()
            switch progress {
            case .done(let count) where count > 0:
                step.received = count
                step.isUnfinished = connection.hasPending || connection.inputLeft > 0
                return .open
            case .done: continue
            case .waits: if connection.inputLeft == 0 { return connection.isOpen ? .open : .handshaking }
            case .closed: return .closed
            case .failed(let reason): return .failed(reason)
            }
        }
        return connection.isOpen ? .open : .handshaking
    }
}

/// Where the datagrams lie that a session has written one after another: at most 32.
public struct DatagramCuts: Sendable {
    static let limit = 32
    var lengths = [32 of UInt16](repeating: 0)

    /// How many there are.
    public internal(set) var count = 0

    /// The bytes of one; empty when there is none of this number.
    public subscript(index: Int) -> Range<Int> {
        guard index >= 0, index < count else { return 0..<0 }
        var start = 0
        for earlier in 0..<index { start &+= Int(lengths[earlier]) }
        return start..<(start &+ Int(lengths[index]))
    }
}
