/// One STUN attribute: its number, and how its value is read and written (RFC 8489 section 14).
public protocol Attribute: Equatable, Sendable {
    /// The number on the wire.
    static var type: AttributeType { get }
    /// Reads the value; nil when its bytes are no such value.
    init?(value: RawSpan, in context: AttributeContext)
    /// The length of the value in bytes, without padding.
    func length(in context: AttributeContext) -> Int
    /// Writes the value at `offset`; the caller has checked that it fits.
    func write(to packet: inout Packet, at offset: Int, in context: AttributeContext)
}

/// What an attribute's bytes depend on besides its value.
public struct AttributeContext: Sendable {
    /// The transaction id, with which XOR addresses are veiled.
    public let transactionID: TransactionID
    /// How addresses are laid out in this dialect.
    public let addressLayout: AddressLayout

    /// Joins the two.
    @inlinable
    public init(transactionID: TransactionID, addressLayout: AddressLayout) {
        self.transactionID = transactionID
        self.addressLayout = addressLayout
    }
}
