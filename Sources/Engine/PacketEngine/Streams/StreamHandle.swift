public import Addresses

/// A TCP connection: a plain value, so that handing it around counts no references.
///
/// Who accepted or opened it closes it (`StreamSocket.close`). It may be handed to another thread, once it is unwatched.
public struct StreamHandle: Sendable {
    /// The address of this end.
    public let local: SocketAddress
    /// The address of the other end.
    public let remote: SocketAddress
    let descriptor: Int32
}

/// What a call on a stream has come to.
///
/// A value and no error: every outcome is ordinary on the packet path.
public enum StreamOutcome: Sendable, Equatable {
    /// So many bytes were moved.
    case bytes(Int)
    /// Nothing can be moved now; the event loop tells when.
    case blocked
    /// The other end sends no more.
    case ended
    /// The connection is broken, with the system's error number (`SystemError.text`).
    case failed(Int32)
}

/// What a stream is watched for.
public struct StreamInterest: OptionSet, Sendable {
    /// The options as bits.
    public let rawValue: UInt8

    /// Makes a set of the bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Something to read, or that the other end sends no more.
    ///
    /// Left out while nobody takes what is read (back-pressure): the system then slows the sender down.
    public static let input = StreamInterest(rawValue: 1)
    /// Room to write.
    ///
    /// Only while something waits to be written, since there nearly always is room.
    public static let output = StreamInterest(rawValue: 2)
    /// Nothing but errors and hang-ups, which the other two tell as well.
    public static let hangUp = StreamInterest(rawValue: 4)
}
