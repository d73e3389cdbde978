import Addresses
import STUNCodec
import Testing
import WireFixtures

@Suite("Round trip: what is written is read again")
struct RoundTripTests {
    @Test("100,000 random messages of every dialect and layout keep all their values")
    func random() throws {
        var generator = SeededGenerator.announced("codec round trip")
        for _ in 0..<100_000 {
            let sample = Sample(&generator)
            let bytes = try #require(sample.written(at: Int.random(in: 0..<8, using: &generator)))
            #expect(TakenApart(bytes, as: sample.dialect, padded: sample.layout != .draft00) != nil)
            try #require(try sample.isRead(from: bytes), "\(sample)")
        }
    }

    @Test("100,000 random datagrams are read or refused, and what is read lies within them")
    func noise() {
        var generator = SeededGenerator.announced("codec noise")
        for _ in 0..<100_000 {
            var bytes = generator.bytes(Int.random(in: 0...80, using: &generator))
            if bytes.count >= 8, Bool.random(using: &generator) {
                let header = Bool.random(using: &generator) ? 8 : 20
                bytes[2] = 0
                bytes[3] = UInt8(max(0, bytes.count - header))
            }
            for dialect in Dialect.allCases {
                guard let read = try? read(bytes, as: dialect) else { continue }
                #expect(read.attributes.reduce(dialect.headerLength) { $0 + 4 + $1.value.count } <= bytes.count)
            }
        }
    }
}

/// One message with some of all attributes.
private struct Sample {
    let dialect: Dialect
    let layout: AddressLayout
    let messageClass: MessageType.Class
    let addresses: [SocketAddress]
    let change: ChangeRequest
    let port: ResponsePort
    let padding: Padding
    let error: ErrorCode?
    let unknown: UnknownAttributes
    let hasFingerprint: Bool

    init(_ generator: inout SeededGenerator) {
        dialect = Dialect.allCases.randomElement(using: &generator) ?? .cookie
        layout = dialect != .rosenberg ? .standard : Bool.random(using: &generator) ? .draft00 : .draft01
        messageClass = MessageType.Class.allCases.randomElement(using: &generator) ?? .error
        addresses = (0..<6).map { _ in
            let address =
                Bool.random(using: &generator)
                ? IPAddress(v4: UInt32.random(in: 0...UInt32.max, using: &generator))
                : IPAddress(v6High: generator.next(), low: generator.next())
            return SocketAddress(address, port: UInt16.random(in: 0...UInt16.max, using: &generator))
        }
        let flags = generator.next()
        change = ChangeRequest(changesIP: flags & 1 != 0, changesPort: flags & 2 != 0, discards: flags & 4 != 0)
        port = ResponsePort(UInt16.random(in: 0...UInt16.max, using: &generator))
        padding = Padding(count: Int.random(in: 0...99, using: &generator))
        error = ErrorCode(UInt16.random(in: 300...699, using: &generator))
        var unknown = UnknownAttributes()
        for _ in 0..<Int.random(in: 0...17, using: &generator) {
            unknown.insert(AttributeType(rawValue: UInt16.random(in: 0...0x7FFF, using: &generator)))
        }
        self.unknown = unknown
        hasFingerprint = dialect == .cookie && flags & 8 != 0
    }

    /// The message over a bare request.
    func written(at offset: Int) -> [UInt8]? {
        let (fits, datagram) = withPacket(Wire.message(as: dialect), at: offset) { packet in
            let id = TransactionID(
                high: [0xB0B1_B2B3, 0xB0B1_B2B3_B4B5_B6B7, 0x2112_A442_B4B5_B6B7][Int(dialect.rawValue)],
                low: dialect == .rosenberg ? 0 : 0xB8B9_BABB_BCBD_BEBF
            )
            var writer = MessageWriter(
                MessageType(.binding, messageClass),
                in: dialect,
                context: AttributeContext(transactionID: id, addressLayout: layout),
                limit: 2000,
                over: &packet
            )
            var fits = writer.append(MappedAddress(addresses[0]), to: &packet)
            // Two addresses are what an answer of rosenberg-00 holds; with four of IPv4 it could pass for a padded one.
            fits = fits && writer.append(SourceAddress(addresses[1]), to: &packet)
            if layout != .draft00 { fits = fits && appendRest(to: &writer, over: &packet) }
            if hasFingerprint { return fits && writer.finishWithFingerprint(&packet) }
            writer.finish(&packet)
            return fits
        }
        return fits ? datagram : nil
    }

    private func appendRest(to writer: inout MessageWriter, over packet: inout Packet) -> Bool {
        guard writer.append(ChangedAddress(addresses[2]), to: &packet),
            writer.append(ResponseOrigin(addresses[3]), to: &packet),
            writer.append(OtherAddress(addresses[4]), to: &packet),
            writer.append(XorMappedAddress(addresses[5]), to: &packet),
            writer.append(change, to: &packet), writer.append(port, to: &packet), writer.append(padding, to: &packet),
            writer.append(unknown, to: &packet)
        else { return false }
        return error.map { writer.append($0, to: &packet) } ?? false
    }

    /// Whether reading gives all values back.
    func isRead(from bytes: [UInt8]) throws -> Bool {
        let message = try Message(parsing: bytes.raw, as: dialect)
        guard message.type == MessageType(.binding, messageClass), message.context.addressLayout == layout,
            message[MappedAddress.self]?.address == addresses[0], message[SourceAddress.self]?.address == addresses[1]
        else { return false }
        if layout == .draft00 { return true }
        if hasFingerprint {
            guard let location = message.first(.fingerprint), message.checkFingerprint(at: location) == .valid else {
                return false
            }
        }
        return message[ChangedAddress.self]?.address == addresses[2]
            && message[ResponseOrigin.self]?.address == addresses[3]
            && message[OtherAddress.self]?.address == addresses[4]
            && message[XorMappedAddress.self]?.address == addresses[5]
            && message[ChangeRequest.self] == change && message[ResponsePort.self] == port
            && message[Padding.self] == padding && message[UnknownAttributes.self] == unknown
            && message[ErrorCode.self] == error
    }
}
