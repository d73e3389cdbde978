import STUNCodec

/// What a relayed datagram of the load says of itself, so that its receiver can tell that it is the right one, whole, and
/// how long it was on its way.
///
/// ```
/// | "stun" | flow: 4 bytes | number: 8 bytes | sent at: 8 bytes | ... | check: the last 4 bytes |
/// ```
struct LoadPayload: Equatable, Sendable {
    /// The smallest datagram that holds one, in bytes.
    static let shortest = 28
    private static let mark: UInt32 = 0x7374_756E

    /// Which flow it belongs to.
    let flow: UInt32
    /// Which datagram of the flow it is, from 0 on.
    let number: UInt64
    /// When it was sent, in nanoseconds of the clock of this host.
    let sentAt: UInt64

    init(flow: UInt32, number: UInt64, sentAt: UInt64) {
        self.flow = flow
        self.number = number
        self.sentAt = sentAt
    }

    /// Reads one that fills `bytes`; nil when it is none, or is cut, or its end belongs to another.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= Self.shortest, bytes.uint32(at: 0) == Self.mark else { return nil }
        flow = bytes.uint32(at: 4)
        number = bytes.uint64(at: 8)
        sentAt = bytes.uint64(at: 16)
        guard bytes.uint32(at: bytes.byteCount - 4) == check(size: bytes.byteCount) else { return nil }
    }

    /// What the last four bytes of a datagram of this size are.
    private func check(size: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: mixed(mixed(UInt64(flow) << 32 | UInt64(size)) ^ number))
    }

    /// Writes it over `size` bytes from `offset` on; what lies between stays as it is.
    func write(to bytes: inout MutableRawSpan, at offset: Int, size: Int) {
        bytes.write(Self.mark, at: offset)
        bytes.write(flow, at: offset + 4)
        bytes.write(number, at: offset + 8)
        bytes.write(sentAt, at: offset + 16)
        bytes.write(check(size: size), at: offset + size - 4)
    }
}

/// The sizes of a load's datagrams: each datagram of each flow has its own, which its receiver knows too.
struct SizeMix: Sendable, Equatable {
    /// The sizes in bytes, at least one.
    let sizes: [Int]

    /// The size of a flow's datagram.
    func size(of flow: Int, _ number: UInt64) -> Int {
        guard sizes.count > 1 else { return sizes[0] }
        return sizes[Int(truncatingIfNeeded: mixed(UInt64(flow) << 48 ^ number) % UInt64(sizes.count))]
    }
}
