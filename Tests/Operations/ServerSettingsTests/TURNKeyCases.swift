extension KeyCase {
    private static func prefixes(_ key: String) -> KeyCase {
        KeyCase(
            key,
            right: [("10.1.0.0/16 fd00:1::/64", "10.1.0.0/16 fd00:1::/64"), ("192.0.2.1", "192.0.2.1/32")],
            wrong: [
                ("10.1.0.0/8", "has bits set after its length: write 10.0.0.0/8"),
                ("10.0.0.0-10.255.255.255", "is not an address, or an address/length"),
                ("10.0.0.0/33", "is not an address, or an address/length"),
                ("10.0.0/8", "is not an address, or an address/length"),
            ]
        )
    }

    private static func secrets(_ key: String) -> KeyCase {
        KeyCase(
            key,
            right: [
                ("north south", "north south"), ("web=north=south mail=east", "web=north=south mail=east"),
                ("YWJjZA== YWJj=", "YWJjZA== YWJj="), ("p@ss=word", "p@ss=word"),
            ],
            wrong: [
                ("a=north b=north", "has one secret twice"), ("a=north a=south", "has two secrets with the id \"a\""),
                (#""a\ab""#, "has a control character in it"), ("1 2 3 4 5 6 7 8 9", "has 9 items"),
                (String(repeating: "x", count: 1025), "is longer than 1024 bytes"),
            ]
        )
    }

    private static func limit(_ key: String) -> KeyCase {
        KeyCase(
            key,
            right: [
                ("0", "unlimited"), ("unlimited", "unlimited"), ("7", "7"), ("1000000000000000", "1000000000000000"),
            ],
            wrong: [
                ("-1", "is too low"), ("1000000000000001", "is too high"), ("99999999999999999999999", "is too high"),
                ("many", "is not a whole number in decimal digits"), ("1k", "is not a whole number in decimal digits"),
                ("''", "is empty"),
            ]
        )
    }

    private static func byteLimit(_ key: String) -> KeyCase {
        KeyCase(
            key,
            right: [
                ("0", "unlimited"), ("unlimited", "unlimited"), ("1", "1"), ("2k", "2000"), ("3M", "3000000"),
                ("4m", "4000000"), ("5G", "5000000000"), ("1000T", "1000000000000000"),
            ],
            wrong: [
                ("1001T", "is too high"), ("99999999999999999999999G", "is too high"), ("-1k", "is too low"),
                ("1.5M", "is not a whole number in decimal digits"), ("M", "is empty"),
                ("1MB", "is not a whole number in decimal digits"), ("1 M", "is not a whole number in decimal digits"),
                ("''", "is empty"),
            ]
        )
    }

    private static let md5 = "0x8493fbc53ba582fb4c044c456bdc40eb"
    private static let sha256 = "0x" + String(repeating: "0a", count: 32)

    private static let redis = KeyCase(
        "redis",
        right: [
            ("unix:/run/redis/redis.sock", "unix:/run/redis/redis.sock"),
            ("unix:///run/redis/redis.sock?db=0", "unix:/run/redis/redis.sock"),
            ("unix:/run/redis/redis.sock?db=2", "unix:/run/redis/redis.sock?db=2"),
            ("redis://192.0.2.7", "redis://192.0.2.7:6379"),
            ("redis://Redis.example:6380/3", "redis://redis.example:6380/3"),
            ("redis://2001:db8::7/", "redis://[2001:db8::7]:6379"),
            ("redis://[2001:db8::7]:1", "redis://[2001:db8::7]:1"),
            ("redis://[2001:db8::7]", "redis://[2001:db8::7]:6379"), ("''", ""),
        ],
        wrong: [
            ("/run/redis/redis.sock", "begins neither with unix:/ nor with redis://"),
            ("unix:redis.sock", "has no path of a socket that begins with a slash"),
            ("unix:/run/redis/", "has no path of a socket that begins with a slash"),
            ("unix:/x?database=1", "has something else than db= after its question mark"),
            ("unix:/x?db=", "has a database that is empty"), ("unix:/x?db=10000", "has a database that is too high"),
            (
                "unix:/" + String(repeating: "x", count: 107),
                "has a path of more than 107 bytes, which no socket has room for"
            ),
            ("rediss://192.0.2.7", "asks for TLS, which is not there: use a unix socket or a private network"),
            ("redis://user:secret@192.0.2.7", "has a user or password in it: write it to redis-password"),
            ("redis://192.0.2.7:0", "has no host name or IP address with an optional port"),
            ("redis://", "has no host name or IP address with an optional port"),
            ("redis://192.0.2.7/one", "has a database that is not a whole number in decimal digits"),
        ]
    )

    private static let redisPassword = KeyCase(
        "redis-password",
        right: [("s3cret", "s3cret"), ("stund:s3cret", "stund:s3cret"), ("default:a:b", "default:a:b"), ("''", "")],
        wrong: [
            ("'stund:'", "has an empty user or password"), ("':s3cret'", "has an empty user or password"),
            (#""a\ab""#, "has a control character in it"),
            (String(repeating: "x", count: 1025), "is longer than 1024 bytes"),
        ]
    )

    static let turn: [KeyCase] = [
        .onOff("redis-coturn-users"), redis, redisPassword,
        .onOff("turn"), .onOff("mirror"), .onOff("mirror-draft-00"), .onOff("mirror-draft-01"),
        prefixes("mirror-clients"),
        .integer("max-mirrors", 1...65535),
        .integer("mirrors-per-client", 1...65535), .onOff("strict-expiry"), .onOff("rfc5766-channels"),
        .onOff("lan-peers"),
        .integer("default-binding-duration", 1...86400), .integer("max-lifetime", 1...86400),
        .integer("nonce-lifetime", 10...3600), .integer("permissions-per-allocation", 1...4096),
        .integer("channels-per-allocation", 1...4096), .onOff("tcp-relay"), .integer("tcp-relay-connections", 1...4096),
        .integer("drain-time", 0...86400),
        KeyCase(
            "memory-limit",
            right: [
                ("auto", "auto"), ("0", "unlimited"), ("unlimited", "unlimited"), ("512M", "512000000"),
                ("4096", "4096"),
            ],
            wrong: [
                ("half", "is not a whole number in decimal digits"), ("-1", "is too low"), ("1001T", "is too high"),
                ("''", "is empty"),
            ]
        ),
        KeyCase(
            "redirect-at",
            right: [("off", "off"), ("0", "off"), ("1", "1"), ("100", "100")],
            wrong: [
                ("101", "is too high"), ("-1", "is too low"), ("80%", "is not a whole number in decimal digits"),
                ("on", "is not a whole number in decimal digits"),
            ]
        ),
        prefixes("allow-peers"), prefixes("deny-peers"), secrets("turn-secrets"), secrets("retired-turn-secrets"),
        limit("max-allocations"), limit("user-allocations"), byteLimit("user-bandwidth"),
        byteLimit("total-bandwidth"), byteLimit("user-monthly-bytes"),
        KeyCase(
            "realm",
            right: [
                ("example.org", "example.org"), ("a b@192.0.2.1 b@2001:DB8::1", "a b@192.0.2.1 b@2001:db8::1"),
                ("Zu\u{0308}rich", "Z\u{00FC}rich"),
            ],
            wrong: [
                ("a@192.0.2.256", "has no IP address of this host after its @"),
                ("a@", "has no IP address of this host after its @"),
                ("a@0.0.0.0", "has no IP address of this host after its @"), ("a a", "is named twice"),
                ("a@192.0.2.1 b@192.0.2.1", "has the address of another realm"),
                ("'a:b'", "has a colon or quotes in its name"), (#"'"a"'"#, "has a colon or quotes in its name"),
                ("'@192.0.2.1'", "is wrong: a name in it is empty"),
                (String(repeating: "r", count: 128), "is wrong: a name in it is longer than 127 bytes"),
            ]
        ),
        KeyCase(
            "realm-lifetimes",
            right: [("stund=300-1800", "stund=300-1800"), ("stund=1-86400", "stund=1-86400")],
            wrong: [
                ("stund", "is not of the form realm=default-longest"),
                ("stund=300", "is not two numbers with a hyphen between"),
                ("stund=0-300", "has a number that is too low"), ("stund=1-86401", "has a number that is too high"),
                ("stund=2-1", "has its larger number first"), ("=1-2", "is wrong: the realm is empty"),
                ("stund=1-2 stund=3-4", "has a realm that is named twice"),
            ]
        ),
        KeyCase(
            "turn-users",
            right: [
                ("alice:wonder bob:stund:pass:word", "alice:wonder bob:stund:pass:word"),
                ("alice:stund:\(md5) bob:\(sha256)", "alice:stund:\(md5) bob:\(sha256)"),
                ("alice:\(sha256),\(md5)", "alice:\(md5),\(sha256)"), ("a@b.org:0x12", "a@b.org:0x12"),
                ("\u{0041}\u{030A}:\u{2168}", "\u{00C5}:\u{2168}"),
            ],
            wrong: [
                ("alice", "has an item that is not of the form name:password"),
                (":x", "is wrong: a user name in it is empty"),
                ("'alice:'", "is wrong: the password of the user \"alice\" is empty"),
                ("alice::x", "is wrong: the realm of the user \"alice\" is empty"),
                ("alice:\(md5),\(md5)", "has two keys of one kind of the user \"alice\""),
                (
                    "alice:a\u{200B}b",
                    "is wrong: the password of the user \"alice\" has the character U+200B, "
                        + "which names and passwords may not have there (RFC 8265)"
                ),
                (
                    String(repeating: "n", count: 509) + ":x",
                    "is wrong: a user name in it is longer than 508 bytes"
                ),
            ]
        ),
        KeyCase(
            "nonce-key",
            right: [
                ("000102030405060708090A0B0C0D0E0F", "000102030405060708090a0b0c0d0e0f"),
                ("/////////////////////w==", String(repeating: "f", count: 32)), ("''", ""),
            ],
            wrong: [
                ("0001", "has 2 bytes"), ("YWJj", "has 3 bytes"), ("secret!", "is neither hexadecimal nor base64"),
                (String(repeating: "0", count: 130), "has 65 bytes"),
            ]
        ),
        KeyCase(
            "relay-address",
            right: [("192.0.2.1", "192.0.2.1"), ("2001:DB8::1   192.0.2.1", "2001:db8::1 192.0.2.1")],
            wrong: [
                ("0.0.0.0", "is no single address"), ("192.0.2.1 192.0.2.2", "is a second address of its family"),
                ("224.0.0.1", "is a multicast address"),
                ("eth0", "is not an IP address (names are not looked up here)"),
            ]
        ),
        KeyCase(
            "external-ip",
            right: [
                ("203.0.113.5", "203.0.113.5"),
                ("203.0.113.5/10.0.0.5 2001:DB8::5/fd00::5", "203.0.113.5/10.0.0.5 2001:db8::5/fd00::5"),
            ],
            wrong: [
                ("203.0.113.5/24", "has a part that is not an IP address (names are not looked up here)"),
                ("203.0.113.5/10.0.0.5/1", "is not of the form external/local"),
                ("203.0.113.5/::1", "pairs an IPv4 address with an IPv6 address"),
                ("203.0.113.5 203.0.113.6", "has an address that another item has"),
                ("203.0.113.5/10.0.0.5 203.0.113.6/10.0.0.5", "has an address that another item has"),
                ("0.0.0.0", "has a part that is no single address"),
                ("'::ffff:192.0.2.1'", "has a part that is an IPv4 address written as IPv6: write it as IPv4"),
            ]
        ),
        KeyCase(
            "relay-ports",
            right: [("49152-49152", "49152-49152"), ("2003-3477", "2003-3477"), ("3480-65535", "3480-65535")],
            wrong: [
                ("50000", "is not two numbers with a hyphen between"), ("1023-2000", "has a number that is too low"),
                ("1024-65536", "has a number that is too high"), ("60000-50000", "has its larger number first"),
                ("1024-", "has a number that is empty"), ("-1024-2000", "is not two numbers with a hyphen between"),
            ]
        ),
    ]
}
