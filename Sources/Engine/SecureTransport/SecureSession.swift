/// A TLS session over a stream: it turns bytes into bytes, and knows no socket.
///
/// One thread uses it at a time; it may be handed to another. What it needs is lent for each call: input, room for
/// plaintext and room for what is to be sent. Nothing lent is kept, and a session without traffic has no buffers.
public struct SecureSession: ~Copyable, Sendable {
    /// How far a session is.
    public enum State: Equatable, Sendable {
        case handshaking
        /// Plaintext goes both ways.
        case open
        /// The other side has said that it ends (close_notify), or this side has.
        case closed
        /// What is to be sent still tells the other side why.
        case failed(SessionFailure)
    }

    /// What came of one call.
    public struct Step: Equatable, Sendable {
        /// How many bytes of what was given were taken.
        ///
        /// Those after must be given again, unless the session has ended.
        public var taken = 0
        /// How many bytes of plaintext were written.
        public var received = 0
        /// How many bytes are to be sent, whatever the state is.
        public var sending = 0
        /// Whether there is more to do that needs room, and no new input: call again with what was not taken, which may be nothing.
        public var isUnfinished = false
    }

    /// The longest plaintext of one record (RFC 8446 section 5.1): room for so much is never too little.
    public static let recordLimit = 16_384
    /// How many bytes a record adds to plaintext at most, with the ciphers of `TLSContext`.
    public static let recordOverhead = 32

    /// How far it is.
    public private(set) var state = State.handshaking
    private var connection: Connection
    private var guardian = HelloGuard()

    /// A server's session, with nothing received.
    public init(server context: TLSContext) throws(SessionFailure) {
        connection = try Connection(context, isServer: true)
    }

    /// A client's session, which begins when `receive` is called with nothing.
    ///
    /// - `name`: the server that is wanted, a name or an IP address; a context that verifies takes no other.
    public init(client context: TLSContext, name: String? = nil) throws(SessionFailure) {
        connection = try Connection(context, isServer: false, name: name)
    }

    /// Takes bytes that have come, with or without a part of them left from the call before.
    public mutating func receive(
        _ input: RawSpan,
        into plaintext: inout MutableRawSpan,
        sending output: inout MutableRawSpan
    ) -> Step {
        var step = Step()
        guard state == .handshaking || state == .open else { return flush(&output) }
        if state == .handshaking, connection.isServer, !admits(input) { return step }
        var next = state
        (step.taken, step.sending) = connection.lend(input, &output) { connection in
            next = Self.advance(connection, from: next, &plaintext, &step)
        }
        state = next
        step.isUnfinished = step.isUnfinished || connection.hasSpill
        return step
    }

    /// Encrypts plaintext: as much of it as room is given for.
    ///
    /// Nothing is taken before the handshake is over and after the end.
    public mutating func send(_ plaintext: RawSpan, sending output: inout MutableRawSpan) -> Step {
        guard state == .open else { return flush(&output) }
        var step = Step()
        var failure: SessionFailure?
        var taken = 0
        (_, step.sending) = connection.lend(RawSpan(), &output) { connection in
            while taken < plaintext.byteCount, !connection.hasSpill, connection.room > Self.recordOverhead {
                let count = min(plaintext.byteCount &- taken, Self.recordLimit, connection.room &- Self.recordOverhead)
                switch connection.write(plaintext.extracting(taken..<(taken &+ count))) {
                case .done(let count): taken &+= count
                case .failed(let reason):
                    failure = reason
                    return
                case .waits, .closed: return
                }
            }
        }
        step.taken = taken
        step.isUnfinished = taken < plaintext.byteCount || connection.hasSpill
        if let failure { state = .failed(failure) }
        return step
    }

    /// Ends the session: what is to be sent tells the other side, so that it can tell an end from a cut.
    public mutating func close(sending output: inout MutableRawSpan) -> Step {
        if case .failed = state { return flush(&output) }
        var step = Step()
        (_, step.sending) = connection.lend(RawSpan(), &output) { $0.sayEnd() }
        step.isUnfinished = connection.hasSpill
        state = .closed
        return step
    }

    /// The ALPN protocol that both sides have chosen; nil while there is none.
    public var applicationProtocol: String? { connection.applicationProtocol }

    /// The server's name that the client asks for; nil while none is known.
    public var serverName: String? { connection.serverName }

    /// Version and cipher, as OpenSSL names them: "TLSv1.3", "TLS_AES_128_GCM_SHA256".
    public var parameters: (version: String, cipher: String) { connection.parameters }

    /// Whether the client was known by its ticket.
    public var isResumed: Bool { connection.isResumed }

    /// What waits from before.
    private mutating func flush(_ output: inout MutableRawSpan) -> Step {
        var step = Step()
        (_, step.sending) = connection.lend(RawSpan(), &output) { _ in }
        step.isUnfinished = connection.hasSpill
        return step
    }

    private mutating func admits(_ input: RawSpan) -> Bool {
        // Once TLS 1.2 is agreed on there is no second hello.
        guard guardian.messages == 0 || connection.mayBe13 else { return true }
        guard guardian.admits(input) else {
            state = .failed(SessionFailure(.longHello))
            return false
        }
        return true
    }

    private static func advance(
        _ connection: borrowing Connection,
        from state: State,
        _ plaintext: inout MutableRawSpan,
        _ step: inout Step
    ) -> State {
        if state == .handshaking {
            switch connection.shakeHands() {
            case .done: break
            case .waits: return .handshaking
            case .closed: return .closed
            case .failed(let reason): return .failed(reason)
            }
        }
        while true {
            guard step.received < plaintext.byteCount else {
                step.isUnfinished = connection.inputLeft > 0 || connection.hasPending
                return .open
            }
            switch connection.read(&plaintext, from: step.received) {
            case .done(let count): step.received &+= count
            case .waits: return .open
            case .closed: return .closed
            case .failed(let reason): return .failed(reason)
            }
            // Asking OpenSSL once more, only to hear that nothing is there, costs a fifth of a small record.
            if connection.inputLeft == 0, !connection.hasPending { return .open }
        }
    }
}
