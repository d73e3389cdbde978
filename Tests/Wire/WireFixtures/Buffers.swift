// Unsafe: a raw span counts as unsafe, since the element type may have padding or invalid bit patterns. Bytes have neither.

public import STUNCodec

extension [UInt8] {
    /// The bytes as the codec takes them.
    public var raw: RawSpan {
        @_lifetime(borrow self)
        borrowing get { unsafe span.bytes }
    }
}

/// Runs `body` on a packet in a buffer filled with 0xAA or another byte, so that one which nobody wrote is seen.
///
/// The packet starts `offset` bytes into an aligned buffer, behind `headroom` bytes. Returns what `body` returns, and the
/// datagram afterwards.
public func withPacket<Result>(
    _ bytes: [UInt8],
    capacity: Int = 2048,
    at offset: Int = 0,
    headroom: Int = 0,
    filledWith filler: UInt8 = 0xAA,
    _ body: (inout Packet) -> Result
) -> (result: Result, datagram: [UInt8]) {
    let start = offset + headroom
    var buffer = [UInt8](repeating: filler, count: start + max(capacity, bytes.count))
    buffer.replaceSubrange(start..<(start + bytes.count), with: bytes)
    var span = buffer.mutableSpan
    var whole = unsafe span.mutableBytes
    var packet = Packet(whole._mutatingExtracting(offset..<whole.byteCount), headroom: headroom, count: bytes.count)
    let result = body(&packet)
    let (first, count) = (offset + packet.start, packet.count)
    return (result, Array(buffer[first..<(first + count)]))
}
