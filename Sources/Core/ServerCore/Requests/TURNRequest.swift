import Addresses
import STUNCodec

/// Where the attributes of a TURN request or indication stand: found in one walk, read when a handler wants them.
///
/// Of attributes of one kind the first counts (RFC 8489 section 14, attacks row 51); what follows the integrity attribute
/// does not count at all, in an indication either (RFC 8489 section 9, attacks row 15).
struct TURNRequest {
    private(set) var lifetime: Message.Location?
    private(set) var requestedTransport: Message.Location?
    private(set) var requestedFamily: Message.Location?
    private(set) var additionalFamily: Message.Location?
    private(set) var evenPort: Message.Location?
    private(set) var reservationToken: Message.Location?
    private(set) var dontFragment: Message.Location?
    private(set) var channelNumber: Message.Location?
    private(set) var peer: Message.Location?
    private(set) var data: Message.Location?
    private(set) var connectionID: Message.Location?
    /// Comprehension-required attributes that are not known.
    private(set) var unknown = UnknownAttributes()

    /// Looks at the attributes before the first integrity attribute.
    init(_ message: borrowing Message) {
        var offset = message.dialect.headerLength
        while let location = message.nextAttribute(&offset) {
            switch location.type {
            case .messageIntegrity, .messageIntegritySHA256: return
            case .lifetime: Self.keep(location, in: &lifetime)
            case .requestedTransport: Self.keep(location, in: &requestedTransport)
            case .requestedAddressFamily: Self.keep(location, in: &requestedFamily)
            case .additionalAddressFamily, Self.additionalFamilyOfDraft: Self.keep(location, in: &additionalFamily)
            case .evenPort: Self.keep(location, in: &evenPort)
            case .reservationToken: Self.keep(location, in: &reservationToken)
            case .dontFragment: Self.keep(location, in: &dontFragment)
            case .channelNumber: Self.keep(location, in: &channelNumber)
            case .xorPeerAddress: Self.keep(location, in: &peer)
            case .data: Self.keep(location, in: &data)
            case .connectionID: Self.keep(location, in: &connectionID)
            case .username, .realm, .nonce, .userHash, .passwordAlgorithm: break
            default:
                if location.type.isComprehensionRequired, !Self.isUnderstood(location.type) {
                    unknown.insert(location.type)
                }
            }
        }
    }

    /// ADDITIONAL-ADDRESS-FAMILY by the number that it had before RFC 8656, which coturn's clients send until now.
    private static let additionalFamilyOfDraft = AttributeType(rawValue: 0x8032)

    private static func keep(_ location: Message.Location, in first: inout Message.Location?) {
        if first == nil { first = location }
    }

    /// Whether an attribute of RFC 8489 or RFC 8656 that means nothing in a request is known all the same, and ignored.
    private static func isUnderstood(_ type: AttributeType) -> Bool {
        switch type {
        case .mappedAddress, .errorCode, .unknownAttributes, .xorMappedAddress, .xorRelayedAddress: true
        default: false
        }
    }
}

extension Message {
    /// What FINGERPRINT says, which counts wherever it stands.
    var fingerprint: FingerprintCheck {
        guard let location = first(.fingerprint) else { return .absent }
        return checkFingerprint(at: location)
    }

    /// An attribute's value; nil when it is absent.
    ///
    /// - Throws: `Refusal.malformed` when its bytes are no such value.
    func read<A: Attribute>(_ location: Location?, as _: A.Type) throws(Refusal) -> A? {
        guard let location else { return nil }
        guard let attribute = A(value: value(location), in: context) else { throw .malformed(A.type) }
        return attribute
    }
}

extension Refusal: Error {}
