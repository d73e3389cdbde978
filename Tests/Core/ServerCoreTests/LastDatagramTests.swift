import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("What the server says of the last datagram (messages 1005 and 1008 to 1010)")
struct LastDatagramTests {
    var harness = ServerHarness()

    @Test("an unknown attribute is named, whether it is refused or met with silence", arguments: Dialect.allCases)
    mutating func unknownAttribute(dialect: Dialect) {
        _ = harness.send(Wire.message(as: dialect, [.init(0x8022, []), .unknown, .init(0x7000, [])]))
        #expect(harness.server.hadUnknownAttribute)
        #expect(harness.server.detail == 0x7777)
        _ = harness.send(Wire.message(as: dialect, [.change(as: dialect), .init(0x8022, [])]))
        #expect(harness.server.hadUnknownAttribute == (dialect == .cookie))
    }

    @Test("CHANGE-REQUEST counts as unknown where there are no four sockets")
    mutating func changeRequest() {
        _ = harness.send(Wire.message(as: .cookie, [.change(as: .cookie)]))
        #expect(harness.server.hadUnknownAttribute)
        #expect(harness.server.detail == 0x0003)
    }

    @Test("an unknown address family is named")
    mutating func unknownFamily() {
        let verdict = harness.send(Wire.message(as: .classic, [.init(2, hex("00 07 00 35 08 08 08 08"))])).verdict
        #expect(verdict == .drop(.unknownAddressFamily))
        #expect(harness.server.detail == 7)
        #expect(!harness.server.hadUnknownAttribute)
    }

    @Test("of everything else the first 16 bits are named")
    mutating func type() {
        for (bytes, detail) in [
            (Wire.message(0x0103, as: .cookie), 0x0103), (hex("4745 54"), 0x4745), ([7], 0), ([], 0),
        ] {
            _ = harness.send(bytes)
            #expect(harness.server.detail == UInt16(detail))
            #expect(!harness.server.hadWrongLength && !harness.server.hadUnknownAttribute)
        }
    }

    @Test("each datagram is told of anew")
    mutating func reset() {
        _ = harness.send(hex("0001 0004") + Wire.id)
        #expect(harness.server.hadWrongLength)
        _ = harness.send(Wire.message(as: .cookie, [.unknown]))
        #expect(!harness.server.hadWrongLength && harness.server.hadUnknownAttribute)
        _ = harness.send(Wire.message(as: .cookie))
        #expect(!harness.server.hadUnknownAttribute)
        #expect(harness.server.detail == 1)
    }
}
