/// The header of a ChannelData message: two bits 01 in place of a message's 00 (RFC 8656 section 12.4).
public struct ChannelData: Equatable, Sendable {
    /// The length of the header in bytes.
    @inlinable public static var headerLength: Int { 4 }
    /// The channel's number.
    public let number: UInt16
    /// How many bytes of data follow the header; over UDP more may follow them, which are padding (RFC 8656 section 12.5).
    public let length: Int

    /// Reads the header of a datagram; nil when it is cut off, or claims more than the datagram holds.
    @inlinable
    public init?(_ datagram: RawSpan) {
        guard datagram.byteCount >= Self.headerLength else { return nil }
        number = datagram.uint16(at: 0)
        length = Int(datagram.uint16(at: 2))
        guard Self.headerLength &+ length <= datagram.byteCount else { return nil }
    }
}
