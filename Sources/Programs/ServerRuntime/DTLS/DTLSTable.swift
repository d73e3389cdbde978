import Addresses
import ServerCore

/// From a 5-tuple to the number of its DTLS session: open addressing with linear probing, which grows when a session begins.
///
/// Nobody can choose addresses that collide: the hash has a secret of the process.
struct DTLSTable {
    /// What a datagram tells of whose it is.
    struct Key: Equatable {
        let client: SocketAddress
        let server: SocketAddress

        init(_ flow: ClientFlow) { (client, server) = (flow.source, flow.destination) }
    }

    private var keys: [Key?] = Array(repeating: nil, count: 64)
    private var values: [Int32] = Array(repeating: -1, count: 64)
    private(set) var count = 0

    private var mask: Int { keys.count &- 1 }

    /// The number stored for a key; nil for none.
    subscript(key: Key) -> Int? {
        let slot = slot(of: key)
        return keys[slot] == nil ? nil : Int(values[slot])
    }

    /// Stores a number for a key, instead of the one that was there.
    mutating func set(_ key: Key, _ value: Int) {
        if 2 &* (count &+ 1) > keys.count { grow() }
        let slot = slot(of: key)
        if keys[slot] == nil { count &+= 1 }
        keys[slot] = key
        values[slot] = Int32(truncatingIfNeeded: value)
    }

    /// Removes a key and closes the gap, so that no tombstones gather.
    mutating func remove(_ key: Key) {
        var hole = slot(of: key)
        guard keys[hole] != nil else { return }
        var next = (hole &+ 1) & mask
        while let other = keys[next] {
            // An entry may move into the hole unless its home lies behind the hole on the way to where it stands.
            let distance = (next &- home(of: other)) & mask
            if distance >= (next &- hole) & mask {
                keys[hole] = other
                values[hole] = values[next]
                hole = next
            }
            next = (next &+ 1) & mask
        }
        keys[hole] = nil
        count &-= 1
    }

    /// Where a key stands, or would.
    private func slot(of key: Key) -> Int {
        var slot = home(of: key)
        while let other = keys[slot], other != key { slot = (slot &+ 1) & mask }
        return slot
    }

    private func home(of key: Key) -> Int {
        var hasher = Hasher()
        hasher.combine(key.client.address.high)
        hasher.combine(key.client.address.low)
        hasher.combine(key.server.address.low)
        hasher.combine(UInt32(key.client.port) << 16 | UInt32(key.server.port))
        return hasher.finalize() & mask
    }

    private mutating func grow() {
        let old = (keys, values)
        keys = Array(repeating: nil, count: 2 * old.0.count)
        values = Array(repeating: -1, count: keys.count)
        count = 0
        for (key, value) in zip(old.0, old.1) {
            if let key { set(key, Int(value)) }
        }
    }
}
