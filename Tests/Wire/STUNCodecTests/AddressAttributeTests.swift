import Addresses
import STUNCodec
import Testing
import WireFixtures

@Suite("MAPPED-ADDRESS and its kin (RFC 8489 section 14.1, RFC 5780 section 7.1, the drafts)")
struct AddressAttributeTests {
    static let v4 = SocketAddress(IPAddress(v4: 0xC000_0201), port: 0x8055)
    static let v6 = SocketAddress(
        IPAddress(v6High: 0x2001_0db8_1234_5678, low: 0x0011_2233_4455_6677),
        port: 0x8055
    )
    static let layouts: [(AddressLayout, String, String)] = [
        (.standard, "00 01 80 55 c0 00 02 01", "00 02 80 55 20010db812345678 0011223344556677"),
        (.draft01, "80 55 01 00 c0 00 02 01", "80 55 02 00 20010db812345678 0011223344556677"),
        (.draft00, "80 55 01 c0 00 02 01", "80 55 02 20010db812345678 0011223344556677"),
    ]

    @Test("each layout is written and read byte by byte, at all 8 buffer offsets (row 43)", arguments: layouts)
    func layout(layout: AddressLayout, v4: String, v6: String) {
        for (address, bytes) in [(Self.v4, hex(v4)), (Self.v6, hex(v6))] {
            for offset in 0..<8 {
                #expect(write(MappedAddress(address), layout, at: offset) == bytes)
                #expect(write(SourceAddress(address), layout, at: offset) == bytes)
                #expect(write(ChangedAddress(address), layout, at: offset) == bytes)
                #expect(write(ResponseOrigin(address), layout, at: offset) == bytes)
                #expect(write(OtherAddress(address), layout, at: offset) == bytes)
                #expect(write(AlternateServer(address), layout, at: offset) == bytes)
                #expect(read(MappedAddress.self, bytes, layout, at: offset) == MappedAddress(address))
                #expect(read(SourceAddress.self, bytes, layout, at: offset) == SourceAddress(address))
                #expect(read(ChangedAddress.self, bytes, layout, at: offset) == ChangedAddress(address))
                #expect(read(ResponseOrigin.self, bytes, layout, at: offset) == ResponseOrigin(address))
                #expect(read(OtherAddress.self, bytes, layout, at: offset) == OtherAddress(address))
                #expect(read(AlternateServer.self, bytes, layout, at: offset) == AlternateServer(address))
            }
        }
    }

    @Test("a family that is neither 1 nor 2 is no address", arguments: layouts)
    func family(layout: AddressLayout, v4: String, v6: String) {
        let at = layout == .standard ? 1 : 2
        for family in UInt8.min...UInt8.max where family != 1 {
            var bytes = hex(v4)
            bytes[at] = family
            #expect(read(MappedAddress.self, bytes, layout) == nil)
        }
        var bytes = hex(v6)
        bytes[at] = 1
        #expect(read(MappedAddress.self, bytes, layout) == nil)
    }

    @Test("any length but the family's own is no address (row 46)", arguments: layouts)
    func lengths(layout: AddressLayout, v4: String, v6: String) {
        for text in [v4, v6] {
            let right = hex(text)
            for count in 0...64 where count != right.count {
                let bytes = Array((right + Array(repeating: 0, count: 64)).prefix(count))
                #expect(read(MappedAddress.self, bytes, layout) == nil, "\(count)")
                #expect(read(XorMappedAddress.self, bytes, layout) == nil, "\(count)")
            }
        }
    }

    @Test("the byte before the family is passed over, and zero when written (section 14.1)")
    func reservedByte() {
        #expect(read(MappedAddress.self, hex("ff 01 80 55 c0 00 02 01"), .standard) == MappedAddress(Self.v4))
        #expect(write(MappedAddress(Self.v4), .standard).first == 0)
    }
}

@Suite("XOR-MAPPED-ADDRESS (RFC 8489 section 14.2)")
struct XorMappedAddressTests {
    @Test("an IPv4 address is veiled with the cookie alone")
    func v4() {
        let bytes = hex("00 01 a1 47 e1 12 a6 43")
        let attribute = XorMappedAddress(SocketAddress(IPAddress(v4: 0xC000_0201), port: 32853))
        #expect(write(attribute, .standard) == bytes)
        #expect(read(XorMappedAddress.self, bytes, .standard) == attribute)
    }

    @Test("an IPv6 address is veiled with the cookie and the transaction id")
    func v6() {
        let attribute = XorMappedAddress(AddressAttributeTests.v6)
        let veiled = hex("00 02 a1 47 2001 0db8 1234 5678 0011 2233 4455 6677")
        let mask = hex("00 00 00 00 2112 a442 b4b5 b6b7 b8b9 babb bcbd bebf")
        let bytes = zip(veiled, mask).map { $0 ^ $1 }
        #expect(write(attribute, .standard) == bytes)
        #expect(read(XorMappedAddress.self, bytes, .standard) == attribute)
    }

    @Test(
        "the responses of RFC 5769 sections 2.2 and 2.3 name the addresses that the RFC says",
        arguments: [
            ("rfc5769/rfc5769-2.2-response-ipv4.bin", "192.0.2.1:32853"),
            ("rfc5769/rfc5769-2.3-response-ipv6.bin", "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
        ]
    )
    func vectors(path: String, address: String) throws {
        let bytes = try Fixtures.bytes(path)
        let message = try Message(parsing: bytes.raw, as: .cookie)
        let read = message[XorMappedAddress.self]
        #expect(read?.address.description == address)
    }
}

/// The context of `Wire.id` with the cookie.
func context(_ layout: AddressLayout) -> AttributeContext {
    AttributeContext(
        transactionID: TransactionID(high: 0x2112_A442_B4B5_B6B7, low: 0xB8B9_BABB_BCBD_BEBF),
        addressLayout: layout
    )
}

/// The bytes of an attribute's value, written into a buffer of 0xAA at an offset.
func write<A: Attribute>(_ attribute: A, _ layout: AddressLayout, at offset: Int = 0) -> [UInt8] {
    withPacket([], capacity: 128, at: offset) { packet in
        attribute.write(to: &packet, at: 0, in: context(layout))
        packet.resize(to: attribute.length(in: context(layout)))
    }.datagram
}

/// Reads an attribute's value that stands at an offset of a buffer.
func read<A: Attribute>(_: A.Type, _ value: [UInt8], _ layout: AddressLayout = .standard, at offset: Int = 0) -> A? {
    let buffer = Array(repeating: 0xAA, count: offset) + value + [0xAA]
    return A(value: buffer.raw.extracting(offset..<(offset + value.count)), in: context(layout))
}
