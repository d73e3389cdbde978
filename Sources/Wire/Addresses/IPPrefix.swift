/// A range of addresses written as an address and the number of its leading bits that count (RFC 4632, RFC 4291).
public struct IPPrefix: Hashable, Sendable {
    /// The first address of the range.
    public let address: IPAddress
    /// How many leading bits an address must share: 0...32 or 0...128.
    public let length: Int

    /// Makes a prefix; nil when `length` does not fit the family or bits after it are set.
    public init?(_ address: IPAddress, length: Int) {
        guard (0...address.bitWidth).contains(length), address.masked(to: length) == address else { return nil }
        self.address = address
        self.length = length
    }

    /// Whether `other` lies in this range; an address of the other family never does.
    @inlinable
    public func contains(_ other: IPAddress) -> Bool {
        other.family == address.family && other.masked(to: length) == address
    }
}

extension IPPrefix: CustomStringConvertible, LosslessStringConvertible {
    /// Reads `10.0.0.0/8`, `2001:db8::/32`, or a bare address that then stands for itself alone.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let address = IPAddress(String(parts[0])) else { return nil }
        guard parts.count == 2 else {
            self.init(address, length: address.bitWidth)
            return
        }
        guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let length = Int(parts[1])
        else { return nil }
        self.init(address, length: length)
    }

    /// `10.0.0.0/8`.
    public var description: String { "\(address)/\(length)" }
}
