// Unsafe: a raw span counts as unsafe, since the element type may have padding or invalid bit patterns. Bytes have neither.

import STUNCodec

extension [UInt8] {
    /// The bytes as the codec takes them.
    var raw: RawSpan {
        @_lifetime(borrow self)
        borrowing get { unsafe span.bytes }
    }
}

/// Runs `body` on a packet in a buffer of 0xAA, and returns what it returns and the datagram afterwards.
///
/// `capacity` counts from the datagram's first byte; `headroom` bytes lie before it.
func withPacket<Result>(
    _ bytes: [UInt8],
    headroom: Int = 0,
    capacity: Int,
    _ body: (inout Packet) throws -> Result
) rethrows -> (result: Result, datagram: [UInt8]) {
    // One copy instead of a loop, which would take most of an instrumented run's time.
    var buffer = headroom == 0 ? bytes : filler.prefix(headroom) + bytes
    buffer += filler.prefix(max(0, capacity - bytes.count))
    var span = buffer.mutableSpan
    var packet = unsafe Packet(span.mutableBytes, headroom: headroom, count: bytes.count)
    let result = try body(&packet)
    let (start, count) = (packet.start, packet.count)
    return (result, Array(buffer[start..<(start + count)]))
}

private let filler = [UInt8](repeating: 0xAA, count: 1 << 17)
