import Addresses
import STUNCodec
import WireFixtures

@testable import ServerCore

/// What attackers send: the fixtures, and generated messages of every dialect, some of them then broken.
enum AttackCorpus {
    /// Every attribute number that any code here treats in its own way, and two that it does not know.
    static let types: [UInt16] = [
        0x0001, 0x0002, 0x0003, 0x0004, 0x0005, 0x0006, 0x0007, 0x0008, 0x0009, 0x000A, 0x000B, 0x0014, 0x0015, 0x001C,
        0x001D, 0x001E, 0x0020, 0x0024, 0x0026, 0x0027, 0x8022, 0x8028, 0x802B, 0x802C, 0x7777, 0xFFFF,
    ]

    /// Fixtures, every single attribute in every short length, and `count` random messages.
    static func datagrams(random count: Int, _ generator: inout SeededGenerator) throws -> [[UInt8]] {
        var all = try Fixtures.datagrams().map(\.bytes)
        for dialect in Dialect.allCases {
            all += [0x0001, 0x0002, 0x0011, 0x0101, 0x0111, 0x0003].map { Wire.message($0, as: dialect) }
            for type in types {
                all += (0...24).map { Wire.message(as: dialect, [.init(type, Array(repeating: 0, count: $0))]) }
            }
        }
        all.append(Wire.fingerprinted())
        all.append(Wire.fingerprinted(0x0001, [.unknown]))
        for _ in 0..<count { all.append(random(&generator)) }
        return all
    }

    /// One message: mostly a Binding request with up to five attributes, one time in four with a byte or its end changed.
    static func random(_ generator: inout SeededGenerator) -> [UInt8] {
        let dialect = Dialect.allCases.randomElement(using: &generator) ?? .cookie
        let attributes = (0..<Int.random(in: 0...5, using: &generator)).map { _ in attribute(&generator, dialect) }
        let other = [0x0001, 0x0001, 0x0002, 0x0011, 0x0101] as [UInt16]
        let type = Int.random(in: 0..<4, using: &generator) == 0 ? other.randomElement(using: &generator) ?? 1 : 1
        let isPadded = dialect == .cookie || Int.random(in: 0..<8, using: &generator) > 0
        var bytes =
            dialect == .cookie && Bool.random(using: &generator)
            ? Wire.fingerprinted(type, attributes) : Wire.message(type, as: dialect, padded: isPadded, attributes)
        switch Int.random(in: 0..<16, using: &generator) {
        case 0: bytes.removeLast(Int.random(in: 0...bytes.count, using: &generator))
        case 1: bytes += generator.bytes(Int.random(in: 1...8, using: &generator))
        case 2, 3:
            bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8(truncatingIfNeeded: generator.next())
        default: break
        }
        return bytes
    }

    private static func attribute(_ generator: inout SeededGenerator, _ dialect: Dialect) -> Wire.Attribute {
        switch Int.random(in: 0..<8, using: &generator) {
        case 0, 1:
            let bits = generator.next()
            return .change(ip: bits & 1 != 0, port: bits & 2 != 0, discard: bits & 28 == 28, as: dialect)
        case 2: return .init(0x27, Wire.bytes(UInt16(truncatingIfNeeded: generator.next())) + [0, 0])
        case 3: return .init(0x26, Array(repeating: 0xFF, count: Int.random(in: 0...1600, using: &generator)))
        default:
            let type = types.randomElement(using: &generator) ?? 0
            return .init(type, generator.bytes(Int.random(in: 0...24, using: &generator)))
        }
    }
}

extension ServerHarness {
    /// The kinds of host that attacks are tried on: one address, two, two with a write-only port 2; never rate limited.
    static let hosts: [(name: String, policy: Policy)] = [
        ("one address", unlimited(.oneAddress)),
        ("two addresses", unlimited(.twoAddresses)),
        ("write-only port 2", unlimited(.twoAddresses, readsPort2: false)),
        ("rosenberg-00", unlimited(.twoAddresses, layout: .draft00)),
    ]

    private static func unlimited(
        _ policy: Policy,
        readsPort2: Bool = true,
        layout: AddressLayout = .draft01
    ) -> Policy {
        var policy = policy
        policy.bindingRate = Rate(perSecond: 1_000_000_000, burst: 1_000_000_000)
        policy.challengeRate = policy.bindingRate
        policy.v4.readsPort2 = readsPort2
        policy.v6.readsPort2 = readsPort2
        policy.draftAddressLayout = layout
        return policy
    }

    /// Whether a Binding request is still answered.
    func isAlive() -> Bool {
        var copy = self
        return copy.send(Wire.message(as: .cookie)).verdict == .reply
    }
}
