import Addresses
import Testing
import WireFixtures

@testable import STUNAuthentication

@Suite("Nonces (RFC 8489 sections 9.2 and 14.10, attacks rows 16 and 20)")
struct NonceTests {
    static let now: UInt64 = 1_700_000_000
    let issuer = NonceIssuer(key: NonceTests.key(0), lifetime: 600)
    let v4 = IPAddress(v4: 0xC000_0201)
    let v6 = IPAddress(v6High: 0x2001_0DB8_0001_0002, low: 7)

    @Test("a nonce is the cookie, the features, and time and HMAC as another implementation makes them")
    func knownAnswer() {
        #expect(
            text(issuer.issue(for: SocketAddress(v4, port: 4000), at: Self.now)) == "obMatJos2gAAAZVPxAA-gDEeyWMQGxZY"
        )
        var anonymous = issuer
        anonymous.features.insert(.usernameAnonymity)
        #expect(
            text(anonymous.issue(for: SocketAddress(v6, port: 4000), at: Self.now))
                == "obMatJos2wAAAZVPxAA-gVNIyf00H81g"
        )
    }

    @Test("the features stand in the nonce cookie, bit 0 first (section 18.1)")
    func features() {
        for (features, expected) in [
            ([], "AAAA"), (.passwordAlgorithms, "gAAA"), (.usernameAnonymity, "QAAA"),
            ([.passwordAlgorithms, .usernameAnonymity], "wAAA"),
        ] as [(SecurityFeatures, String)] {
            let issuer = NonceIssuer(key: Self.key(0), lifetime: 600, features: features)
            let bytes = bytes(issuer.issue(for: SocketAddress(v4, port: 4000), at: Self.now))
            #expect(String(decoding: bytes[9..<13], as: UTF8.self) == expected)
            #expect(Nonce.features(of: bytes.raw) == features)
        }
        for foreign in ["", "obMatJos2gAA", "obMatJos1gAAA", "obMatJos2g*AA", "5f2a"] {
            #expect(Nonce.features(of: Array(foreign.utf8).raw) == nil)
        }
    }

    @Test("row 20: valid for its lifetime, then stale by the seconds that have passed since")
    func lifetime() {
        let nonce = bytes(issuer.issue(for: SocketAddress(v4, port: 4000), at: Self.now))
        for age in [0, 1, 599, 600] as [UInt64] { #expect(check(nonce, at: Self.now + age) == .valid) }
        #expect(check(nonce, at: Self.now + 601) == .stale(bySeconds: 1))
        #expect(check(nonce, at: Self.now + 100_000) == .stale(bySeconds: 99_400))
    }

    @Test(
        "servers with one key of any length accept each other's nonces, those with another key do not",
        arguments: [16, 31, 32, 33, 64]
    )
    func sharedKey(length: Int) {
        let client = SocketAddress(v4, port: 4000)
        let key = (0..<length).map { UInt8($0) }
        let nonce = bytes(NonceIssuer(sharedKey: key, lifetime: 600).issue(for: client, at: Self.now))
        let others = [key + [0], Array(key.dropLast()), key.dropLast() + [0], [UInt8](repeating: 0, count: length)]
        #expect(NonceIssuer(sharedKey: key, lifetime: 60).check(nonce.raw, from: v4, at: Self.now) == .valid)
        for other in others {
            #expect(NonceIssuer(sharedKey: other, lifetime: 600).check(nonce.raw, from: v4, at: Self.now) == .foreign)
        }
    }

    @Test("a nonce from the future is valid only within the difference of a fleet's clocks")
    func future() {
        let nonce = bytes(issuer.issue(for: SocketAddress(v4, port: 4000), at: Self.now))
        #expect(check(nonce, at: Self.now - 5) == .valid)
        #expect(check(nonce, at: Self.now - 6) == .future(bySeconds: 6))
        #expect(check(nonce, at: Self.now - 86400) == .future(bySeconds: 86400))
    }

    @Test("no time makes the arithmetic trap, also where Unix time outgrows 32 bits")
    func extremes() {
        for time in [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, .max] as [UInt64] {
            let nonce = bytes(issuer.issue(for: SocketAddress(v4, port: 4000), at: time))
            #expect(check(nonce, at: time) == .valid)
            #expect(check(nonce, at: time &+ 600) == .valid)
            #expect(check(nonce, at: time &+ 601) == .stale(bySeconds: 1))
            for other in [0, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, .max] as [UInt64] { _ = check(nonce, at: other) }
        }
        let patient = NonceIssuer(key: Self.key(0), lifetime: .max)
        let nonce = bytes(patient.issue(for: SocketAddress(v4, port: 4000), at: 0))
        #expect(patient.check(nonce.raw, from: v4, at: 0x7FFF_FFFF) == .valid)
        // Half of 32 bits away, no one can tell past from future: refused all the same.
        #expect(patient.check(nonce.raw, from: v4, at: 0x8000_0000) == .future(bySeconds: 0x8000_0000))
    }

    @Test("row 20: a nonce is good for one IPv4 address, or for one /64 of IPv6")
    func address() {
        let nonce = bytes(issuer.issue(for: SocketAddress(v4, port: 4000), at: Self.now))
        #expect(check(nonce, from: IPAddress(v4: 0xC000_0202)) == .foreign)
        #expect(check(nonce, from: IPAddress(v6High: 0xC000_0201, low: 0)) == .foreign)
        let nonce6 = bytes(issuer.issue(for: SocketAddress(v6, port: 4000), at: Self.now))
        #expect(check(nonce6, from: v6) == .valid)
        #expect(check(nonce6, from: IPAddress(v6High: v6.high, low: .max)) == .valid)
        #expect(check(nonce6, from: IPAddress(v6High: v6.high ^ 1, low: v6.low)) == .foreign)
    }

    @Test("row 20: servers with one key accept each other's nonces, with another key nobody's")
    func fleet() {
        let nonce = bytes(issuer.issue(for: SocketAddress(v4, port: 4000), at: Self.now))
        // Another server of the fleet, which has other settings.
        let second = NonceIssuer(key: Self.key(0), lifetime: 60, features: [.passwordAlgorithms, .usernameAnonymity])
        #expect(second.check(nonce.raw, from: v4, at: Self.now) == .valid)
        let stranger = NonceIssuer(key: Self.key(1), lifetime: 600)
        #expect(stranger.check(nonce.raw, from: v4, at: Self.now) == .foreign)
    }

    @Test("row 19: one changed bit anywhere makes a nonce foreign, features and time too")
    func everyBit() {
        let nonce = bytes(issuer.issue(for: SocketAddress(v4, port: 4000), at: Self.now))
        for bit in 0..<256 {
            var changed = nonce
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(check(changed) == .foreign, "bit \(bit)")
        }
        for count in 0...64 where count != 32 {
            let cut = Array((nonce + nonce).prefix(count))
            #expect(check(cut) == .foreign, "\(count) bytes")
        }
    }

    @Test("row 16: 100,000 nonces of different clients and seconds are all different")
    func unique() {
        var seen: Set<[UInt8]> = []
        for index in UInt32(0)..<50_000 {
            seen.insert(bytes(issuer.issue(for: SocketAddress(IPAddress(v4: index), port: 4000), at: Self.now)))
            seen.insert(bytes(issuer.issue(for: SocketAddress(v4, port: 4000), at: Self.now + 1 + UInt64(index))))
        }
        #expect(seen.count == 100_000)
        // Their last 11 characters are of the HMAC alone.
        #expect(Set(seen.map { $0.suffix(11) }).count == 100_000)
    }

    @Test("two clients behind one NAT get different nonces in the same second, and a port that changes keeps its nonce")
    func port() {
        let first = bytes(issuer.issue(for: SocketAddress(v4, port: 4000), at: Self.now))
        let second = bytes(issuer.issue(for: SocketAddress(v4, port: 4001), at: Self.now))
        #expect(first != second)
        #expect(check(first) == .valid)
        #expect(check(second) == .valid)
    }

    private func check(_ nonce: [UInt8], from address: IPAddress? = nil, at time: UInt64 = now) -> NonceCheck {
        issuer.check(nonce.raw, from: address ?? v4, at: time)
    }

    private func bytes(_ nonce: Nonce) -> [UInt8] { (0..<32).map { nonce.characters[$0] } }

    private func text(_ nonce: Nonce) -> String { String(decoding: bytes(nonce), as: UTF8.self) }

    /// A key of the bytes 0 to 31, with another first one.
    static func key(_ first: UInt8) -> [32 of UInt8] {
        var key = [32 of UInt8](repeating: first)
        for index in 1..<32 { key[index] = UInt8(index) }
        return key
    }
}
