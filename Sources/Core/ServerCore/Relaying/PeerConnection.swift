import Addresses
import STUNAuthentication
import STUNCodec

/// A TCP connection between a relayed address and a peer, from the moment that it is asked for or accepted (RFC 6062
/// section 3).
struct PeerConnection: SlabElement {
    /// How far it is.
    enum State: Sendable {
        /// The client has asked for it, and has no answer yet.
        case connecting(PendingConnect)
        /// It is there, and waits for the client's connection.
        case waiting
        /// The client's connection and it are one.
        case bound
    }

    let id: ConnectionID
    /// The allocation in `AllocationTable.allocations`.
    let allocation: Int
    /// The peer as the client names it.
    let peer: SocketAddress
    var state: State
    /// The next one of the same allocation.
    var next: Int32 = -1

    var isWaiting: Bool { if case .waiting = state { true } else { false } }
}

/// What the answer to a Connect request needs of the request, since it is written when the request is long gone.
struct PendingConnect: Sendable {
    let transactionID: TransactionID
    let hasFingerprint: Bool
    let identity: AuthenticatedRequest
}

/// All connections with peers of a worker, found by their number and by time.
struct PeerConnectionTable: Sendable {
    private var connections = Slab<PeerConnection>()
    /// Open addressing with linear probing at a load of at most one half; numbers are random, so they need no hash.
    private var slots = [Int32](repeating: -1, count: 16)
    private var wheel = TimerWheel()
    /// Connect requests whose time is over, or whose peer is forbidden by now: to be answered.
    var unanswered: [ConnectionID] = []
    /// What the runtime has to close.
    var ended: [ConnectionID] = []

    /// How many there are.
    var count: Int { connections.count }

    /// The connection at an index.
    subscript(index: Int32) -> PeerConnection {
        _read { yield connections[index] }
        _modify { yield &connections[index] }
    }

    /// The index of a number's connection.
    func index(of id: ConnectionID) -> Int32? {
        var slot = home(of: id)
        while slots[slot] >= 0 {
            if connections[slots[slot]].id == id { return slots[slot] }
            slot = (slot &+ 1) & (slots.count &- 1)
        }
        return nil
    }

    /// Adds a connection whose number is not there yet; returns its index.
    mutating func insert(_ connection: PeerConnection) -> Int32 {
        if 2 &* (count &+ 1) > slots.count { grow() }
        let index = connections.insert(connection)
        place(index)
        return index
    }

    /// Removes a connection.
    mutating func remove(_ index: Int32) {
        wheel.cancel(Int(index))
        unplace(index)
        connections.remove(index)
    }

    /// Gives a connection so much time for what comes next.
    mutating func arm(_ index: Int32, at deadline: Instant) { wheel.arm(Int(index), at: deadline) }

    /// Takes a connection's deadline away.
    mutating func disarm(_ index: Int32) { wheel.cancel(Int(index)) }

    /// A connection whose time is over; nil when there is none left.
    mutating func popExpired(now: Instant) -> Int32? {
        wheel.popExpired(now: now).map { Int32(truncatingIfNeeded: $0) }
    }

    /// When `popExpired` should be asked next.
    var nextDeadline: Instant? { wheel.nextDeadline }

    private func home(of id: ConnectionID) -> Int { Int(id.rawValue) & (slots.count &- 1) }

    private mutating func place(_ index: Int32) {
        var slot = home(of: connections[index].id)
        while slots[slot] >= 0 { slot = (slot &+ 1) & (slots.count &- 1) }
        slots[slot] = index
    }

    /// Takes a connection out of the slots and closes the gap.
    private mutating func unplace(_ index: Int32) {
        let mask = slots.count &- 1
        var hole = home(of: connections[index].id)
        while slots[hole] != index { hole = (hole &+ 1) & mask }
        var next = (hole &+ 1) & mask
        while slots[next] >= 0 {
            // An entry may move into the hole unless its home lies behind the hole on the way to where it stands.
            let distance = (next &- home(of: connections[slots[next]].id)) & mask
            if distance >= (next &- hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next &+ 1) & mask
        }
        slots[hole] = -1
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: -1, count: 2 &* old.count)
        for index in old where index >= 0 { place(index) }
    }
}
