/// What packets have waited because a worker gathered several for one wake-up.
struct GatheringDelay: Sendable, Equatable {
    /// The packets that were there when such a wait was over.
    private(set) var packets: UInt64 = 0
    /// What all of them have waited, in nanoseconds: taken for half of the wait each, since they come at any time of it.
    private(set) var nanoseconds: UInt64 = 0

    /// Counts the packets that a wait has gathered.
    mutating func count(_ packets: Int, waited nanoseconds: UInt64) {
        let count = UInt64(max(0, packets))
        self.packets &+= count
        self.nanoseconds &+= count &* (nanoseconds / 2)
    }

    /// Adds another worker's.
    mutating func add(_ other: GatheringDelay) {
        packets &+= other.packets
        nanoseconds &+= other.nanoseconds
    }
}
