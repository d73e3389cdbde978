/// CHANGE-REQUEST (RFC 5780 section 7.2, RFC 3489 section 11.2.4) and FLAGS of the drafts: where to answer from.
///
/// The rosenberg drafts number the flags from the top of the 32 bits, all later ones from the bottom; a message of the
/// former is known by its 32-bit transaction id.
public struct ChangeRequest: Attribute {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .changeRequest }
    /// Answer from the other IP address.
    public let changesIP: Bool
    /// Answer from the other port.
    public let changesPort: Bool
    /// Do not answer at all: a flag of the drafts, for packets that only keep a NAT's port open.
    public let discards: Bool

    /// Sets the flags.
    @inlinable
    public init(changesIP: Bool, changesPort: Bool, discards: Bool = false) {
        self.changesIP = changesIP
        self.changesPort = changesPort
        self.discards = discards
    }

    /// Reads four bytes of flags; unknown ones are ignored.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 4 else { return nil }
        let bits = value.uint32(at: 0)
        if context.addressLayout == .standard {
            self.init(changesIP: bits & 4 != 0, changesPort: bits & 2 != 0, discards: bits & 1 != 0)
        } else {
            self.init(changesIP: bits >> 31 != 0, changesPort: bits >> 30 & 1 != 0, discards: bits >> 29 & 1 != 0)
        }
    }

    /// Four bytes.
    @inlinable
    public func length(in context: AttributeContext) -> Int { 4 }

    /// Writes the flags where the dialect has them.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        let low: UInt32 = (changesIP ? 4 : 0) | (changesPort ? 2 : 0) | (discards ? 1 : 0)
        let high: UInt32 = (changesIP ? 1 << 31 : 0) | (changesPort ? 1 << 30 : 0) | (discards ? 1 << 29 : 0)
        packet.write(context.addressLayout == .standard ? low : high, at: offset)
    }
}
