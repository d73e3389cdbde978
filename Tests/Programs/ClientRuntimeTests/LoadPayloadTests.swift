import Testing
import WireFixtures

@testable import ClientRuntime

@Suite("What relayed datagrams of the load say of themselves")
struct LoadPayloadTests {
    private func written(_ payload: LoadPayload, size: Int, at offset: Int = 0) -> [UInt8] {
        var buffer = [UInt8](repeating: 0xAA, count: offset + size + 8)
        var span = buffer.mutableSpan
        var bytes = unsafe span.mutableBytes
        payload.write(to: &bytes, at: offset, size: size)
        #expect(buffer[..<offset].allSatisfy { $0 == 0xAA })
        #expect(buffer[(offset + size)...].allSatisfy { $0 == 0xAA })
        return Array(buffer[offset..<(offset + size)])
    }

    private func read(_ bytes: [UInt8]) -> LoadPayload? { LoadPayload(bytes.raw) }

    private let payload = LoadPayload(flow: 199, number: 1 << 40, sentAt: 123_456_789_012)

    @Test("It is read as it was written", arguments: [28, 29, 160, 1400])
    func roundTrip(size: Int) {
        #expect(read(written(payload, size: size)) == payload)
        #expect(read(written(payload, size: size, at: 4)) == payload)
    }

    @Test("One that is cut or has more behind it is none")
    func wrongSize() {
        let bytes = written(payload, size: 160)
        for count in 0..<160 { #expect(read(Array(bytes[..<count])) == nil) }
        #expect(read(bytes + [0]) == nil)
    }

    @Test("One that lacks bytes in its middle is none")
    func hole() {
        let bytes = written(payload, size: 64)
        for count in 1...28 { #expect(read(Array(bytes[..<32] + bytes[(32 + count)...])) == nil) }
    }

    @Test("One bit that is changed in its mark, flow, number or end makes it none")
    func changedBits() {
        let bytes = written(payload, size: 64)
        for offset in Array(0..<16) + Array(60..<64) {
            for bit in 0..<8 {
                var changed = bytes
                changed[offset] ^= 1 << UInt8(bit)
                #expect(read(changed) == nil, "byte \(offset), bit \(bit)")
            }
        }
    }

    @Test("The end of another datagram is not its own")
    func mixedUp() {
        let one = written(LoadPayload(flow: 1, number: 5, sentAt: 9), size: 100)
        for other in [
            written(LoadPayload(flow: 1, number: 6, sentAt: 9), size: 100),
            written(LoadPayload(flow: 2, number: 5, sentAt: 9), size: 100),
        ] {
            #expect(read(Array(one[..<50] + other[50...])) == nil)
        }
    }

    @Test("Mixed sizes all appear about equally often, and are the same for both ends")
    func sizes() {
        let mix = SizeMix(sizes: [60, 160, 1200])
        var seen: [Int: Int] = [:]
        for flow in 0..<10 {
            for number in UInt64(0)..<300 { seen[mix.size(of: flow, number), default: 0] += 1 }
        }
        #expect(seen.keys.sorted() == [60, 160, 1200])
        #expect(seen.values.allSatisfy { (850...1150).contains($0) })
        #expect(mix.size(of: 3, 77) == SizeMix(sizes: [60, 160, 1200]).size(of: 3, 77))
        #expect(SizeMix(sizes: [160]).size(of: 3, 77) == 160)
    }
}
