// Unsafe: seeing the bytes of an array as a raw span counts as unsafe, since an element may have padding or invalid bit
// patterns. Bytes have neither.

internal import STUNCodec

extension Heartbeat {
    /// A ping to send; `id` is random.
    public static func ping(
        id: UInt64,
        from instance: UInt64,
        at unixMilliseconds: UInt64,
        with key: ClusterKey
    ) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: length)
        var span = bytes.mutableSpan
        var packet = unsafe Packet(span.mutableBytes, count: length)
        writePing(to: &packet, id: id, from: instance, at: unixMilliseconds, with: key)
        return bytes
    }

    /// Reads a pong that came to a socket; the caller compares its number with those it has sent.
    public static func readPong(_ bytes: [UInt8], with key: ClusterKey) throws(SealedDatagramError) -> Pong {
        try unsafe readPong(bytes.span.bytes, with: key)
    }
}
