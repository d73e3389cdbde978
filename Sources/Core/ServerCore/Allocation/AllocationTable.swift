import Addresses
import STUNAuthentication
import STUNCodec

/// All allocations of a worker with their permissions and channels: dense arrays, and two ways to find an allocation.
struct AllocationTable: Sendable {
    /// Allocations by their index; a place that is not live waits for the next one.
    var allocations: [Allocation] = []
    var permissions = Slab<Permission>()
    var channels = Slab<Channel>()
    /// What the mirrors among them have beside.
    var mirrors = Slab<MirrorState>()
    /// How many allocations there are.
    private(set) var count = 0
    private var free: [Int32] = []
    /// Open addressing with linear probing over indices at a load of at most one half; the keys are the 5-tuples in the
    /// allocations themselves.
    private var slots: [Int32]
    private let seed: UInt64
    /// By relay socket; -1 where there is none, and below that a mirror's index as its distance from -2, so that whoever looks
    /// at other allocations' sockets need not ask whether they are a mirror's.
    private var allocationOfRelay: [Int32] = []
    /// What a free place refers to instead of the account of a user who is gone.
    private let nobody = Account()

    init(seed: UInt64) {
        self.seed = seed
        slots = Array(repeating: -1, count: 16)
    }

    /// The allocation of a 5-tuple, also one whose time is up but which has not been removed yet.
    func index(of flow: ClientFlow) -> Int? {
        var slot = home(of: flow)
        while slots[slot] >= 0 {
            let index = Int(slots[slot])
            if allocations[index].flow.isSame5Tuple(as: flow) { return index }
            slot = (slot &+ 1) & (slots.count &- 1)
        }
        return nil
    }

    /// The allocation of a relay socket.
    func index(of relay: RelayID) -> Int? {
        let position = Int(relay.index)
        guard position >= 0, position < allocationOfRelay.count else { return nil }
        let index = allocationOfRelay[position]
        return index >= 0 ? Int(index) : nil
    }

    /// The mirror of a relay socket.
    func mirror(of relay: RelayID) -> Int? {
        let position = Int(relay.index)
        guard position >= 0, position < allocationOfRelay.count else { return nil }
        let index = allocationOfRelay[position]
        return index < -1 ? -2 &- Int(index) : nil
    }

    /// What makes an allocation a mirror; nil when it is none.
    func mirror(_ index: Int) -> MirrorState? {
        let place = allocations[index].mirror
        return place >= 0 ? mirrors[place] : nil
    }

    /// Adds an allocation whose 5-tuple has none; returns its index.
    mutating func insert(_ allocation: Allocation) -> Int {
        if 2 &* (count &+ 1) > slots.count { grow() }
        let index: Int
        if let place = free.popLast() {
            index = Int(place)
            allocations[index] = allocation
        } else {
            index = allocations.count
            allocations.append(allocation)
        }
        count &+= 1
        place(index)
        for family in IPAddress.Family.allCases {
            if let relay = allocation.relay(family) { connect(relay.id, to: index) }
        }
        return index
    }

    /// Removes an allocation with its permissions and channels.
    mutating func remove(_ index: Int) {
        unplace(index)
        for family in IPAddress.Family.allCases {
            if let relay = allocations[index].relay(family) { allocationOfRelay[Int(relay.id.index)] = -1 }
        }
        removeAll(of: index)
        if allocations[index].mirror >= 0 { mirrors.remove(allocations[index].mirror) }
        allocations[index].mirror = -1
        allocations[index].isLive = false
        allocations[index].username = ""
        allocations[index].account = nobody
        free.append(Int32(truncatingIfNeeded: index))
        count &-= 1
    }

    /// Takes one of two relay sockets from an allocation, with the permissions and channels of its family; returns it.
    mutating func removeRelay(_ family: IPAddress.Family, of index: Int) -> RelayID? {
        guard let relay = allocations[index].relay(family) else { return nil }
        allocationOfRelay[Int(relay.id.index)] = -1
        if family == .v4 { allocations[index].v4 = nil } else { allocations[index].v6 = nil }
        var channel = allocations[index].firstChannel
        while channel >= 0 {
            if channels[channel].peer.address.family == family { channels[channel].expires = .start }
            channel = channels[channel].next
        }
        var permission = allocations[index].firstPermission
        while permission >= 0 {
            if permissions[permission].address.family == family { permissions[permission].expires = .start }
            permission = permissions[permission].next
        }
        return relay.id
    }

    private mutating func removeAll(of index: Int) {
        var channel = allocations[index].firstChannel
        while channel >= 0 {
            let next = channels[channel].next
            channels.remove(channel)
            channel = next
        }
        var permission = allocations[index].firstPermission
        while permission >= 0 {
            let next = permissions[permission].next
            permissions.remove(permission)
            permission = next
        }
        allocations[index].firstChannel = -1
        allocations[index].firstPermission = -1
    }

    private mutating func connect(_ relay: RelayID, to index: Int) {
        let position = Int(relay.index)
        while allocationOfRelay.count <= position { allocationOfRelay.append(-1) }
        let isMirror = allocations[index].mirror >= 0
        allocationOfRelay[position] = Int32(truncatingIfNeeded: isMirror ? -2 &- index : index)
    }

    private func home(of flow: ClientFlow) -> Int {
        var hash = SeededHash(seed: seed)
        hash.mix(flow.source.address.high)
        hash.mix(flow.source.address.low)
        hash.mix(
            UInt64(flow.transport.rawValue) << 32 | UInt64(flow.source.port) << 16 | UInt64(flow.destination.port)
        )
        return Int(truncatingIfNeeded: hash.value) & (slots.count &- 1)
    }

    private mutating func place(_ index: Int) {
        var slot = home(of: allocations[index].flow)
        while slots[slot] >= 0 { slot = (slot &+ 1) & (slots.count &- 1) }
        slots[slot] = Int32(truncatingIfNeeded: index)
    }

    /// Takes an allocation out of the slots and closes the gap, so that no tombstones gather.
    private mutating func unplace(_ index: Int) {
        let mask = slots.count &- 1
        var hole = home(of: allocations[index].flow)
        while slots[hole] != Int32(truncatingIfNeeded: index) { hole = (hole &+ 1) & mask }
        var next = (hole &+ 1) & mask
        while slots[next] >= 0 {
            // An entry may move into the hole unless its home lies behind the hole on the way to where it stands.
            let distance = (next &- home(of: allocations[Int(slots[next])].flow)) & mask
            if distance >= (next &- hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next &+ 1) & mask
        }
        slots[hole] = -1
    }

    private mutating func grow() {
        slots = Array(repeating: -1, count: 2 &* slots.count)
        for index in allocations.indices where allocations[index].isLive { place(index) }
    }
}

// MARK: Permissions and channels of one allocation

extension AllocationTable {
    /// The permission of an address, live or not.
    func permission(for address: IPAddress, of index: Int) -> Int32? {
        var permission = allocations[index].firstPermission
        while permission >= 0 {
            if permissions[permission].address == address { return permission }
            permission = permissions[permission].next
        }
        return nil
    }

    /// The relay socket of a family while its time is not up; reads no more of the allocation than that.
    func relay(_ family: IPAddress.Family, of index: Int, at now: Instant) -> RelayID? {
        guard let relay = family == .v4 ? allocations[index].v4 : allocations[index].v6, relay.expires > now else {
            return nil
        }
        return relay.id
    }

    /// The number of the live channel to a peer whose address has this permission.
    func number(ofChannelTo peer: SocketAddress, by permission: Int32, of index: Int, now: Instant) -> UInt16? {
        guard permissions[permission].channels > 0, let channel = channel(to: peer, of: index),
            channels[channel].isLive(now), !channels[channel].isRevoked
        else { return nil }
        return channels[channel].number
    }

    /// The channel of a number, live or not.
    func channel(_ number: UInt16, of index: Int) -> Int32? {
        var channel = allocations[index].firstChannel
        while channel >= 0 {
            if channels[channel].number == number { return channel }
            channel = channels[channel].next
        }
        return nil
    }

    /// The channel of a peer, live or not.
    func channel(to peer: SocketAddress, of index: Int) -> Int32? {
        var channel = allocations[index].firstChannel
        while channel >= 0 {
            if channels[channel].peer == peer { return channel }
            channel = channels[channel].next
        }
        return nil
    }

    /// Installs a permission or refreshes it; returns its index.
    mutating func permit(_ address: IPAddress, isOurs: Bool, until expires: Instant, of index: Int) -> Int32 {
        if let permission = permission(for: address, of: index) {
            permissions[permission].expires = expires
            permissions[permission].isOurs = isOurs
            permissions[permission].isRevoked = false
            return permission
        }
        let next = allocations[index].firstPermission
        let permission = permissions.insert(Permission(address: address, expires: expires, isOurs: isOurs, next: next))
        allocations[index].firstPermission = permission
        allocations[index].permissionCount &+= 1
        return permission
    }

    /// Binds a channel to a peer that has a permission, or refreshes it.
    mutating func bind(
        _ number: UInt16,
        to peer: SocketAddress,
        _ permission: Int32,
        needsAllocation: Bool,
        until expires: Instant,
        of index: Int
    ) {
        if let channel = channel(number, of: index) {
            channels[channel].expires = expires
            channels[channel].isRevoked = false
            channels[channel].needsAllocation = needsAllocation
            return
        }
        permissions[permission].channels &+= 1
        let next = allocations[index].firstChannel
        let channel = Channel(
            number: number,
            peer: peer,
            expires: expires,
            permission: permission,
            needsAllocation: needsAllocation,
            next: next
        )
        allocations[index].firstChannel = channels.insert(channel)
        allocations[index].channelCount &+= 1
    }

    /// Remembers a peer's address and port for a mirror (the external 5-tuples of draft -08): a channel without a number.
    mutating func remember(_ peer: SocketAddress, of index: Int) {
        guard let permission = permission(for: peer.address, of: index) else { return }
        permissions[permission].channels &+= 1
        let next = allocations[index].firstChannel
        let forever = Instant(nanoseconds: .max)
        let channel = Channel(
            number: 0,
            peer: peer,
            expires: forever,
            permission: permission,
            needsAllocation: false,
            next: next
        )
        allocations[index].firstChannel = channels.insert(channel)
        allocations[index].channelCount &+= 1
    }

    /// Removes what has expired of an allocation; returns when something of it expires next, itself included.
    mutating func sweep(_ index: Int, now: Instant) -> Instant {
        var earliest = allocations[index].expires
        for family in IPAddress.Family.allCases {
            if let relay = allocations[index].relay(family) { earliest = min(earliest, relay.expires) }
        }
        var previous: Int32 = -1
        var channel = allocations[index].firstChannel
        while channel >= 0 {
            let next = channels[channel].next
            if channels[channel].isLive(now) {
                earliest = min(earliest, channels[channel].expires)
                previous = channel
            } else {
                if previous >= 0 { channels[previous].next = next } else { allocations[index].firstChannel = next }
                permissions[channels[channel].permission].channels &-= 1
                channels.remove(channel)
                allocations[index].channelCount &-= 1
            }
            channel = next
        }
        return min(earliest, sweepPermissions(index, now: now))
    }

    private mutating func sweepPermissions(_ index: Int, now: Instant) -> Instant {
        var earliest = allocations[index].expires
        var previous: Int32 = -1
        var permission = allocations[index].firstPermission
        while permission >= 0 {
            let next = permissions[permission].next
            if permissions[permission].expires > now || permissions[permission].channels > 0 {
                // One that only a channel keeps goes with the channel.
                if permissions[permission].expires > now { earliest = min(earliest, permissions[permission].expires) }
                previous = permission
            } else {
                if previous >= 0 {
                    permissions[previous].next = next
                } else {
                    allocations[index].firstPermission = next
                }
                permissions.remove(permission)
                allocations[index].permissionCount &-= 1
            }
            permission = next
        }
        return earliest
    }
}
