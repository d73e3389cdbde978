extension MessageWriter {
    /// Appends an attribute whose value is bytes as they stand; false, and nothing written, when it does not fit.
    ///
    /// The bytes must not lie in the packet itself, since the answer is written over it.
    public mutating func append(_ type: AttributeType, _ value: RawSpan, to packet: inout Packet) -> Bool {
        let length = value.byteCount
        let padded = (length &+ 3) & ~3
        guard length <= Int(UInt16.max), count &+ 4 &+ padded <= limit else { return false }
        packet.write(type.rawValue, at: count)
        packet.write(UInt16(truncatingIfNeeded: length), at: count &+ 2)
        let start = count &+ 4
        for offset in 0..<length { packet.write(value.uint8(at: offset), at: start &+ offset) }
        packet.clear((start &+ length)..<(start &+ padded))
        end &+= 4 &+ padded
        return true
    }
}
