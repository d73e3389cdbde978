import Addresses
import Testing

@Suite("Addresses as text")
struct AddressTextTests {
    @Test(
        "an address is written in its shortest standard form (RFC 5952)",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("255.255.255.255", "255.255.255.255"), ("::", "::"), ("::1", "::1"),
            ("2001:DB8:0:0:0:0:2:1", "2001:db8::2:1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("::ffff:192.0.2.1", "::ffff:c000:201"), ("1::", "1::"),
        ]
    )
    func canonical(text: String, expected: String) {
        #expect(IPAddress(text)?.description == expected)
    }

    @Test(
        "text that is no address is refused",
        arguments: [
            "", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.+4", " 1.2.3.4", "1.2.3.4 ", ":", ":::",
            "1::2::3",
            "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::g", "fe80::1%eth0", "[::1]", "::1.2.3", "1.2.3.4::",
            "+1::",
        ]
    )
    func refused(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(
        "the ranges of one host, one link and private networks, to their first and last addresses",
        arguments: [
            ("127.0.0.0", "127.255.255.255", "loopback"), ("::1", "::1", "loopback"),
            ("169.254.0.0", "169.254.255.255", "link"), ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link"),
            ("10.0.0.0", "10.255.255.255", "private"), ("172.16.0.0", "172.31.255.255", "private"),
            ("192.168.0.0", "192.168.255.255", "private"), ("100.64.0.0", "100.127.255.255", "private"),
            ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private"),
        ]
    )
    func ranges(first: String, last: String, kind: String) throws {
        let (first, last) = (try #require(IPAddress(first)), try #require(IPAddress(last)))
        #expect(Self.kind(first) == kind && Self.kind(last) == kind)
        #expect(Self.kind(Self.neighbour(of: first, by: -1)) != kind)
        #expect(Self.kind(Self.neighbour(of: last, by: 1)) != kind)
    }

    private static func kind(_ address: IPAddress) -> String {
        let kinds = [(address.isLoopback, "loopback"), (address.isLinkLocal, "link"), (address.isPrivate, "private")]
        return kinds.filter(\.0).map(\.1).joined(separator: " ")
    }

    /// The address before or after one.
    private static func neighbour(of address: IPAddress, by step: Int) -> IPAddress {
        if address.family == .v4 { return IPAddress(v4: UInt32(truncatingIfNeeded: Int(address.low) + step)) }
        let (low, carry) =
            step > 0 ? address.low.addingReportingOverflow(1) : address.low.subtractingReportingOverflow(1)
        return IPAddress(v6High: carry ? address.high &+ UInt64(bitPattern: Int64(step)) : address.high, low: low)
    }

    @Test("a socket address reads back what it writes")
    func socketAddresses() throws {
        for text in ["192.0.2.1:3478", "[2001:db8::1]:0", "0.0.0.0:65535"] {
            #expect(SocketAddress(text)?.description == text)
        }
        for text in ["192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "2001:db8::1:3478", "[192.0.2.1]:1", "[::1]", ":1"] {
            #expect(SocketAddress(text) == nil, "\(text)")
        }
    }
}

@Suite("Prefixes")
struct IPPrefixTests {
    @Test("a prefix holds its first and last address and not their neighbours")
    func bounds() throws {
        let prefix = try #require(IPPrefix("100.64.0.0/10"))
        #expect(try prefix.contains(#require(IPAddress("100.64.0.0"))))
        #expect(try prefix.contains(#require(IPAddress("100.127.255.255"))))
        #expect(try !prefix.contains(#require(IPAddress("100.63.255.255"))))
        #expect(try !prefix.contains(#require(IPAddress("100.128.0.0"))))
        let v6 = try #require(IPPrefix("2001:db8::/33"))
        #expect(try v6.contains(#require(IPAddress("2001:db8:7fff:ffff::1"))))
        #expect(try !v6.contains(#require(IPAddress("2001:db8:8000::"))))
    }

    @Test("length zero holds its own family only")
    func wholeFamily() throws {
        let all = try #require(IPPrefix("0.0.0.0/0"))
        #expect(try all.contains(#require(IPAddress("203.0.113.9"))))
        #expect(try !all.contains(#require(IPAddress("::1"))))
        #expect(try #require(IPPrefix("::/0")).contains(#require(IPAddress("ff02::1"))))
    }

    @Test(
        "a prefix with bits after its length, or without a length, is refused",
        arguments: [
            "10.0.0.1/8", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/08x", "10.0.0.0/-1", "/8", "10.0.0.0/8/8",
        ]
    )
    func refused(text: String) {
        #expect(IPPrefix(text) == nil)
    }
}
