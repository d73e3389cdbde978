import Addresses
import STUNCodec
import Testing
import WireFixtures

@Suite("Attributes of TURN (RFC 8656 section 18)")
struct TURNAttributeTests {
    @Test("CHANNEL-NUMBER is 16 bits, then 16 that are passed over (18.1)")
    func channelNumber() {
        #expect(write(ChannelNumber(0x4001), .standard) == hex("4001 0000"))
        #expect(read(ChannelNumber.self, hex("4001 ffff")) == ChannelNumber(0x4001))
        expectOnlyLength(4, ChannelNumber.self)
    }

    @Test("LIFETIME is 32 bits of seconds (18.2)")
    func lifetime() {
        #expect(write(Lifetime(seconds: 600), .standard) == hex("00000258"))
        #expect(read(Lifetime.self, hex("ffffffff")) == Lifetime(seconds: .max))
        expectOnlyLength(4, Lifetime.self)
    }

    @Test("peer and relayed addresses are veiled like XOR-MAPPED-ADDRESS (18.3, 18.5)")
    func veiledAddresses() {
        for address in [AddressAttributeTests.v4, AddressAttributeTests.v6] {
            let bytes = write(XorMappedAddress(address), .standard)
            #expect(bytes != write(MappedAddress(address), .standard))
            #expect(write(XorPeerAddress(address), .standard) == bytes)
            #expect(write(XorRelayedAddress(address), .standard) == bytes)
            #expect(read(XorPeerAddress.self, bytes) == XorPeerAddress(address))
            #expect(read(XorRelayedAddress.self, bytes) == XorRelayedAddress(address))
        }
    }

    @Test(
        "address families are one byte, then three that are passed over; unknown ones are no malformed ones (18.6, 18.11)"
    )
    func families() {
        for (byte, family) in [(0, nil), (1, .v4), (2, .v6), (3, nil), (255, nil)] as [(UInt8, IPAddress.Family?)] {
            #expect(write(RequestedAddressFamily(rawValue: byte), .standard) == [byte, 0, 0, 0])
            #expect(write(AdditionalAddressFamily(rawValue: byte), .standard) == [byte, 0, 0, 0])
            let requested = read(RequestedAddressFamily.self, [byte, 0xFF, 0xFF, 0xFF])
            #expect(requested == RequestedAddressFamily(rawValue: byte))
            #expect(requested?.family == family)
            #expect(read(AdditionalAddressFamily.self, [byte, 1, 2, 3])?.family == family)
        }
        expectOnlyLength(4, RequestedAddressFamily.self)
        expectOnlyLength(4, AdditionalAddressFamily.self)
    }

    @Test("EVEN-PORT is one byte of which the first bit counts (18.7)")
    func evenPort() {
        #expect(write(EvenPort(reservesNext: true), .standard) == [0x80])
        #expect(write(EvenPort(reservesNext: false), .standard) == [0])
        #expect(read(EvenPort.self, [0xFF]) == EvenPort(reservesNext: true))
        #expect(read(EvenPort.self, [0x7F]) == EvenPort(reservesNext: false))
        expectOnlyLength(1, EvenPort.self)
    }

    @Test("REQUESTED-TRANSPORT is the protocol's number, then three bytes that are passed over (18.8)")
    func requestedTransport() {
        #expect(write(RequestedTransport.udp, .standard) == hex("11000000"))
        #expect(read(RequestedTransport.self, hex("11ffffff")) == .udp)
        #expect(read(RequestedTransport.self, hex("06000000")) == RequestedTransport(protocolNumber: 6))
        expectOnlyLength(4, RequestedTransport.self)
    }

    @Test("DONT-FRAGMENT has no value (18.9)")
    func dontFragment() {
        #expect(write(DontFragment(), .standard) == [])
        expectOnlyLength(0, DontFragment.self)
    }

    @Test("RESERVATION-TOKEN is eight bytes (18.10)")
    func reservationToken() {
        #expect(write(ReservationToken(value: 0x0102_0304_0506_0708), .standard) == hex("0102030405060708"))
        #expect(read(ReservationToken.self, hex("fffefdfcfbfaf9f8")) == ReservationToken(value: 0xFFFE_FDFC_FBFA_F9F8))
        expectOnlyLength(8, ReservationToken.self)
    }

    @Test("ADDRESS-ERROR-CODE is the family in front of an ERROR-CODE (18.12)")
    func addressErrorCode() {
        let attribute = AddressErrorCode(family: .v6, code: .insufficientCapacity)
        #expect(write(attribute, .standard) == hex("02000508"))
        #expect(read(AddressErrorCode.self, hex("02fffd08")) == attribute)
        #expect(read(AddressErrorCode.self, hex("02000508") + Array("Full".utf8)) == attribute)
        for bad in ["00000508", "03000508", "02000164", "02000108", "020005"] {
            #expect(read(AddressErrorCode.self, hex(bad)) == nil, "\(bad)")
        }
    }

    @Test("ICMP is 16 zero bits, 7 of type, 9 of code, 32 of data (18.13)")
    func icmp() {
        // Destination unreachable, fragmentation needed, MTU 1280.
        let attribute = ICMP(type: 3, code: 4, data: 1280)
        #expect(write(attribute, .standard) == hex("0000 0604 00000500"))
        #expect(read(ICMP.self, hex("ffff 0604 00000500")) == attribute)
        #expect(write(ICMP(type: 127, code: 255, data: 0), .standard) == hex("0000 feff 00000000"))
        #expect(ICMP(type: 0xFF, code: 0, data: 0).type == 0x7F)
        #expect(read(ICMP.self, hex("0000 0704 00000500")) == nil, "a code of more than 8 bits")
        expectOnlyLength(8, ICMP.self)
    }

    /// Zeros of any other length are no value.
    private func expectOnlyLength<A: Attribute>(_ length: Int, _: A.Type) {
        for count in 0...64 {
            let value = read(A.self, Array(repeating: 0, count: count))
            #expect((value != nil) == (count == length), "\(A.self) of \(count) bytes")
        }
    }
}

@Suite("ChannelData (RFC 8656 sections 12.4 and 12.5)")
struct ChannelDataTests {
    @Test("number and length are read at all 8 buffer offsets (row 43)")
    func header() throws {
        let datagram = try Fixtures.bytes("turn-rs-samples/ChannelData.bin")
        for offset in 0..<8 {
            let buffer = Array(repeating: 0xAA, count: offset) + datagram
            let header = ChannelData(buffer.raw.extracting(offset...))
            #expect(header?.number == UInt16(datagram[0]) << 8 | UInt16(datagram[1]))
            #expect(header?.length == Int(datagram[2]) << 8 | Int(datagram[3]))
        }
    }

    @Test("a length beyond the datagram is refused, one short of it is padding")
    func length() {
        for count in 0...12 {
            for length in 0...12 {
                let datagram = Array((hex("4fff 00") + [UInt8(length)] + Array(repeating: 7, count: 8)).prefix(count))
                let header = ChannelData(datagram.raw)
                #expect((header != nil) == (count >= 4 && 4 + length <= count))
                #expect(header.map { $0.number == 0x4FFF && $0.length == length } ?? true)
            }
        }
        let claim = hex("4000 ffff 00")
        #expect(ChannelData(claim.raw) == nil)
    }
}
