import STUNCodec

/// A request of draft-rosenberg-midcom-turn-01 or -08: where its attributes stand.
///
/// Of attributes of one kind the first counts. MESSAGE-INTEGRITY is the last attribute, or is not right (RFC 3489 section
/// 11.2.8).
struct MirrorRequest {
    let type: MessageType
    let transactionID: TransactionID
    private(set) var username: Message.Location?
    private(set) var integrity: Message.Location?
    private(set) var preferences: Message.Location?
    private(set) var lifetime: Message.Location?
    private(set) var bandwidth: Message.Location?
    private(set) var destination: Message.Location?
    private(set) var data: Message.Location?
    /// Attributes that must be understood and are not.
    private(set) var unknown = UnknownAttributes()

    init(_ message: borrowing Message) {
        type = message.type
        transactionID = message.transactionID
        unknown.isFilledByRepeating = true
        var offset = message.dialect.headerLength
        while let location = message.nextAttribute(&offset) {
            switch location.type {
            case .username: Self.keep(location, in: &username)
            case .messageIntegrity: Self.keep(location, in: &integrity)
            case .channelNumber: Self.keep(location, in: &preferences)
            case .lifetime: Self.keep(location, in: &lifetime)
            case .bandwidth: Self.keep(location, in: &bandwidth)
            case .destinationAddress: Self.keep(location, in: &destination)
            case .data: Self.keep(location, in: &data)
            default:
                // Those of RFC 3489 and the drafts' own, MAPPED-ADDRESS to REALM, mean nothing here.
                let isKnown = (0x0001...0x0015).contains(location.type.rawValue)
                if location.type.isComprehensionRequired, !isKnown { unknown.insert(location.type) }
            }
        }
    }

    private static func keep(_ location: Message.Location, in first: inout Message.Location?) {
        if first == nil { first = location }
    }

    /// Whether a datagram is a request and not data (draft -08 section 7.2.3): not by its cookie alone, which data may have at
    /// that place too.
    static func isMeant(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount >= 28, bytes.uint32(at: 24) == TURNCookie.value, bytes.uint32(at: 20) == 0x000F_0004,
            Demultiplexer.classify(bytes) == .message(.classic)
        else { return false }
        switch bytes.uint16(at: 0) {
        case MessageType.mirrorAllocate.rawValue, MessageType.mirrorSend.rawValue,
            MessageType.setActiveDestination.rawValue:
            return true
        default: return false
        }
    }
}

extension MessageType {
    /// Allocate Request (draft -01 section 9.1).
    static var mirrorAllocate: MessageType { MessageType(rawValue: 0x0003) }
    /// Send Request (draft -08 section 9.1); RFC 8656 has Refresh there.
    static var mirrorSend: MessageType { MessageType(rawValue: 0x0004) }
    /// Set Active Destination Request (draft -08 section 9.1).
    static var setActiveDestination: MessageType { MessageType(rawValue: 0x0006) }
    /// Data Indication (draft -08 section 9.1): read as today's it were an error answer.
    static var mirrorData: MessageType { MessageType(rawValue: 0x0115) }
}
