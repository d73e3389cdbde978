/// A transport address: an IP address and a port (RFC 8489 section 4).
public struct SocketAddress: Hashable, Sendable {
    /// The IP address.
    public var address: IPAddress
    /// The port, host byte order.
    public var port: UInt16

    /// Pairs an address with a port.
    @inlinable
    public init(_ address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }
}

extension SocketAddress: CustomStringConvertible, LosslessStringConvertible {
    /// Reads `1.2.3.4:5` or `[2001:db8::1]:5`; nil for anything else.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits) else {
            return nil
        }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard let address = IPAddress(String(host)), isBracketed == (address.family == .v6) else { return nil }
        self.init(address, port: port)
    }

    /// `1.2.3.4:5` or `[2001:db8::1]:5`.
    public var description: String {
        address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }
}
