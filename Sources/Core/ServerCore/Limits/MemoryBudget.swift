import Synchronization

/// What allocations take of the host's memory with their permissions and channels, for all workers together.
///
/// Counted when one of them begins and when it ends, never for a packet, and without a lock.
public final class MemoryBudget: Sendable {
    private let bytes = Atomic<Int>(0)

    /// Nothing taken.
    public init() {}

    /// The bytes that are taken now.
    public var used: Int { bytes.load(ordering: .relaxed) }

    /// Takes so many bytes; false when that would be more than `limit` in all, and then none is taken.
    func take(_ amount: Int, limit: Int) -> Bool {
        var old = bytes.load(ordering: .relaxed)
        while amount <= limit, old <= limit &- amount {
            let result = bytes.weakCompareExchange(expected: old, desired: old &+ amount, ordering: .relaxed)
            if result.exchanged { return true }
            old = result.original
        }
        return false
    }

    /// Gives bytes back that were taken.
    func give(_ amount: Int) { bytes.wrappingSubtract(amount, ordering: .relaxed) }
}

/// What each thing takes, in bytes: the process's own memory, and the kernel's.
public enum MemoryCost {
    /// A relay socket: 2.9 kB of the kernel by measurement (socket, file, what epoll keeps of it), and room for a datagram
    /// that waits in it.
    ///
    /// Its buffers may hold much more, but the kernel bounds those of all sockets together (`udp_mem`).
    public static var relaySocket: Int { 4096 }

    /// An allocation without its sockets: twice its place in the table, since arrays double as they grow, and its timer, its
    /// slots in the tables of 5-tuples and sockets, the user's name and account.
    public static var allocation: Int { 2 * MemoryLayout<Allocation>.stride + 256 }

    /// What a mirror takes beside its allocation: twice its place.
    public static var mirror: Int { 2 * MemoryLayout<MirrorState>.stride }

    /// A TCP connection with a peer: its socket and that of the client's, with what may wait in each, and twice its place.
    public static var peerConnection: Int { 4 * relaySocket + 2 * MemoryLayout<PeerConnection>.stride }

    /// A permission: twice its place.
    public static var permission: Int { 2 * MemoryLayout<Permission>.stride }

    /// A channel: twice its place.
    public static var channel: Int { 2 * MemoryLayout<Channel>.stride }
}

extension Server {
    /// Takes memory for what is about to be made, or says that there is none left.
    func takeMemory(_ amount: Int, _ turn: TURNPolicy) throws(Refusal) {
        guard ledger.memory.take(amount, limit: turn.quotas.memory) else { throw .memory(turn.quotas.memory) }
    }

    /// What an allocation takes now with all that belongs to it.
    func memory(of index: Int) -> Int {
        let sockets = (table.allocations[index].v4 == nil ? 0 : 1) &+ (table.allocations[index].v6 == nil ? 0 : 1)
        return MemoryCost.allocation &+ sockets &* MemoryCost.relaySocket
            &+ (table.allocations[index].mirror >= 0 ? MemoryCost.mirror : 0)
            &+ table.allocations[index].permissionCount &* MemoryCost.permission
            &+ table.allocations[index].channelCount &* MemoryCost.channel
            &+ table.allocations[index].connectionCount &* MemoryCost.peerConnection
    }

    /// Removes what has expired of an allocation and gives back what it took; returns when something expires next.
    @discardableResult
    mutating func sweep(_ index: Int, now: Instant) -> Instant {
        let before = memory(of: index)
        let next = table.sweep(index, now: now)
        ledger.memory.give(before &- memory(of: index))
        return next
    }
}
