import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Binding (RFC 8489 section 6.3.1)")
struct RFC8489Tests {
    var harness = ServerHarness()

    @Test("20 bytes are answered by 32: XOR-MAPPED-ADDRESS alone")
    mutating func v4() {
        let outcome = harness.send(hex("0001 0000 2112a442 b4b5b6b7b8b9babbbcbdbebf"))
        #expect(outcome.verdict == .reply)
        #expect(outcome.answer == hex("0101 000c 2112a442 b4b5b6b7b8b9babbbcbdbebf 0020 0008 0001 5256 f8f41e28"))
    }

    @Test("with IPv6 20 bytes are answered by 44")
    mutating func v6() {
        let outcome = harness.send(Wire.message(as: .cookie), from: .client6)
        let plain = value(.client6)
        let mask = hex("0000 2112 2112a442 b4b5b6b7b8b9babbbcbdbebf")
        let veiled = zip(plain, mask).map { $0 ^ $1 }
        #expect(outcome.answer == Wire.message(0x0101, as: .cookie, [.init(0x20, veiled)]))
    }

    @Test("FINGERPRINT is answered with FINGERPRINT, also in a refusal")
    mutating func fingerprint() throws {
        let success = try #require(harness.send(Wire.fingerprinted()).answer)
        #expect(success == Wire.fingerprinted(0x0101, [.init(0x20, hex("0001 5256 f8f41e28"))]))
        let refusal = try #require(harness.send(Wire.fingerprinted(0x0001, [.unknown])).answer)
        #expect(refusal == Wire.fingerprinted(0x0111, [.init(9, [0, 0, 4, 20]), .init(0x0A, [0x77, 0x77])]))
    }

    @Test("an unknown attribute that must be understood is refused with 420 and the list")
    mutating func unknownRequired() {
        let outcome = harness.send(
            Wire.message(as: .cookie, [.unknown, .init(0x8022, [1]), .unknown, .init(0x7000, [])])
        )
        let list = Wire.Attribute(0x0A, [0x77, 0x77, 0x70, 0x00])
        #expect(outcome.verdict == .reply)
        #expect(outcome.answer == Wire.message(0x0111, as: .cookie, [.init(9, [0, 0, 4, 20]), list]))
        #expect(harness.row?.error == 1)
        #expect(harness.refusals(420) == 1)
    }

    @Test("ICE's attributes are for ICE agents: PRIORITY is refused, as in the request of RFC 5769 section 2.1")
    mutating func rfc5769() throws {
        let refusal = harness.ask(try Fixtures.bytes("rfc5769/rfc5769-2.1-request.bin"), as: .cookie)
        #expect(refusal?.types == [9, 0x0A, 0x8028])
        #expect(refusal?[0x0A] == [0x00, 0x24])
        let success = harness.ask(try Fixtures.bytes("rfc5769/rfc5769-2.4-request-long-term.bin"), as: .cookie)
        #expect(success?.types == [0x20])
    }

    @Test("unknown attributes that need not be understood are passed over")
    mutating func unknownOptional() {
        for type in [0x8000, 0x8022, 0x802F, 0xC057, 0xFFFF] as [UInt16] {
            #expect(harness.ask(Wire.message(as: .cookie, [.init(type, [1, 2, 3])]), as: .cookie)?.types == [0x20])
        }
    }

    @Test("attributes that mean nothing without credentials are passed over")
    mutating func credentials() {
        for type in [0x0006, 0x0008, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E] as [UInt16] {
            #expect(harness.ask(Wire.message(as: .cookie, [.init(type, [1, 2, 3])]), as: .cookie)?.types == [0x20])
        }
    }

    @Test(
        "what follows MESSAGE-INTEGRITY does not count, but FINGERPRINT (section 14.5)",
        arguments: [0x0008, 0x001C] as [UInt16]
    )
    mutating func afterIntegrity(integrity: UInt16) {
        let digest = Wire.Attribute(integrity, Array(repeating: 7, count: 20))
        let after = [digest, .unknown, .change(ip: true, as: .cookie), Wire.Attribute(0x27, [0, 1])]
        #expect(harness.send(Wire.fingerprinted(0x0001, after)).verdict == .reply)
        #expect(harness.ask(Wire.fingerprinted(0x0001, after), as: .cookie)?.types == [0x20, 0x8028])
        #expect(harness.ask(Wire.message(as: .cookie, [.unknown, digest]), as: .cookie)?.types == [9, 0x0A])
    }

    @Test("indications, responses and other methods are not answered")
    mutating func silence() {
        let expected: [(UInt16, DropReason)] = [
            (0x0011, .indication), (0x0101, .response), (0x0111, .response), (0x0002, .unknownMethod),
            (0x0003, .unknownMethod), (0x0016, .unknownMethod), (0x0103, .response), (0x0200, .unknownMethod),
            (0x3EEF, .unknownMethod), (0x0000, .unknownMethod),
        ]
        for (type, reason) in expected {
            #expect(harness.send(Wire.message(type, as: .cookie)).verdict == .drop(reason), "\(type)")
        }
    }

    @Test("a length field that disagrees with the datagram is not answered")
    mutating func wrongLength() {
        for change in [[0, 1], [0, 4], [0, 8], [0xFF, 0xFF]] as [[UInt8]] {
            var bytes = Wire.message(as: .cookie)
            bytes.replaceSubrange(2..<4, with: change)
            #expect(harness.send(bytes).verdict == .drop(.malformed))
        }
        #expect(harness.row?.error == 4)
    }

    @Test(
        "nothing is sent to addresses that are nobody's",
        arguments: [
            "192.0.2.1:0", "0.0.0.0:1000", "224.0.0.1:1000", "239.255.255.250:1900", "255.255.255.255:1000",
            "240.0.0.1:9",
            "[::]:1000", "[ff02::1]:1000", "[2001:db8::1]:0",
        ]
    )
    mutating func unanswerable(address: String) throws {
        let source = try #require(SocketAddress(address))
        #expect(harness.send(Wire.message(as: .cookie), from: source).verdict == .drop(.unanswerableSource))
        #expect(harness.server.sources.newestFirst.isEmpty)
    }
}
