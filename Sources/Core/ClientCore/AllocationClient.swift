public import Addresses
public import STUNCodec

/// The client's side of one allocation: Allocate with its challenge, CreatePermission and ChannelBind for one peer, and
/// the Refresh that ends it (RFC 8656 sections 6, 9, 12 and 7).
///
/// It knows no socket and no clock: the caller sends what `writeRequest` writes whenever a step says so, hands over what
/// comes, and moves the time.
public struct AllocationClient: Sendable {
    /// How far it is.
    public enum State: Sendable, Equatable {
        /// Nothing was asked for yet.
        case idle
        /// Allocate is on its way.
        case allocating
        /// CreatePermission is on its way.
        case permitting
        /// ChannelBind is on its way.
        case binding
        /// All that was wanted is there.
        case ready
        /// Refresh with lifetime 0 is on its way.
        case releasing
        /// The allocation is gone.
        case released
        /// The server refused something, or answered nothing.
        case failed(Failure)

        /// The method of the request that waits for its answer.
        public var method: Method? {
            switch self {
            case .allocating: .allocate
            case .permitting: .createPermission
            case .binding: .channelBind
            case .releasing: .refresh
            case .idle, .ready, .released, .failed: nil
            }
        }
    }

    /// Why it failed.
    public struct Failure: Error, Sendable, Equatable {
        /// The method of the request.
        public let method: Method
        /// What came of it.
        public let cause: Cause

        /// Joins the two.
        public init(method: Method, cause: Cause) {
            self.method = method
            self.cause = cause
        }
    }

    /// What can come of a request but success.
    public enum Cause: Sendable, Equatable {
        /// The server refused with this code.
        case refused(UInt16)
        /// The server said nothing.
        case unanswered
        /// The answer lacks what it must have, such as the relayed address.
        case wrongAnswer
        /// The connection to the server ended before the answer.
        case disconnected
    }

    /// What the caller does next.
    public enum Step: Sendable, Equatable {
        /// Nothing: the datagram was none of the answers that are waited for, or the time has not come.
        case wait
        /// Sends what `writeRequest` writes.
        case send
        /// Sends it once more.
        case sendAgain
        /// Nothing any more: the state is `ready`, `released` or `failed`.
        case finished
    }

    /// What is wanted besides the allocation: a peer, by a channel.
    public struct Channel: Sendable, Equatable {
        /// The channel's number.
        public let number: UInt16
        /// The peer that it leads to.
        public let peer: SocketAddress

        /// Joins them.
        public init(number: UInt16, peer: SocketAddress) {
            self.number = number
            self.peer = peer
        }
    }

    /// The longest nonce that is taken, in bytes.
    ///
    /// The RFC allows 128 characters, which all servers that there are fill with ASCII.
    static let longestNonce = 128
    /// How often one request is signed anew because its nonce is stale.
    static let mostChallenges = 3

    /// How far it is.
    public private(set) var state = State.idle
    /// The relayed address, once there is one.
    public internal(set) var relayed: SocketAddress?
    /// How many success answers were not signed by who knows the key, and therefore passed over.
    public internal(set) var unproven = 0
    let channel: Channel?
    let rules: Retransmission
    /// The upper half of all transaction ids, with the cookie; and the client's own number in the lower half.
    private let idHigh: UInt64
    private let number: UInt32
    private var requests: UInt32 = 0
    private var challenges = 0
    var transaction: Transaction
    var nonce = [128 of UInt8](repeating: 0)
    var nonceLength = 0

    /// A client that has asked for nothing.
    ///
    /// - `number`: which client of this program it is; answers to another one are none for it.
    /// - `salt`: a random number of the program's run.
    public init(number: UInt32, salt: UInt32, channel: Channel?, rules: Retransmission = .standard) {
        self.number = number
        self.channel = channel
        self.rules = rules
        idHigh = UInt64(magicCookie) << 32 | UInt64(salt)
        transaction = Transaction(TransactionID(high: 0, low: 0), at: 0, rules)
    }

    /// Asks for the allocation; from `idle` only.
    public mutating func allocate(at now: UInt64) -> Step {
        guard state == .idle else { return .wait }
        return request(.allocating, at: now)
    }

    /// Ends the allocation; from `ready` only.
    public mutating func release(at now: UInt64) -> Step {
        guard state == .ready else { return .wait }
        return request(.releasing, at: now)
    }

    /// Moves the clock.
    public mutating func advance(to now: UInt64) -> Step {
        guard let method = state.method else { return .wait }
        switch transaction.advance(to: now, rules) {
        case .waiting: return .wait
        case .again: return .sendAgain
        case .lost: return fail(method, .unanswered)
        }
    }

    /// Tells that the connection to the server has ended: what is on its way is not answered any more.
    public mutating func disconnect() -> Step {
        guard let method = state.method else { return .wait }
        return fail(method, .disconnected)
    }

    /// Begins a request of its own transaction.
    mutating func request(_ next: State, at now: UInt64) -> Step {
        state = next
        challenges = 0
        return begin(at: now)
    }

    /// Begins the same request anew, with the nonce of a challenge; fails when the server never is content.
    mutating func requestAgain(_ method: Method, _ code: UInt16, at now: UInt64) -> Step {
        challenges += 1
        guard challenges <= Self.mostChallenges else { return fail(method, .refused(code)) }
        return begin(at: now)
    }

    private mutating func begin(at now: UInt64) -> Step {
        requests &+= 1
        transaction = Transaction(
            TransactionID(high: idHigh, low: UInt64(number) << 32 | UInt64(requests)),
            at: now,
            rules
        )
        return .send
    }

    mutating func fail(_ method: Method, _ cause: Cause) -> Step {
        state = .failed(Failure(method: method, cause: cause))
        return .finished
    }

    mutating func finish(_ last: State) -> Step {
        state = last
        return .finished
    }
}
