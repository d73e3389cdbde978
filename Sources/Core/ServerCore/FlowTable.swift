import Addresses

/// From a transport address to a small number, in fixed memory: open addressing with linear probing.
///
/// The seed makes the slot of an address unpredictable, so that nobody can choose addresses that collide. Synthesized
/// hashing costs six times as much at this size.
struct FlowTable: Sendable {
    private var keys: [SocketAddress]
    private var values: [Int32]
    private let mask: Int
    private let seed: UInt64

    /// Room for `capacity` entries at a load of at most one half.
    init(capacity: Int, seed: UInt64) {
        var size = 16
        while size < 2 * capacity { size *= 2 }
        keys = Array(repeating: SocketAddress(.unspecified(.v4), port: 0), count: size)
        values = Array(repeating: -1, count: size)
        mask = size - 1
        self.seed = seed
    }

    /// The number stored for `key`.
    func value(of key: SocketAddress) -> Int? {
        var slot = home(of: key)
        while values[slot] >= 0 {
            if keys[slot] == key { return Int(values[slot]) }
            slot = (slot &+ 1) & mask
        }
        return nil
    }

    /// Stores a key that is not there yet; the caller keeps count of the capacity.
    mutating func insert(_ key: SocketAddress, value: Int) {
        var slot = home(of: key)
        while values[slot] >= 0 { slot = (slot &+ 1) & mask }
        keys[slot] = key
        values[slot] = Int32(truncatingIfNeeded: value)
    }

    /// Removes a key and closes the gap, so that no tombstones gather.
    mutating func remove(_ key: SocketAddress) {
        var slot = home(of: key)
        while values[slot] >= 0, keys[slot] != key { slot = (slot &+ 1) & mask }
        guard values[slot] >= 0 else { return }
        var hole = slot
        var next = (slot &+ 1) & mask
        while values[next] >= 0 {
            // An entry may move into the hole unless its home lies behind the hole on the way to where it stands.
            let distance = (next &- home(of: keys[next])) & mask
            if distance >= (next &- hole) & mask {
                keys[hole] = keys[next]
                values[hole] = values[next]
                hole = next
            }
            next = (next &+ 1) & mask
        }
        values[hole] = -1
    }

    /// Removes everything.
    mutating func removeAll() {
        for slot in values.indices { values[slot] = -1 }
    }

    private func home(of key: SocketAddress) -> Int {
        var hash = SeededHash(seed: seed)
        hash.mix(key.address.high)
        hash.mix(key.address.low)
        hash.mix(UInt64(key.port))
        return Int(truncatingIfNeeded: hash.value) & mask
    }
}

/// A cheap hash whose result nobody can foresee without the seed: multiply and fold, 64 bits at a time.
struct SeededHash {
    private(set) var value: UInt64

    init(seed: UInt64) { value = seed }

    mutating func mix(_ bits: UInt64) {
        let product = (value ^ bits).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        value = product.high ^ product.low ^ (value << 32 | value >> 32)
    }
}
