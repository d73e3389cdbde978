/// What a server says in its nonces that it can do, so that nobody in between can deny it (RFC 8489 sections 9.2.1, 18.1).
public struct SecurityFeatures: OptionSet, Sendable {
    /// The 24 bits; bit 0 of the RFC is the highest one.
    public let rawValue: UInt32

    /// Takes 24 bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue & 0xFF_FFFF }

    /// Bit 0: the server sent PASSWORD-ALGORITHMS.
    public static let passwordAlgorithms = SecurityFeatures(rawValue: 0x80_0000)
    /// Bit 1: a client that knows USERHASH must send it instead of USERNAME.
    public static let usernameAnonymity = SecurityFeatures(rawValue: 0x40_0000)
}
