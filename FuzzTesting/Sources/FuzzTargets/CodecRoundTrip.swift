import STUNCodec

/// Reads bytes as each dialect; what could be read is written anew and read again, and must have kept all its values.
@Sendable
public func codecRoundTrip(_ bytes: [UInt8]) throws(Violation) {
    _ = Demultiplexer.classify(bytes.raw)
    for dialect in Dialect.allCases {
        guard let first = Reading(bytes, as: dialect) else { continue }
        let written = try first.written()
        // Without padding a length that happens to be a multiple of four would pass for a padded message.
        if first.context.addressLayout == .draft00, written.count % 4 == 0 { continue }
        guard let second = Reading(written, as: dialect) else {
            throw Violation(description: "what was written as \(dialect) cannot be read: \(written)")
        }
        try Violation.unless(second.type == first.type, "the type changed in \(dialect)")
        try Violation.unless(second.id == first.id, "the transaction id changed in \(dialect)")
        try Violation.unless(second.hasFingerprint == first.hasFingerprint, "the fingerprint changed in \(dialect)")
        try Violation.unless(second.hasZeroPadding, "padding in \(dialect) is not zero: \(written)")
        try Violation.unless(second.values.count == first.values.count, "attributes were lost in \(dialect)")
        for (old, new) in zip(first.values, second.values) {
            try Violation.unless(isEqual(old, new), "\(old) became \(new) in \(dialect)")
        }
        try Violation.unless(try second.written() == written, "the second writing differs in \(dialect)")
    }
    if case .wrongLength = Demultiplexer.classify(bytes.raw) {
        let salvaged = Message(salvaging: bytes.raw)
        var offset = 20
        while salvaged.nextAttribute(&offset) != nil {}
        try Violation.unless(offset == salvaged.bytes.byteCount, "a salvaged message has half an attribute")
    }
}

/// All that a message holds, decoded.
private struct Reading {
    let dialect: Dialect
    let type: MessageType
    let id: TransactionID
    let context: AttributeContext
    private(set) var values: [any Attribute] = []
    private(set) var hasFingerprint = false
    private(set) var hasZeroPadding = true

    private static let decoders: [AttributeType: any Attribute.Type] = [
        MappedAddress.type: MappedAddress.self, ChangeRequest.type: ChangeRequest.self,
        SourceAddress.type: SourceAddress.self, ChangedAddress.type: ChangedAddress.self,
        ErrorCode.type: ErrorCode.self, UnknownAttributes.type: UnknownAttributes.self,
        XorMappedAddress.type: XorMappedAddress.self, Padding.type: Padding.self,
        ResponsePort.type: ResponsePort.self, ResponseOrigin.type: ResponseOrigin.self,
        OtherAddress.type: OtherAddress.self, AlternateServer.type: AlternateServer.self,
    ]

    /// Reads a message; nil when the bytes are none in that dialect.
    init?(_ bytes: [UInt8], as dialect: Dialect) {
        guard let message = try? Message(parsing: bytes.raw, as: dialect) else { return nil }
        self.dialect = dialect
        type = message.type
        id = message.transactionID
        context = message.context
        var offset = dialect.headerLength
        while let location = message.nextAttribute(&offset) {
            for padding in (location.start + location.count)..<offset where bytes[padding] != 0 {
                hasZeroPadding = false
            }
            if dialect == .cookie, location.type == .fingerprint, offset == bytes.count,
                message.checkFingerprint(at: location) == .valid
            {
                hasFingerprint = true
            } else if let decoder = Self.decoders[location.type],
                let value = decoder.init(value: message.value(location), in: context)
            {
                values.append(value)
            }
        }
    }

    /// The message written anew: everything that was understood, in the same order.
    func written() throws(Violation) -> [UInt8] {
        let header = [UInt8](repeating: 0, count: 4)
        let idBytes = (0..<16).map { index in
            UInt8(truncatingIfNeeded: (index < 8 ? id.high : id.low) >> UInt64(56 - index % 8 * 8))
        }
        let request = header + (dialect == .rosenberg ? Array(idBytes[4..<8]) : idBytes)
        let size = values.reduce(request.count + 8) { $0 + 8 + $1.length(in: context) }
        let (fits, datagram) = withPacket(request, capacity: size) { packet in
            var writer = MessageWriter(type, in: dialect, context: context, limit: size, over: &packet)
            for value in values {
                guard append(value, to: &writer, over: &packet) else { return false }
            }
            if hasFingerprint { return writer.finishWithFingerprint(&packet) }
            writer.finish(&packet)
            return true
        }
        try Violation.unless(fits, "\(values) do not fit \(size) bytes")
        return datagram
    }
}

private func append(_ value: some Attribute, to writer: inout MessageWriter, over packet: inout Packet) -> Bool {
    writer.append(value, to: &packet)
}

private func isEqual<A: Attribute>(_ left: A, _ right: any Attribute) -> Bool { left == right as? A }
