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
