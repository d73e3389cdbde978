import Addresses
import Testing
import WireFixtures

@testable import ServerCore

@Suite("PeerRules: no IPv6 form of a denied IPv4 address gets through")
struct PeerDisguiseTests {
    @Test("for addresses all over the denied ranges, every form is denied and names the IPv4 rule (rows 3, 4)")
    func everyFormOfEveryDeniedAddress() throws {
        var generator = SeededGenerator.announced("disguises")
        for range in SpecialPurposeRange.all where range.prefix.address.family == .v4 {
            let (first, hostBits) = (range.prefix.address.v4Bits, UInt32(32 - range.prefix.length))
            let last = first | UInt32(truncatingIfNeeded: (UInt64(1) << UInt64(hostBits)) - 1)
            var sample = [first, last]
            for _ in 0..<500 { sample.append(UInt32.random(in: first...last, using: &generator)) }
            for bits in sample {
                let v4 = IPAddress(v4: bits)
                guard case .denied(.specialPurpose(let inner)) = PeerRules.standard.check(v4) else {
                    Issue.record("\(v4)")
                    continue
                }
                for form in PeerDisguise.allCases {
                    let peer = form.address(carrying: v4)
                    // ::0.0.0.0 and ::0.0.0.1 are the unspecified and the loopback address themselves.
                    if peer.high == 0, peer.low < 2 { continue }
                    try #require(
                        PeerRules.standard.check(peer) == .denied(.disguise(form, of: v4, by: .specialPurpose(inner))),
                        "\(form) \(peer)"
                    )
                }
            }
        }
    }

    @Test("whatever IPv4 address they carry, tunnels are closed by default, and to allowed IPv4 prefixes too (row 32)")
    func tunnels() throws {
        var generator = SeededGenerator.announced("tunnels")
        let open = PeerRules.standard(allow: ["0.0.0.0/0", "::/0"], lanPeers: true)
        for _ in 0..<20_000 {
            let v4 = IPAddress(v4: UInt32.random(in: 2...UInt32.max, using: &generator))
            try #require(open.check(v4) == .allowed || SpecialPurposeRange.relayAnycast?.contains(v4) == true)
            for form in PeerDisguise.allCases {
                for rules in [PeerRules.standard, open] {
                    guard case .denied = rules.check(form.address(carrying: v4)) else {
                        Issue.record("\(form) \(v4)")
                        return
                    }
                }
            }
        }
        #expect(open.check(try #require(IPAddress("192.88.99.1"))) != .allowed)
        let named = PeerRules.standard(allow: ["192.88.99.0/24"])
        #expect(named.check(try #require(IPAddress("192.88.99.1"))) == .allowed)
    }

    @Test(
        "a tunnel that is named is open to public addresses only; a longer prefix opens what it names",
        arguments: [
            (PeerDisguise.nat64, "64:ff9b::/96", "64:ff9b::10.0.0.0/104", "64:ff9b::10.0.0.0/103"),
            (.mapped, "::ffff:0:0/96", "::ffff:10.0.0.0/104", "::ffff:10.0.0.0/103"),
            (.compatible, "::/96", "::10.0.0.0/104", "::10.0.0.0/103"),
            (.translated, "::ffff:0:0:0/96", "::ffff:0:10.0.0.0/104", "::ffff:0:10.0.0.0/103"),
            (.sixToFour, "2002::/16", "2002:a00::/24", "2002:a00::/23"),
            (.localNAT64, "64:ff9b:1::/96", "64:ff9b:1::10.0.0.0/104", "64:ff9b:1::10.0.0.0/103"),
            (.isatap, "2a00::5efe:0:0/96", "2a00::5efe:10.0.0.0/104", "2a00::5efe:10.0.0.0/103"),
        ]
    )
    func namedTunnels(form: PeerDisguise, tunnel: String, named: String, tooShort: String) throws {
        let (publicAddress, privateAddress) = (IPAddress(v4: 0x0808_0808), IPAddress(v4: 0x0A01_0203))
        let rules = PeerRules.standard(allow: [tunnel, "0.0.0.0/0"], host: ["9.1.1.1"], relay: ["9.1.1.2"])
        #expect(rules.check(form.address(carrying: publicAddress)) == .allowed)
        let range = try #require(SpecialPurposeRange.all.first { $0.prefix.contains(privateAddress) })
        let denied = PeerDecision.denied(.disguise(form, of: privateAddress, by: .specialPurpose(range)))
        #expect(rules.check(form.address(carrying: privateAddress)) == denied)
        for bits in [0x0901_0101, 0x0901_0102] as [UInt32] {
            let own = IPAddress(v4: bits)
            #expect(rules.check(form.address(carrying: own)) == .denied(.disguise(form, of: own, by: .hostAddress)))
        }
        let opened = PeerRules.standard(allow: [named])
        #expect(opened.check(form.address(carrying: privateAddress)) == .allowed)
        // Long enough to name the tunnel, too short to name 10.0.0.0/8.
        #expect(PeerRules.standard(allow: [tooShort]).check(form.address(carrying: privateAddress)) == denied)
    }

    @Test("in a named tunnel deny-peers holds for the IPv4 address, and our sockets stay closed whatever is named")
    func namedTunnelAndOtherRules() throws {
        let (denied, v4) = (try #require(IPPrefix("8.8.0.0/16")), IPAddress(v4: 0x0808_0808))
        let peer = PeerDisguise.nat64.address(carrying: v4)
        let decision = PeerDecision.denied(.disguise(.nat64, of: v4, by: .denyPeers(denied)))
        // The allowed IPv4 address is longer than the denied prefix, but says nothing of the IPv6 form.
        #expect(PeerRules.standard(allow: ["64:ff9b::/96", "8.8.8.8"], deny: ["8.8.0.0/16"]).check(peer) == decision)
        #expect(PeerRules.standard(allow: ["64:ff9b::8.8.0.0/112"], deny: ["8.8.0.0/16"]).check(peer) == decision)
        #expect(PeerRules.standard(allow: ["64:ff9b::8.8.0.0/113"], deny: ["8.8.0.0/16"]).check(peer) == .allowed)
        let own = PeerRules.standard(allow: ["64:ff9b::8.8.8.8"], listening: ["0.0.0.0:3478"], host: ["8.8.8.8"])
        #expect(own.check(SocketAddress(peer, port: 3479)) == .allowed)
        #expect(
            own.check(SocketAddress(peer, port: 3478))
                == .denied(.disguise(.nat64, of: v4, by: .listeningSocket))
        )
    }

    @Test("both IPv4 addresses of a Teredo address are looked at, the client's with its bits turned back")
    func teredo() throws {
        let rules = PeerRules.standard(allow: ["2001::/32"])
        // RFC 4380 section 4: server 65.54.227.120, client 192.0.2.45.
        let documented = try #require(IPAddress("2001:0:4136:e378:8000:63bf:3fff:fdd2"))
        let client = try #require(IPAddress("192.0.2.45"))
        guard case .denied(.disguise(.teredo, of: client, by: .specialPurpose)) = rules.check(documented) else {
            Issue.record("\(rules.check(documented))")
            return
        }
        let server = try #require(IPAddress("2001:0:a00:1:8000:63bf:f7f7:f7f7"))
        guard
            case .denied(.disguise(.teredo, of: IPAddress(v4: 0x0A00_0001), by: .specialPurpose)) = rules.check(server)
        else {
            Issue.record("\(rules.check(server))")
            return
        }
        #expect(rules.check(try #require(IPAddress("2001:0:4136:e378:8000:63bf:f7f7:f7f7"))) == .allowed)
    }

    @Test(
        "a local NAT64 carries the address where the length of its prefix says (RFC 6052 section 2.2)",
        arguments: [
            ("64:ff9b:1::/48", "64:ff9b:1:c000:2:2100::"), ("64:ff9b:1:100::/56", "64:ff9b:1:1c0:0:221::"),
            ("64:ff9b:1:122::/64", "64:ff9b:1:122:c0:2:2100:0"),
            ("64:ff9b:1:122:344::/96", "64:ff9b:1:122:344::c000:221"),
        ]
    )
    func localNAT64(prefix: String, peer: String) throws {
        // RFC 6052 section 2.4 has this table for 192.0.2.33 and other prefixes.
        let carried = try #require(IPAddress("192.0.2.33"))
        let range = try #require(SpecialPurposeRange.all.first { $0.prefix.contains(carried) })
        let decision = PeerRules.standard(allow: [prefix]).check(try #require(IPAddress(peer)))
        #expect(decision == .denied(.disguise(.localNAT64, of: carried, by: .specialPurpose(range))))
    }

    @Test("ISATAP identifiers are told with and without the universal and the group bit, in every prefix")
    func isatap() throws {
        let v4 = IPAddress(v4: 0x0808_0808)
        for text in [
            "2a00::5efe:8.8.8.8", "2a00::200:5efe:8.8.8.8", "2a00::100:5efe:8.8.8.8", "2a00::300:5efe:8.8.8.8",
        ] {
            let decision = PeerRules.standard(allow: ["2a00::/64"]).check(try #require(IPAddress(text)))
            #expect(decision == .denied(.disguise(.isatap, of: v4, by: .tunnel)), "\(text)")
        }
        #expect(PeerRules.standard.check(try #require(IPAddress("2a00::400:5efe:8.8.8.8"))) == .allowed)
    }
}

@Suite("PeerRules: ranges are compared as whole integers")
struct PeerRangeTests {
    @Test("a million random ranges and addresses agree with a 128-bit comparison (row 7)", arguments: [32, 128])
    func integerCompare(width: Int) throws {
        var generator = SeededGenerator.announced("ranges of \(width) bits")
        let largest = width == 32 ? UInt128(UInt32.max) : UInt128.max
        var denied = 0
        for _ in 0..<1000 {
            let (one, other) = (Self.random(width, &generator), Self.random(width, &generator))
            let (first, last) = (min(one, other), max(one, other))
            let rules = PeerRules(
                allow: [],
                deny: Self.prefixes(from: first, to: last, width: width).compactMap { bits, length in
                    IPPrefix(Self.address(bits, width), length: length)
                },
                lanPeers: true,
                listening: [],
                hostAddresses: [],
                relayAddresses: []
            )
            for number in 0..<500 {
                // Half of them within two of an end, where the mistakes are.
                let near = [first, last][number % 2] &+ UInt128(number % 5) &- 2
                let bits = number < 250 ? near & largest : Self.random(width, &generator)
                var isDenied = false
                if case .denied(.denyPeers) = rules.check(Self.address(bits, width)) { isDenied = true }
                try #require(isDenied == (first...last).contains(bits), "\(first)...\(last): \(bits)")
                if isDenied { denied += 1 }
            }
        }
        #expect((100_000...400_000).contains(denied))
    }

    @Test("random sets of prefixes in each other agree with a search for the longest one")
    func nestedPrefixes() throws {
        var generator = SeededGenerator.announced("nested prefixes")
        for round in 0..<200 {
            var prefixes: [(prefix: IPPrefix, value: Int)] = []
            for value in 0..<Int.random(in: 0...40, using: &generator) {
                // Few bits and short prefixes, so that many lie in each other.
                let length = Int.random(in: 0...12, using: &generator)
                let address = IPAddress(v4: UInt32.random(in: 0...UInt32.max, using: &generator) & 0xF0F0_0000)
                prefixes.append((try #require(IPPrefix(address.masked(to: length), length: length)), value))
            }
            let map = PeerPrefixMap(prefixes)
            for _ in 0..<200 {
                let bits = UInt32.random(in: 0...UInt32.max, using: &generator)
                let address = IPAddress(v4: Bool.random(using: &generator) ? bits : bits & 0xFFF0_0000)
                let around = prefixes.filter { $0.prefix.contains(address) }
                let longest = around.max { ($0.prefix.length, $0.value) < ($1.prefix.length, $1.value) }
                try #require(map.value(of: address) == longest?.value ?? -1, "round \(round): \(address)")
            }
        }
    }

    /// Of all magnitudes, so that ranges are wide and narrow.
    private static func random(_ width: Int, _ generator: inout SeededGenerator) -> UInt128 {
        let bits = UInt128(generator.next()) << 64 | UInt128(generator.next())
        return bits >> UInt128(Int.random(in: (128 - width)..<128, using: &generator))
    }

    private static func address(_ bits: UInt128, _ width: Int) -> IPAddress {
        width == 32
            ? IPAddress(v4: UInt32(truncatingIfNeeded: bits))
            : IPAddress(v6High: UInt64(truncatingIfNeeded: bits >> 64), low: UInt64(truncatingIfNeeded: bits))
    }

    /// The fewest prefixes that are a range together.
    private static func prefixes(from first: UInt128, to last: UInt128, width: Int) -> [(UInt128, Int)] {
        var prefixes: [(UInt128, Int)] = []
        var start = first
        while true {
            var hostBits = min(start == 0 ? width : start.trailingZeroBitCount, width)
            let end = { (bits: Int) in bits == 128 ? UInt128.max : start | ((1 << UInt128(bits)) - 1) }
            while end(hostBits) > last { hostBits -= 1 }
            prefixes.append((start, width - hostBits))
            guard end(hostBits) < last else { return prefixes }
            start = end(hostBits) + 1
        }
    }
}

extension PeerDisguise {
    /// This form of an IPv4 address, written down from the RFCs and not by the code under test.
    func address(carrying v4: IPAddress) -> IPAddress {
        let bits = UInt64(v4.v4Bits)
        return switch self {
        case .mapped: IPAddress(v6High: 0, low: 0xFFFF << 32 | bits)
        case .compatible: IPAddress(v6High: 0, low: bits)
        case .translated: IPAddress(v6High: 0, low: 0xFFFF << 48 | bits)
        case .nat64: IPAddress(v6High: 0x0064_FF9B << 32, low: bits)
        case .localNAT64: IPAddress(v6High: 0x0064_FF9B_0001 << 16, low: bits)
        case .sixToFour: IPAddress(v6High: 0x2002 << 48 | bits << 16, low: 1)
        case .teredo: IPAddress(v6High: 0x2001_0000_4136_E378, low: 0x8000_63BF << 32 | bits ^ 0xFFFF_FFFF)
        case .isatap: IPAddress(v6High: 0x2A00 << 48, low: 0x0000_5EFE << 32 | bits)
        }
    }
}

extension SpecialPurposeRange {
    /// 192.88.99.0/24, the only tunnel among the ranges of IPv4.
    fileprivate static let relayAnycast = IPPrefix("192.88.99.0/24")
}
