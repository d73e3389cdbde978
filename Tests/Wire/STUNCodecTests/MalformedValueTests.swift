import STUNCodec
import Testing
import WireFixtures

@Suite("Malformed values (attacks row 46)")
struct MalformedValueTests {
    static let attributes: [any Attribute.Type] = [
        MappedAddress.self, ChangeRequest.self, SourceAddress.self, ChangedAddress.self, ErrorCode.self,
        UnknownAttributes.self, XorMappedAddress.self, Padding.self, ResponsePort.self, Fingerprint.self,
        ResponseOrigin.self, OtherAddress.self, XorPeerAddress.self, XorRelayedAddress.self,
        ChannelNumber.self, Lifetime.self, RequestedTransport.self, RequestedAddressFamily.self,
        AdditionalAddressFamily.self, EvenPort.self, DontFragment.self, ReservationToken.self,
        AddressErrorCode.self, ICMP.self, AlternateServer.self,
    ]

    @Test("row 46: no length 0 to 64 of any attribute traps, in any layout", arguments: AddressLayout.allCases)
    func everyLength(layout: AddressLayout) {
        // 1 and 2 make addresses, 4 makes an error code.
        for fill in [0x00, 0x01, 0x02, 0x04, 0xFF] as [UInt8] {
            for count in 0...64 {
                let value = Array(repeating: fill, count: count)
                for type in Self.attributes {
                    guard let length = readLength(type, value, layout) else { continue }
                    // What was read can be written again, and never becomes longer.
                    #expect(length <= count, "\(type) \(count)")
                }
            }
        }
    }

    @Test("row 46: every attribute with length 65535 is an overrun or read whole", arguments: Dialect.allCases)
    func longest(dialect: Dialect) throws {
        for type in Self.attributes {
            let short = Wire.message(as: dialect, [.init(type.type.rawValue, [0, 0, 0, 0], claiming: 0xFFFF)])
            #expect(throws: MalformedMessage.attributeOverrun) { try read(short, as: dialect) }
            let whole = Wire.message(as: dialect, [.init(type.type.rawValue, Array(repeating: 1, count: 65528))])
            #expect(try read(whole, as: dialect).attributes.first?.value.count == 65528)
            let length = readLength(type, Array(repeating: 1, count: 65528), .standard)
            #expect(
                length == nil || type == Padding.self || type == UnknownAttributes.self || type == ErrorCode.self
                    || type == AddressErrorCode.self
            )
        }
    }
}

/// The length of an attribute read from a value; nil when the value is refused.
private func readLength<A: Attribute>(_: A.Type, _ value: [UInt8], _ layout: AddressLayout) -> Int? {
    read(A.self, value, layout)?.length(in: context(layout))
}
