import Addresses
import STUNCodec

/// What a Binding request asks for: read in one walk over its attributes before the answer overwrites them.
struct BindingRequest {
    let dialect: Dialect
    let context: AttributeContext
    /// CHANGE-REQUEST, or the drafts' FLAGS; all off when there is none.
    private(set) var change = ChangeRequest(changesIP: false, changesPort: false)
    /// Whether CHANGE-REQUEST was there at all: with one address RFC 5780 refuses it even with no flag set.
    private(set) var hasChangeRequest = false
    /// Where the value of CHANGE-REQUEST stands.
    private var changeAt = 0
    /// RESPONSE-PORT.
    private(set) var responsePort: UInt16?
    /// The length of PADDING in bytes.
    private(set) var padding: Int?
    /// What FINGERPRINT says.
    private(set) var fingerprint = Message.FingerprintCheck.absent
    /// Comprehension-required attributes that are not known.
    private(set) var unknown = UnknownAttributes()
    /// Whether a value that matters could not be read.
    private(set) var isMalformed = false
    /// Where the values of USERNAME and MESSAGE-INTEGRITY of RFC 3489 stand; 0 for nowhere.
    private(set) var usernameAt: UInt16 = 0
    private(set) var usernameLength: UInt16 = 0
    private(set) var integrityAt: UInt16 = 0
    /// The family of RESPONSE-ADDRESS, if it is one that nobody knows (message 1009 of the old server).
    private(set) var unknownFamily: UInt8?

    init(_ message: borrowing Message) {
        dialect = message.dialect
        context = message.context
        unknown.isFilledByRepeating = message.dialect == .classic
        var offset = message.dialect.headerLength
        var isPastIntegrity = false
        while let location = message.nextAttribute(&offset) {
            // What follows MESSAGE-INTEGRITY is not covered by it and does not count (RFC 8489 section 14.5).
            if isPastIntegrity, location.type != .fingerprint { continue }
            if location.type == .messageIntegrity || location.type == .messageIntegritySHA256 { isPastIntegrity = true }
            read(location, of: message)
        }
    }

    private mutating func read(_ location: Message.Location, of message: borrowing Message) {
        let value = message.value(location)
        switch location.type {
        case .changeRequest where !hasChangeRequest:
            hasChangeRequest = true
            guard let change = ChangeRequest(value: value, in: context) else {
                isMalformed = true
                return
            }
            self.change = change
            changeAt = location.start
        case .responseAddress where dialect != .cookie:
            // Never obeyed: an answer goes to the sender alone (attacks row 31). Only the old log message remains.
            let familyAt = context.addressLayout == .standard ? 1 : 2
            let family = value.byteCount > familyAt ? value.uint8(at: familyAt) : 0
            if IPAddress.Family(rawValue: family) == nil { unknownFamily = family }
        case .responsePort where dialect == .cookie && responsePort == nil:
            guard let port = ResponsePort(value: value, in: context) else {
                isMalformed = true
                return
            }
            responsePort = port.port
        case .padding where dialect == .cookie && padding == nil:
            padding = location.count
        case .username where dialect == .classic && usernameAt == 0:
            usernameAt = UInt16(truncatingIfNeeded: location.start)
            usernameLength = UInt16(truncatingIfNeeded: location.count)
        case .messageIntegrity where dialect == .classic:
            integrityAt = UInt16(truncatingIfNeeded: location.start)
        case .fingerprint where dialect == .cookie:
            if fingerprint == .absent { fingerprint = message.checkFingerprint(at: location) }
        default:
            if location.type.isComprehensionRequired, !isKnown(location.type) { unknown.insert(location.type) }
        }
    }

    /// Takes an attribute for one that is not known: CHANGE-REQUEST without another address (RFC 5780 section 6.1), say.
    mutating func refuse(_ type: AttributeType) { unknown.insert(type) }

    /// Whether the dialect knows the attribute, so that it may be ignored where it means nothing in a request.
    private func isKnown(_ type: AttributeType) -> Bool {
        switch dialect {
        // MAPPED-ADDRESS to COOKIE (rosenberg-01).
        case .rosenberg: (0x0001...0x0007).contains(type.rawValue)
        // MAPPED-ADDRESS to REFLECTED-FROM (RFC 3489 section 11.2).
        case .classic: (0x0001...0x000B).contains(type.rawValue)
        case .cookie: Self.isKnownWithCookie(type)
        }
    }

    /// What RFC 8489 and RFC 5780 define, and RESPONSE-ADDRESS.
    ///
    /// That one is reserved since RFC 5389; it is ignored as in the older dialects (attacks row 31).
    private static func isKnownWithCookie(_ type: AttributeType) -> Bool {
        switch type {
        case .mappedAddress, .responseAddress, .changeRequest, .username, .messageIntegrity, .errorCode,
            .unknownAttributes, .realm, .nonce, .messageIntegritySHA256, .passwordAlgorithm, .userHash,
            .xorMappedAddress, .padding, .responsePort:
            true
        default: false
        }
    }
}

// What becomes of a request that another server shall answer.
extension BindingRequest {
    /// Takes the flag for another IP address out of the packet that the request was read from, so that no server hands it
    /// on; the flag for another port stays, and FINGERPRINT is right again.
    func clearChangeIP(in packet: inout Packet) {
        guard change.changesIP else { return }
        ChangeRequest(changesIP: false, changesPort: change.changesPort, discards: change.discards)
            .write(to: &packet, at: changeAt, in: context)
        // It is the last attribute (RFC 8489 section 14.7), else it had not been valid.
        guard fingerprint == .valid else { return }
        let end = packet.count &- 4
        Fingerprint(of: packet.bytes.extracting(first: end &- 4)).write(to: &packet, at: end, in: context)
    }

    /// Writes over the packet a request with RESPONSE-ADDRESS and without the flag for another IP address, which a foreign
    /// server of RFC 3489 or the drafts answers to the client; false when there is no room.
    ///
    /// Nothing else of the client's goes with it: a USERNAME would be none of that server's, and MESSAGE-INTEGRITY is not
    /// right any more.
    func redirect(to client: SocketAddress, _ layout: AddressLayout, over packet: inout Packet) -> Bool {
        var writer = MessageWriter(
            MessageType(.binding, .request),
            in: dialect,
            context: AttributeContext(transactionID: context.transactionID, addressLayout: layout),
            limit: packet.capacity,
            over: &packet
        )
        if change.changesPort,
            !writer.append(ChangeRequest(changesIP: false, changesPort: true), to: &packet)
        {
            return false
        }
        guard writer.append(ResponseAddress(client), to: &packet) else { return false }
        writer.finish(&packet)
        return true
    }
}
