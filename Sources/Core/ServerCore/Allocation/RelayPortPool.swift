/// Which port of a relay address the next allocation gets.
public enum RelayPortKind: Sendable, Equatable {
    /// Any port.
    case any
    /// An even port (RFC 8656 section 18.7).
    case even
    /// An even port whose next higher one can be reserved right after.
    case evenReservingNext
    /// This one; it need not have rested.
    case specific(UInt16)
}

/// The relay ports of one IP address: which are free, which rest, which are reserved.
///
/// A port is drawn uniformly from all free ones (RFC 6056 section 3.3), at the same cost however few are left. A port
/// that was given back rests, so that what peers still send to its last owner does not reach the next one; when nothing
/// else is free, the one that rested longest is taken.
public struct RelayPortPool: Sendable {
    /// How long a reserved port waits for its token: RFC 8656 section 7.2 wants at least 30 seconds.
    static let reservation: UInt64 = 30_000_000_000
    /// How long a port that another program holds is left alone.
    static let unusable: UInt64 = 60_000_000_000

    private enum State: UInt8 {
        case free
        case resting
        case open
        case reserved
        case unusable
    }

    private let ports: ClosedRange<UInt16>
    private let rest: UInt64
    private var states: [State]
    private var free: [RelayPortSet]
    /// Even ports that are free with the next one.
    private var freePairs: RelayPortSet
    /// Even ports that are free or rest, and so does the next one.
    private var openablePairs: RelayPortSet
    private var queues: RelayPortQueues
    private var reservedPorts: [UInt64: UInt16] = [:]
    private var tokens: [UInt16: UInt64] = [:]

    /// All of `ports` are free; one that is given back rests for so many nanoseconds.
    ///
    /// Port 0 cannot be sent to and is left out.
    public init(ports: ClosedRange<UInt16>, rest: UInt64) {
        self.ports = max(1, ports.lowerBound)...max(1, ports.upperBound)
        self.rest = rest
        states = Array(repeating: .free, count: self.ports.count)
        let empty = RelayPortSet(over: self.ports)
        free = [empty, empty]
        freePairs = empty
        openablePairs = empty
        queues = RelayPortQueues(over: self.ports)
        for port in self.ports {
            free[Self.parity(port)].insert(port)
            updatePairs(of: port)
        }
    }
}

extension RelayPortPool {
    /// How many ports there are, whatever becomes of them.
    public var capacity: Int { ports.count }

    /// How many an allocation can get now: the free ones and those that rest.
    public var freeCount: Int { free[0].count + free[1].count + queues.count(.restingEven) + queues.count(.restingOdd) }

    /// Whether an allocation has this port now.
    public func contains(open port: UInt16) -> Bool { state(of: port) == .open }

    /// Takes a port for an allocation; nil when there is none of this kind.
    ///
    /// With `evenReservingNext` the next port stays free; `reserve` holds it.
    public mutating func take(
        _ kind: RelayPortKind,
        now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> UInt16? {
        endRests(now: now)
        guard let port = choose(kind, using: &random) else { return nil }
        set(port, to: .open)
        return port
    }

    /// Gives back a port that an allocation had, or that was reserved; others are left alone.
    public mutating func release(_ port: UInt16, now: Instant) {
        guard let state = state(of: port), state == .open || state == .reserved else { return }
        forgetToken(of: port)
        set(port, to: rest == 0 ? .free : .resting, now: now)
    }

    /// Puts aside a port that turned out to be another program's; it is free again after a minute.
    public mutating func markUnusable(_ port: UInt16, now: Instant) {
        guard state(of: port) != nil else { return }
        forgetToken(of: port)
        set(port, to: .unusable, now: now)
    }

    /// Reserves a port that is free or rests, and makes the token that claims it; nil when somebody has the port.
    public mutating func reserve(
        _ port: UInt16,
        now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> UInt64? {
        endRests(now: now)
        guard let state = state(of: port), state == .free || state == .resting else { return nil }
        var token = random.next()
        while reservedPorts[token] != nil { token = random.next() }
        reservedPorts[token] = port
        tokens[port] = token
        set(port, to: .reserved, now: now)
        return token
    }

    /// Turns a reservation into an allocation's port; nil when there is none with this token, or when it is too old.
    public mutating func claim(token: UInt64, now: Instant) -> UInt16? {
        guard let port = reservedPorts[token],
            now.nanoseconds(since: queues.entered(port)) < Self.reservation
        else { return nil }
        forgetToken(of: port)
        set(port, to: .open)
        return port
    }

    /// Gives back a port whose reservation nobody claimed in time, so that the caller can close its socket.
    ///
    /// Called until nil; nothing else ends a reservation that is not claimed.
    public mutating func popExpiredReservation(now: Instant) -> UInt16? {
        guard let port = queues.first(.reserved),
            now.nanoseconds(since: queues.entered(port)) >= Self.reservation
        else { return nil }
        release(port, now: now)
        return port
    }
}

extension RelayPortPool {
    private static func parity(_ port: UInt16) -> Int { Int(port & 1) }

    private func state(of port: UInt16) -> State? {
        ports.contains(port) ? states[Int(port - ports.lowerBound)] : nil
    }

    /// Whether an even port and the next one are both free, or free or resting.
    private func isPair(_ even: UInt16, orResting: Bool) -> Bool {
        guard let first = state(of: even), let second = state(of: even | 1) else { return false }
        let isTaken = { (state: State) in state != .free && !(orResting && state == .resting) }
        return !isTaken(first) && !isTaken(second)
    }

    /// The port to take, which still stands where it stood.
    private func choose(_ kind: RelayPortKind, using random: inout some RandomNumberGenerator) -> UInt16? {
        switch kind {
        case .any:
            let count = free[0].count + free[1].count
            guard count > 0 else { return queues.longest(.restingEven, .restingOdd) }
            let index = Int.random(in: 0..<count, using: &random)
            return index < free[0].count ? free[0][index] : free[1][index - free[0].count]
        case .even:
            return free[0].random(using: &random) ?? queues.first(.restingEven)
        case .evenReservingNext:
            return freePairs.random(using: &random) ?? longestRestingPair
        case .specific(let port):
            return state(of: port).flatMap { $0 == .free || $0 == .resting ? port : nil }
        }
    }

    /// The pair that has been left alone longest, when none is free whole.
    private var longestRestingPair: UInt16? {
        var best: UInt16?
        var earliest = UInt64.max
        for index in 0..<openablePairs.count {
            let port = openablePairs[index]
            let latest = max(restingSince(port), restingSince(port | 1))
            if best == nil || latest < earliest { (best, earliest) = (port, latest) }
        }
        return best
    }

    /// When a port was given back; 0 when it is free.
    private func restingSince(_ port: UInt16) -> UInt64 {
        state(of: port) == .resting ? queues.entered(port).nanoseconds : 0
    }

    /// Frees the ports that have rested, and tries again those that were another program's.
    private mutating func endRests(now: Instant) {
        endRest(.restingEven, after: rest, now: now)
        endRest(.restingOdd, after: rest, now: now)
        endRest(.unusable, after: Self.unusable, now: now)
    }

    private mutating func endRest(_ queue: RelayPortQueues.Name, after duration: UInt64, now: Instant) {
        while let port = queues.first(queue), now.nanoseconds(since: queues.entered(port)) >= duration {
            set(port, to: .free)
        }
    }

    private mutating func forgetToken(of port: UInt16) {
        if let token = tokens.removeValue(forKey: port) { reservedPorts[token] = nil }
    }

    /// Moves a port of the range from the state it is in to another one; the queues remember since when.
    private mutating func set(_ port: UInt16, to state: State, now: Instant = Instant(nanoseconds: 0)) {
        let index = Int(port - ports.lowerBound)
        if states[index] == .free { free[Self.parity(port)].remove(port) }
        if let queue = Self.queue(of: states[index], port) { queues.remove(port, from: queue) }
        states[index] = state
        if state == .free { free[Self.parity(port)].insert(port) }
        if let queue = Self.queue(of: state, port) { queues.append(port, to: queue, now: now) }
        updatePairs(of: port)
    }

    private mutating func updatePairs(of port: UInt16) {
        let even = port & ~1
        freePairs.update(even, isMember: isPair(even, orResting: false))
        openablePairs.update(even, isMember: isPair(even, orResting: true))
    }

    /// The queue that ports of a state wait in.
    private static func queue(of state: State, _ port: UInt16) -> RelayPortQueues.Name? {
        switch state {
        case .free, .open: nil
        case .resting: port & 1 == 0 ? .restingEven : .restingOdd
        case .reserved: .reserved
        case .unusable: .unusable
        }
    }
}
