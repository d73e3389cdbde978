import Addresses
import STUNCodec
import Testing
import WireFixtures

@Suite("Writing an answer over its request (RFC 8489 sections 5 and 14)")
struct MessageWriterTests {
    @Test("row 44: padding is zero in a buffer of 0xAA, for every length and dialect", arguments: Dialect.allCases)
    func padding(dialect: Dialect) {
        for count in 0...64 {
            let unknown = (0..<UInt16(count % 17)).map { AttributeType(rawValue: 0x7000 + $0) }
            let answer = answer(to: Wire.message(as: dialect), as: dialect, limit: 1000) { writer, packet in
                var list = UnknownAttributes()
                for type in unknown { list.insert(type) }
                let fits =
                    writer.append(list, to: &packet) && writer.append(Padding(count: count), to: &packet)
                    && writer.append(ResponsePort(0xFFFF), to: &packet)
                writer.finish(&packet)
                return fits
            }
            let read = answer.flatMap { TakenApart($0, as: dialect) }
            #expect(read?.padding.allSatisfy { $0 == 0 } == true)
            #expect(
                read?.attributes.map(\.value) == [
                    unknown.flatMap { Wire.bytes($0.rawValue) }, Array(repeating: 0, count: count), [0xFF, 0xFF],
                ]
            )
        }
    }

    @Test("row 43: an answer is the same at all 8 buffer offsets", arguments: Dialect.allCases)
    func offsets(dialect: Dialect) {
        let answers = (0..<8).map { offset in
            answer(to: Wire.message(as: dialect), as: dialect, limit: 1000, at: offset) { writer, packet in
                let fits =
                    writer.append(MappedAddress(AddressAttributeTests.v6), to: &packet)
                    && writer.append(ResponsePort(1), to: &packet)
                writer.finish(&packet)
                return fits
            }
        }
        #expect(Set(answers).count == 1)
        #expect(answers[0].flatMap { TakenApart($0, as: dialect) }?.types == [1, 0x27])
    }

    @Test("type and length are the answer's, the transaction id is the request's", arguments: Dialect.allCases)
    func header(dialect: Dialect) throws {
        let request = Wire.message(as: dialect, [.init(0x8022, Array(repeating: 0xFF, count: 40))])
        let bytes = answer(to: request, as: dialect, limit: 1000) { writer, packet in
            let fits = writer.append(ErrorCode.badRequest, to: &packet)
            writer.finish(&packet)
            return fits
        }
        #expect(bytes == Wire.message(0x0101, as: dialect, [.init(9, [0, 0, 4, 0])]))
    }

    @Test("what does not fit the limit is not written, and the answer goes on without it")
    func limit() {
        for limit in 0...60 {
            let bytes = answer(to: Wire.message(as: .cookie), as: .cookie, limit: limit) { writer, packet in
                _ = writer.append(MappedAddress(AddressAttributeTests.v6), to: &packet)
                _ = writer.append(MappedAddress(AddressAttributeTests.v4), to: &packet)
                writer.finish(&packet)
                return true
            }
            let types: [Int] = limit < 32 ? [] : limit < 44 ? [8] : limit < 56 ? [20] : [20, 8]
            #expect(bytes.flatMap { TakenApart($0, as: .cookie) }?.attributes.map(\.value.count) == types, "\(limit)")
        }
    }

    @Test("a limit beyond the buffer does not reach beyond the buffer")
    func capacity() {
        for capacity in 20...40 {
            let (fits, datagram) = withPacket(Wire.message(as: .cookie), capacity: capacity) { packet in
                var writer = MessageWriter(
                    MessageType(.binding, .success),
                    in: .cookie,
                    context: context(.standard),
                    limit: .max,
                    over: &packet
                )
                let fits = writer.append(ErrorCode.badRequest, to: &packet) && writer.finishWithFingerprint(&packet)
                if !fits { writer.finish(&packet) }
                return fits
            }
            #expect(fits == (capacity >= 36))
            #expect(datagram.count == (capacity >= 36 ? 36 : capacity >= 28 ? 28 : 20))
        }
    }

    @Test("in the layout of rosenberg-00 attributes follow one another without padding")
    func unpadded() {
        let bytes = answer(to: Wire.message(as: .rosenberg), as: .rosenberg, .draft00, limit: 100) { writer, packet in
            let fits =
                writer.append(MappedAddress(AddressAttributeTests.v4), to: &packet)
                && writer.append(SourceAddress(AddressAttributeTests.v6), to: &packet)
            writer.finish(&packet)
            return fits
        }
        let read = bytes.flatMap { TakenApart($0, as: .rosenberg, padded: false) }
        #expect(read?.attributes.map(\.value.count) == [7, 19])
    }
}

/// What is written over a request; nil when `body` says that it does not fit.
func answer(
    to request: [UInt8],
    as dialect: Dialect,
    _ layout: AddressLayout = .standard,
    limit: Int,
    at offset: Int = 0,
    _ body: (inout MessageWriter, inout Packet) -> Bool
) -> [UInt8]? {
    let (fits, datagram) = withPacket(request, at: offset) { packet in
        var writer = MessageWriter(
            MessageType(.binding, .success),
            in: dialect,
            context: context(layout),
            limit: limit,
            over: &packet
        )
        return body(&writer, &packet)
    }
    return fits ? datagram : nil
}
