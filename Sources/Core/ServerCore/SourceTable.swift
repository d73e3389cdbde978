public import Addresses
import STUNCodec

/// The statistics of the last sources, as the manual's page shows them: bounded, the longest silent one gives way.
public struct SourceTable: Sendable {
    /// One source's row.
    public struct Row: Sendable, Equatable {
        /// Address and port of the source.
        public let source: SocketAddress
        /// When it was last heard of.
        public internal(set) var lastAccess: Instant
        /// Requests that asked for no other address or port, mostly keep-alives.
        public internal(set) var noChange: UInt64 = 0
        /// Requests for an answer from another IP address, also those that asked for another port too.
        public internal(set) var changeIP: UInt64 = 0
        /// Requests for an answer from another port only.
        public internal(set) var changePort: UInt64 = 0
        /// Messages that could not be processed.
        public internal(set) var error: UInt64 = 0
        /// Allocations that were made: the manual's relayed "mirror" ports.
        public internal(set) var mirrorSetup: UInt64 = 0
        /// Datagrams that were relayed for the source, both ways.
        public internal(set) var mirrorForwards: UInt64 = 0
        /// What its requests show of it.
        public internal(set) var behaviour = SourceBehaviour()

        /// All messages: the sum of the row.
        public var hits: UInt64 { noChange &+ changeIP &+ changePort &+ error &+ mirrorSetup &+ mirrorForwards }

        /// This row and what another worker counted for the same source.
        public func adding(_ other: Row) -> Row {
            var sum = self
            sum.lastAccess = max(lastAccess, other.lastAccess)
            sum.noChange &+= other.noChange
            sum.changeIP &+= other.changeIP
            sum.changePort &+= other.changePort
            sum.error &+= other.error
            sum.mirrorSetup &+= other.mirrorSetup
            sum.mirrorForwards &+= other.mirrorForwards
            sum.behaviour = behaviour.adding(other.behaviour)
            return sum
        }
    }

    /// Which column a message counts in.
    enum Column {
        case noChange
        case changeIP
        case changePort
        case error
        case mirrorSetup
    }

    private var rows: [Row] = []
    private var newer: [Int32] = []
    private var older: [Int32] = []
    private var newest: Int32 = -1
    private var oldest: Int32 = -1
    private var index: FlowTable
    private let capacity: Int

    /// Room for `capacity` sources, all of it taken at once so that counting never allocates.
    init(capacity: Int, seed: UInt64) {
        self.capacity = max(1, capacity)
        index = FlowTable(capacity: self.capacity, seed: seed)
        rows.reserveCapacity(self.capacity)
        newer.reserveCapacity(self.capacity)
        older.reserveCapacity(self.capacity)
    }

    /// Counts a request, and notes what it shows.
    mutating func count(_ column: Column, _ dialect: Dialect, from flow: ClientFlow, now: Instant) {
        let slot = count(column, from: flow.source, now: now)
        rows[slot].behaviour.noteRequest(dialect, on: flow.role, now: now)
    }

    /// Counts a request whose answer leaves by the socket that it asks for, and notes what it shows.
    mutating func count(_ column: Column, _ request: BindingRequest, from flow: ClientFlow, now: Instant) {
        let slot = count(column, from: flow.source, now: now)
        rows[slot].behaviour.noteRequest(request.dialect, on: flow.role, now: now)
        rows[slot].behaviour.noteChange(request.change, request.context.transactionID, now: now)
    }

    /// Counts one message of a source; returns the row.
    @discardableResult
    mutating func count(_ column: Column, from source: SocketAddress, now: Instant) -> Int {
        let slot = touch(source, now: now)
        rows[slot].lastAccess = now
        switch column {
        case .noChange: rows[slot].noChange &+= 1
        case .changeIP: rows[slot].changeIP &+= 1
        case .changePort: rows[slot].changePort &+= 1
        case .error: rows[slot].error &+= 1
        case .mirrorSetup: rows[slot].mirrorSetup &+= 1
        }
        return slot
    }

    /// Counts datagrams that were relayed for a source, the last of them at `now`.
    mutating func countForwards(_ packets: UInt64, from source: SocketAddress, now: Instant) {
        let slot = touch(source, now: now)
        rows[slot].lastAccess = max(rows[slot].lastAccess, now)
        rows[slot].mirrorForwards &+= packets
    }

    /// The same rows in a table of another size; the longest silent ones go when it is smaller.
    func resized(to capacity: Int, seed: UInt64) -> SourceTable {
        var table = SourceTable(capacity: capacity, seed: seed)
        for row in newestFirst.prefix(table.capacity).reversed() {
            table.rows[table.touch(row.source, now: row.lastAccess)] = row
        }
        return table
    }

    /// Forgets all sources.
    mutating func removeAll() {
        rows.removeAll(keepingCapacity: true)
        newer.removeAll(keepingCapacity: true)
        older.removeAll(keepingCapacity: true)
        index.removeAll()
        newest = -1
        oldest = -1
    }

    /// How many sources are remembered.
    public var sourceCount: Int { rows.count }

    /// The rows, the last heard first.
    public var newestFirst: [Row] {
        var list: [Row] = []
        list.reserveCapacity(rows.count)
        var slot = newest
        while slot >= 0 {
            list.append(rows[Int(slot)])
            slot = older[Int(slot)]
        }
        return list
    }

    /// The slot of a source, made the newest; a new source takes a free slot or that of the longest silent one.
    private mutating func touch(_ source: SocketAddress, now: Instant) -> Int {
        if let slot = index.value(of: source) {
            if newest != Int32(truncatingIfNeeded: slot) {
                unlink(slot)
                linkAsNewest(slot)
            }
            return slot
        }
        let slot: Int
        if rows.count < capacity {
            slot = rows.count
            rows.append(Row(source: source, lastAccess: now))
            newer.append(-1)
            older.append(-1)
        } else {
            slot = Int(oldest)
            unlink(slot)
            index.remove(rows[slot].source)
            rows[slot] = Row(source: source, lastAccess: now)
        }
        index.insert(source, value: slot)
        linkAsNewest(slot)
        return slot
    }

    private mutating func unlink(_ slot: Int) {
        if newer[slot] >= 0 { older[Int(newer[slot])] = older[slot] } else { newest = older[slot] }
        if older[slot] >= 0 { newer[Int(older[slot])] = newer[slot] } else { oldest = newer[slot] }
    }

    private mutating func linkAsNewest(_ slot: Int) {
        let number = Int32(truncatingIfNeeded: slot)
        newer[slot] = -1
        older[slot] = newest
        if newest >= 0 { newer[Int(newest)] = number } else { oldest = number }
        newest = number
    }
}
