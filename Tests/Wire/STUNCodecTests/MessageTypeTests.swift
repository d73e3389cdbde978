import STUNCodec
import Testing
import WireFixtures

@Suite("Message type (RFC 8489 section 5)")
struct MessageTypeTests {
    @Test("all 16384 types are one method and one class, and back")
    func everyType() {
        var seen: Set<UInt32> = []
        for raw in UInt16(0)...0x3FFF {
            let type = MessageType(rawValue: raw)
            #expect(MessageType(type.method, type.messageClass) == type)
            #expect(type.method.rawValue <= 0xFFF)
            seen.insert(UInt32(type.method.rawValue) << 16 | UInt32(type.messageClass.rawValue))
        }
        #expect(seen.count == 0x4000)
    }

    @Test(
        "class and method bits are interleaved as in figure 3",
        arguments: [
            (0x001, [0x0001, 0x0011, 0x0101, 0x0111]),
            (0x002, [0x0002, 0x0012, 0x0102, 0x0112]),
            (0x00C, [0x000C, 0x001C, 0x010C, 0x011C]),
            (0x010, [0x0020, 0x0030, 0x0120, 0x0130]),
            (0x080, [0x0200, 0x0210, 0x0300, 0x0310]),
            (0xFFF, [0x3EEF, 0x3EFF, 0x3FEF, 0x3FFF]),
        ] as [(UInt16, [UInt16])]
    )
    func interleaving(method: UInt16, wire: [UInt16]) {
        let classes: [MessageType.Class] = [.request, .indication, .success, .error]
        #expect(classes.map { MessageType(Method(rawValue: method), $0).rawValue } == wire)
    }
}
