// Long: the promised default of every key stands in one list, which a change of any of them must meet.

import Addresses
import Foundation
import ServerSettings
import Testing

/// One key: values that are right, with what they read back as, and values that are refused, with why.
struct KeyCase: Sendable, CustomTestStringConvertible {
    let key: String
    let right: [(text: String, readsAs: String)]
    let wrong: [(text: String, complaint: String)]

    init(_ key: String, right: [(String, String)], wrong: [(String, String)]) {
        self.key = key
        self.right = right.map { (text: $0.0, readsAs: $0.1) }
        self.wrong = wrong.map { (text: $0.0, complaint: $0.1) }
    }

    /// A whole number: the ends of its range are right, what lies past them and no numbers are wrong.
    static func integer(_ key: String, _ range: ClosedRange<Int>) -> KeyCase {
        KeyCase(
            key,
            right: [range.lowerBound, range.upperBound].map { ("\($0)", "\($0)") },
            wrong: [
                ("\(range.lowerBound - 1)", "is too low"),
                ("\(range.upperBound + 1)", "is too high"),
                ("99999999999999999999999", "is too high"),
                ("-99999999999999999999999", "is too low"),
                ("many", "is not a whole number in decimal digits"),
                ("1.0", "is not a whole number in decimal digits"),
                ("0x10", "is not a whole number in decimal digits"),
                ("1_000", "is not a whole number in decimal digits"),
                ("+5", "is not a whole number in decimal digits"),
                ("07", "has a leading zero, which some readers take for octal"),
            ]
        )
    }

    static func onOff(_ key: String) -> KeyCase {
        KeyCase(
            key,
            right: ["on", "True", "YES"].map { ($0, "on") } + ["off", "false", "no"].map { ($0, "off") },
            wrong: [("2", "is neither on nor off"), ("enabled", "is neither on nor off")]
        )
    }

    var testDescription: String { key }

    private static func path(_ key: String) -> KeyCase {
        KeyCase(
            key,
            right: [("/var/log/stund.log", "/var/log/stund.log"), ("'a # b'", "a # b"), ("''", "")],
            wrong: [
                ("/var/log/", "is a folder, not a file"), (#""a\nb""#, "has a control character in it"),
                (String(repeating: "x", count: 4096), "is longer than 4095 bytes"),
            ]
        )
    }

    private static func place(_ key: String) -> KeyCase {
        KeyCase(
            key,
            right: [
                ("127.0.0.1:8080", "127.0.0.1:8080"), ("'[2001:db8::1]:443'", "[2001:db8::1]:443"), ("''", ""),
            ],
            wrong: [
                ("www.example.org:80", "is not an IP address and a port (names are not looked up here)"),
                ("127.0.0.1", "is not an IP address and a port (names are not looked up here)"),
                ("127.0.0.1:0", "has no port"), ("0.0.0.0:80", "is no single address"),
                ("224.0.0.1:80", "is a multicast address"),
            ]
        )
    }

    static let all: [KeyCase] = stun + turn

    private static let stun: [KeyCase] = [
        .integer("stun-port-1", 1...65535), .integer("stun-port-2", 1...65535), .onOff("stun-port-2-reads"),
        .integer("socket-buffer", 65536...268_435_456),
        .integer("binding-rate-limit", 1...10_000_000), .integer("binding-rate-burst", 1...10_000_000),
        .integer("challenge-rate-limit", 1...10_000_000), .integer("challenge-rate-burst", 1...10_000_000),
        .integer("log-level", 0...9), .integer("log-rows", 1...100_000), .integer("statistics-rows", 1...100_000),
        .integer("http-port", 1...65535), .onOff("http-metrics-open"), .onOff("http-tls"),
        KeyCase(
            "http-address",
            right: [("127.0.0.1", "127.0.0.1"), ("'::1 0.0.0.0'", "::1 0.0.0.0"), ("2001:db8::1", "2001:db8::1")],
            wrong: [
                ("localhost", "is not an IP address (names are not looked up here)"),
                ("192.0.2.1 192.0.2.2", "is a second address of its family"), ("224.0.0.1", "is a multicast address"),
            ]
        ),
        KeyCase(
            "address",
            right: [
                ("192.0.2.1", "192.0.2.1"), ("2001:DB8::1   192.0.2.1", "2001:db8::1 192.0.2.1"),
                ("0.0.0.0", "0.0.0.0"),
            ],
            wrong: [
                ("localhost", "is not an IP address (names are not looked up here)"),
                ("192.0.2.256", "is not an IP address (names are not looked up here)"),
                ("192.0.2.1 192.0.2.2", "is a second address of its family"),
                ("224.0.0.1", "is a multicast address"), ("ff02::1", "is a multicast address"),
                ("255.255.255.255", "is the broadcast address"),
                ("fe80::1", "is a link-local address, which works only with the name of an interface"),
                ("::ffff:192.0.2.1", "is an IPv4 address written as IPv6: write it as IPv4"),
            ]
        ),
        KeyCase(
            "second-address",
            right: [("192.0.2.2", "192.0.2.2"), ("2001:db8::2", "2001:db8::2")],
            wrong: [
                ("0.0.0.0", "is no single address"), ("'::'", "is no single address"),
                ("192.0.2.1/24", "is not an IP address (names are not looked up here)"),
                ("2001:db8::1 2001:db8::2", "is a second address of its family"),
                ("239.1.2.3", "is a multicast address"),
            ]
        ),
        KeyCase(
            "license-vendor-key",
            right: [(String(repeating: "AB", count: 32), String(repeating: "ab", count: 32)), ("''", "")],
            wrong: [
                ("abcd", "has 2 bytes"), (String(repeating: "ab", count: 33), "has 33 bytes"),
                ("x!", "is neither hexadecimal nor base64"),
            ]
        ),
        KeyCase(
            "license-key",
            right: [("stund-lic-x", "stund-lic-x"), ("''", "")],
            wrong: [(String(repeating: "x", count: 513), "is longer than 512 bytes")]
        ),
        KeyCase(
            "workers",
            right: [("auto", "auto"), ("1", "1"), ("256", "256")],
            wrong: [
                ("0", "is too low"), ("257", "is too high"), ("all", "is not a whole number in decimal digits"),
            ]
        ),
        KeyCase(
            "run-as",
            right: [("stund", "stund"), ("''", ""), ("_stund", "_stund")],
            wrong: [
                ("'a b'", "has a space, a colon or a slash in it"),
                ("stund:stund", "has a space, a colon or a slash in it"),
                (String(repeating: "x", count: 256), "is longer than 255 bytes"),
            ]
        ),
        .onOff("pin-workers"), .onOff("tcp"), .onOff("dtls"), .integer("tls-port", 1...65535),
        .integer("max-connections", 1...1_000_000), .integer("connections-per-client", 1...1_000_000),
        path("tls-certificate"), path("tls-key"),
        place("web-server"), place("web-tls-server"), .onOff("web-proxy-protocol"),
        KeyCase(
            "proxies",
            right: [
                ("192.0.2.0/24 2001:db8::/32", "192.0.2.0/24 2001:db8::/32"), ("192.0.2.1", "192.0.2.1/32"), ("''", ""),
            ],
            wrong: [("192.0.2.1/24", "has bits set after its length: write 192.0.2.0/24")]
        ),
        KeyCase(
            "stream-ports",
            right: [("80", "80"), ("443   80", "443 80"), ("''", "")],
            wrong: [
                ("0", "is too low"), ("65536", "is too high"), ("443 443", "is named twice"),
                ("https", "is not a whole number in decimal digits"), ("1 2 3 4 5 6 7 8 9", "has 9 items"),
            ]
        ),
        KeyCase(
            "sandbox",
            right: [("auto", "auto"), ("on", "on"), ("off", "off")],
            wrong: [("yes", "is not one of the words known here"), ("landlock", "is not one of the words known here")]
        ),
        KeyCase(
            "engine",
            right: [("auto", "auto"), ("epoll", "epoll"), ("io_uring", "io_uring")],
            wrong: [
                ("io-uring", "is not one of the words known here"), ("kqueue", "is not one of the words known here"),
            ]
        ),
        KeyCase(
            "wake-ups",
            right: [("adaptive", "adaptive"), ("low-latency", "low-latency"), ("low-power", "low-power")],
            wrong: [("on", "is not one of the words known here"), ("400", "is not one of the words known here")]
        ),
        KeyCase(
            "other-stun-servers",
            right: [
                ("STUN.example.org", "stun.example.org:3478"), ("192.0.2.9:3480", "192.0.2.9:3480"),
                ("2001:db8::9", "[2001:db8::9]:3478"),
                ("'[2001:db8::9]:1 [2001:db8::9]'", "[2001:db8::9]:1 [2001:db8::9]:3478"),
                ("stun.example.org/classic", "stun.example.org:3478/classic"),
                ("'[2001:db8::9]:1/classic'", "[2001:db8::9]:1/classic"),
            ],
            wrong: [
                "example.org:0", "example.org:65536", "example.org:x", "192.0.2", "-a.org", "a..b", "a_b", ":3478",
                "a/", "/classic",
            ]
            .map {
                ("'\($0)'", "is not a host name or IP address with an optional port")
            } + [("a:1 a:1", "is named twice")]
        ),
        KeyCase(
            "cluster-key",
            right: [
                ("000102030405060708090a0b0c0d0e0f", "000102030405060708090a0b0c0d0e0f"),
                ("AAECAwQFBgcICQoLDA0ODw==", "000102030405060708090a0b0c0d0e0f"),
            ],
            wrong: [("'0001'", "has 2 bytes"), ("'not a key'", "is neither hexadecimal nor base64")]
        ),
        KeyCase(
            "draft-address-layout",
            right: [("draft-00", "draft-00"), ("draft-01", "draft-01")],
            wrong: [("draft-02", "is not one of the words known here"), ("8", "is not one of the words known here")]
        ),
        KeyCase(
            "rate-limit-exempt",
            right: [("192.0.2.0/24 2001:db8::/32", "192.0.2.0/24 2001:db8::/32"), ("192.0.2.1", "192.0.2.1/32")],
            wrong: [
                ("192.0.2.1/24", "has bits set after its length: write 192.0.2.0/24"),
                ("192.0.2.0/33", "is not an address, or an address/length"),
                ("everybody", "is not an address, or an address/length"),
                (String(repeating: "192.0.2.1 ", count: 65), "has 65 items"),
            ]
        ),
        KeyCase(
            "log-format",
            right: [("text", "text"), ("json", "json")],
            wrong: [("JSON", "is not one of the words known here"), ("1", "is not one of the words known here")]
        ),
        path("log-file"),
        KeyCase(
            "http-user",
            right: [("root", "root"), ("on", "on"), ("'null'", "null")],
            wrong: [
                ("''", "is empty"), ("'a:b'", "has a colon in it"), (#""\t""#, "has a control character in it"),
                (String(repeating: "x", count: 256), "is longer than 255 bytes"),
            ]
        ),
        KeyCase(
            "http-password-hash",
            right: [("$scrypt$ln=15,r=8,p=1$c2FsdA$aGFzaA", "$scrypt$ln=15,r=8,p=1$c2FsdA$aGFzaA")],
            wrong: [
                ("''", "is empty"), ("a b", "has a space in it"),
                (String(repeating: "x", count: 1025), "is longer than 1024 bytes"),
            ]
        ),
    ]
}

@Suite("Every setting")
struct EveryKeyTests {
    @Test("The cases below cover every key, and no other")
    func casesAreComplete() {
        #expect(KeyCase.all.map(\.key).sorted() == Settings.keys.map(\.name).sorted())
    }

    @Test("Right values are read from the file, and show as they were meant", arguments: KeyCase.all)
    func rightValues(_ example: KeyCase) throws {
        let key = try #require(Settings.key(named: example.key))
        // What would contradict an end of the range moves out of its way.
        let noise =
            switch example.key {
            case "stun-port-1": "\nstun-port-2: 3000\nrelay-ports: 2000-2000"
            case "stun-port-2": "\nstun-port-1: 3000\nrelay-ports: 2000-2000"
            case "default-binding-duration": "\nmax-lifetime: 86400"
            case "max-lifetime": "\ndefault-binding-duration: 1"
            default: ""
            }
        for (text, readsAs) in example.right {
            let outcome = try load("\(example.key): \(text)\(noise)\n")
            let settings = try #require(outcome.settings, "\(text): \(outcome.complaint)")
            #expect(key.text(in: settings) == readsAs)
            for unrelated in Settings.keys where unrelated.name != key.name && noise.isEmpty {
                #expect(unrelated.text(in: settings) == unrelated.defaultText)
            }
        }
    }

    @Test("Wrong values are refused with line, key, reason and what is allowed", arguments: KeyCase.all)
    func wrongValues(_ example: KeyCase) throws {
        let key = try #require(Settings.key(named: example.key))
        for (text, reason) in example.wrong {
            let complaint = try load("# one\n\(example.key): \(text)\n").complaint
            #expect(complaint.hasPrefix("stund.yaml:2: \(example.key): "))
            #expect(complaint.hasSuffix(" \(reason); allowed: \(key.kind.allowed)"), "\(text): \(complaint)")
        }
    }

    @Test("Maps and null are no values; a list only where several values may stand", arguments: KeyCase.all)
    func wrongKinds(_ example: KeyCase) throws {
        let name = example.key
        #expect(
            try load("\(name):\n  a: 1\n").complaint == "stund.yaml:1: \(name): takes a value, not settings of its own"
        )
        #expect(try load("\(name): ~\n").complaint == "stund.yaml:1: \(name): null is no value")
        #expect(try load("\(name): [[1]]\n").complaint.contains("\(name): an item of the list is no plain value"))
        let key = try #require(Settings.key(named: name))
        if case .list = key.kind {
            #expect(try load("\(name): []\n").settings == Settings())
            #expect(try load("\(name):\n").settings == Settings())
        } else {
            #expect(
                try load("\(name): [1]\n").complaint.hasPrefix("stund.yaml:1: \(name): takes one value, not a list")
            )
        }
        if case .integer = key.kind {
            #expect(try load("\(name):\n").complaint.hasPrefix("stund.yaml:1: \(name): has no value; allowed: a whole"))
        }
    }

    @Test("The environment and flags take the same values and refuse the same", arguments: KeyCase.all)
    func otherSources(_ example: KeyCase) throws {
        let key = try #require(Settings.key(named: example.key))
        for (text, readsAs) in example.right where !text.contains(where: { "'\"".contains($0) }) {
            let others = [
                "STUND_STUN_PORT_1": "2001", "STUND_STUN_PORT_2": "2002", "STUND_RELAY_PORTS": "2000-2000",
                "STUND_MAX_LIFETIME": "86400", "STUND_DEFAULT_BINDING_DURATION": "1",
            ]
            let variable = try load("", environment: others.merging([key.environmentName: text]) { $1 })
            #expect(variable.settings.map(key.text) == readsAs)
            let flag = try load("", environment: others, flags: [key.name: text])
            #expect(flag.settings.map(key.text) == readsAs)
        }
        for (text, reason) in example.wrong where !text.contains(where: { "'\"".contains($0) }) {
            let variable = try load("", environment: [key.environmentName: text]).complaint
            #expect(variable.hasPrefix("\(key.environmentName): \(key.name): ") && variable.contains(reason))
            let flag = try load("", flags: [key.name: text]).complaint
            #expect(flag.hasPrefix("--\(key.name): \(key.name): ") && flag.contains(reason))
        }
    }

    @Test("The example of each key is right, differs from the default and survives writing")
    func examples() throws {
        for key in Settings.keys {
            #expect(key.example != key.defaultText)
            let settings = try #require(try load("", flags: [key.name: key.example]).settings)
            #expect(try load("\(key.name): \(key.example)\n").settings == settings)
            #expect(try load("", flags: [key.name: key.text(in: settings)]).settings == settings)
        }
    }

    @Test("The defaults are those the product promises")
    func defaults() {
        let promised = [
            "stun-port-1": "3478", "stun-port-2": "3479", "stun-port-2-reads": "on", "address": "",
            "second-address": "",
            "workers": "auto", "pin-workers": "off", "run-as": "", "sandbox": "auto", "engine": "auto",
            "wake-ups": "adaptive",
            "socket-buffer": "4194304", "tcp": "on", "tls-certificate": "", "tls-key": "", "tls-port": "5349",
            "stream-ports": "", "dtls": "on", "max-connections": "10000", "connections-per-client": "512",
            "proxies": "", "web-server": "", "web-tls-server": "", "web-proxy-protocol": "off",
            "other-stun-servers": "", "cluster-key": "",
            "default-binding-duration": "600",
            "draft-address-layout": "draft-01", "binding-rate-limit": "5000", "binding-rate-burst": "10000",
            "challenge-rate-limit": "100", "challenge-rate-burst": "400", "rate-limit-exempt": "", "log-level": "5",
            "log-format": "text", "log-file": "", "log-rows": "200", "statistics-rows": "100", "http-port": "80",
            "http-address": "",
            "http-user": "admin", "http-password-hash": "", "http-tls": "off", "http-metrics-open": "off", "turn": "on",
            "max-lifetime": "3600",
            "strict-expiry": "off", "rfc5766-channels": "off", "realm": "stund", "realm-lifetimes": "",
            "turn-users": "", "turn-secrets": "", "retired-turn-secrets": "", "nonce-lifetime": "3600",
            "nonce-key": "", "redis": "", "redis-password": "", "redis-coturn-users": "off", "relay-address": "",
            "external-ip": "", "relay-ports": "49152-65535", "allow-peers": "",
            "deny-peers": "", "lan-peers": "off", "max-allocations": "unlimited", "memory-limit": "auto",
            "user-allocations": "4096",
            "user-bandwidth": "unlimited", "total-bandwidth": "unlimited", "user-monthly-bytes": "unlimited",
            "permissions-per-allocation": "128", "channels-per-allocation": "256", "tcp-relay": "off",
            "tcp-relay-connections": "64",
            "mirror": "off", "mirror-clients": "", "max-mirrors": "256", "mirrors-per-client": "8",
            "mirror-draft-00": "on", "mirror-draft-01": "off",
            "redirect-at": "off",
            "drain-time": "30", "license-vendor-key": "", "license-key": "",
        ]
        #expect(Dictionary(uniqueKeysWithValues: Settings.keys.map { ($0.name, $0.defaultText) }) == promised)
    }
}
