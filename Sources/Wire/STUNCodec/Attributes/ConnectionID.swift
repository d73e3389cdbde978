/// CONNECTION-ID (RFC 6062 section 6.2.1): names a connection between a relay and a peer.
///
/// 24 bits are random, since whoever guesses one might take the connection; the first eight are the number of the worker
/// that has it, so that a client's new connection can be given to that worker before anything is decided on it.
public struct ConnectionID: Attribute, Hashable {
    /// The number on the wire.
    @inlinable public static var type: AttributeType { .connectionID }
    /// The 32 bits on the wire.
    public let rawValue: UInt32

    /// Takes the bits.
    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Joins a worker's number and the low 24 of random bits.
    @inlinable
    public init(worker: UInt8, random: UInt32) {
        rawValue = UInt32(worker) << 24 | random & 0xFF_FFFF
    }

    /// The one that a ConnectionBind request asks for; nil for every other message.
    ///
    /// Says nothing of who asks: only to which worker the connection must be given, which then decides.
    public init?(ofBindRequest frame: RawSpan) {
        guard Demultiplexer.classify(frame) == .message(.cookie),
            let message = try? Message(parsing: frame, as: .cookie),
            message.type == MessageType(.connectionBind, .request), let id = message[ConnectionID.self]
        else { return nil }
        self = id
    }

    /// The number of the worker that has the connection.
    @inlinable public var worker: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 24) }

    /// Reads four bytes.
    @inlinable
    public init?(value: RawSpan, in context: AttributeContext) {
        guard value.byteCount == 4 else { return nil }
        rawValue = value.uint32(at: 0)
    }

    /// Four bytes.
    @inlinable
    public func length(in context: AttributeContext) -> Int { 4 }

    /// Writes the bits.
    @inlinable
    public func write(to packet: inout Packet, at offset: Int, in context: AttributeContext) {
        packet.write(rawValue, at: offset)
    }
}
