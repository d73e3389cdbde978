/// Which of RFC 5780's four sockets: the first word is the IP address, the second the port (section 6.1, table 1).
public enum SocketRole: UInt8, Sendable, CaseIterable {
    /// A1:P1, the address that clients are told.
    case primaryPrimary = 0
    /// A1:P2.
    case primaryAlternate = 1
    /// A2:P1.
    case alternatePrimary = 2
    /// A2:P2.
    case alternateAlternate = 3

    /// Whether this is one of the second address's sockets.
    @inlinable
    public var isOnAlternateAddress: Bool { rawValue & 2 != 0 }

    /// Whether this is one of the second port's sockets.
    @inlinable
    public var isOnAlternatePort: Bool { rawValue & 1 != 0 }

    /// The role with address and port swapped for their others as asked.
    @inlinable
    public func changing(ip: Bool, port: Bool) -> SocketRole {
        // Both bits are the whole range of the enumeration, so the fallback is never taken.
        SocketRole(rawValue: rawValue ^ (ip ? 2 : 0) ^ (port ? 1 : 0)) ?? self
    }
}
