extension Settings {
    static let turn: [SettingKey] = [
        SettingKey(
            "turn",
            \.turn,
            .onOff,
            example: "off",
            needsRestart: true,
            help: "Whether TURN is offered. Off leaves STUN alone: TURN requests are not answered."
        ),
        SettingKey(
            "default-binding-duration",
            \.defaultBindingDuration,
            .integer(1...86400),
            example: "300",
            help: """
                How long an allocation lasts when its client asks for no more, in seconds: the default lifetime of RFC \
                8656. A client that asks for less gets this too, as RFC 8656 section 7.2 wants, so it is also the least.
                """
        ),
        SettingKey(
            "max-lifetime",
            \.maxLifetime,
            .integer(1...86400),
            example: "1800",
            help: """
                How long an allocation lasts at most without a refresh, in seconds. RFC 8656 recommends an hour at most; \
                less frees the ports of lost clients sooner.
                """
        ),
        SettingKey(
            "strict-expiry",
            \.strictExpiry,
            .onOff,
            example: "on",
            help: """
                Whether an allocation ends when the time-limited credential ends that it was made with. Off lets the \
                allocation live on as long as its client refreshes it with the credential that it was made with.
                """
        ),
        SettingKey(
            "rfc5766-channels",
            \.rfc5766Channels,
            .onOff,
            example: "on",
            help: """
                Whether channel numbers from 0x5000 to 0x7FFE are allowed too, which RFC 5766 had and RFC 8656 reserves. \
                Only old clients need it, turnutils_uclient among them.
                """
        ),
        SettingKey(
            "drain-time",
            \.drainTime,
            .integer(0...86400),
            example: "300",
            help: """
                How many seconds a server that gets SIGTERM goes on at most for the allocations that it has, while it takes no \
                new ones; 0 ends it at once. Without allocations it always ends at once.
                """
        ),
    ]

    static let credentials: [SettingKey] = [
        SettingKey(
            "realm",
            \.realm,
            .realms,
            example: "example.org office@192.0.2.1",
            help: """
                The realms, the default realm first. A realm with an address of this host is offered to the clients that \
                ask that address, the default realm to all others. A change of the default realm needs new keys: a user \
                belongs to one realm.
                """
        ),
        SettingKey(
            "realm-lifetimes",
            \.realmLifetimes,
            .realmLifetimes,
            example: "stund=300-1800",
            help:
                "Default and longest lifetime of allocations in one realm, instead of default-binding-duration and max-lifetime."
        ),
        SettingKey(
            "turn-users",
            \.turnUsers,
            .users,
            example: "alice:wonderland bob:stund:0x8493fbc53ba582fb4c044c456bdc40eb",
            isSecret: true,
            help: """
                Users with a password, in the default realm or the one that stands between. A password with a space needs \
                `stund user add`, which keeps users in a file of its own; a password with a colon needs the realm before it.
                """
        ),
        SettingKey(
            "turn-secrets",
            \.turnSecrets,
            .secrets,
            example: "web=a9WjQ0hUqhJ2LmXvZQx0Wg",
            isSecret: true,
            help: """
                Secrets shared with the web service that makes time-limited credentials (TURN REST API). All are right at \
                the same time; `stund credentials` uses the first. Without any user or secret the server makes a secret of \
                its own.
                """
        ),
        SettingKey(
            "retired-turn-secrets",
            \.retiredTurnSecrets,
            .secrets,
            example: "old=b7KcR1iVrkK3MnYwARy1Xh",
            isSecret: true,
            help: """
                Secrets that are no longer right. They are kept here so that the log can tell who still uses one.
                """
        ),
        SettingKey(
            "nonce-lifetime",
            \.nonceLifetime,
            .integer(10...3600),
            example: "600",
            help:
                "How old a nonce may be, in seconds; then the client gets a new one. RFC 8656 section 5 wants an hour at most."
        ),
        SettingKey(
            "nonce-key",
            \.nonceKey,
            .key,
            example: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            isSecret: true,
            help: """
                The key that nonces are made with. Empty means the one that the fleet has in redis; without redis a random \
                one at each start, with which every client is asked to log in once more after a restart; servers of a fleet \
                that share clients need one key.
                """
        ),
        SettingKey(
            "redis",
            \.redis,
            .redis,
            example: "unix:/run/redis/redis-server.sock",
            needsRestart: true,
            help: """
                The Redis or Valkey that the servers of a fleet share users, secrets, quotas and the nonce key by; see \
                docs/redis.md. There is no TLS: use a unix socket or a private network.
                """
        ),
        SettingKey(
            "redis-password",
            \.redisPassword,
            .redisLogin,
            example: "stund:b7KcR1iVrkK3MnYwARy1Xh",
            needsRestart: true,
            isSecret: true,
            help: """
                The password that redis asks for, with a user of its access lists and a colon before it when there is one. A \
                password with a colon needs the user default before it.
                """
        ),
        SettingKey(
            "redis-coturn-users",
            \.redisCoturnUsers,
            .onOff,
            example: "on",
            needsRestart: true,
            help: """
                Whether the users and secrets that coturn keeps in redis may log in here too. They are only read, each minute \
                and on SIGHUP.
                """
        ),
    ]

    static let relay: [SettingKey] = [
        SettingKey(
            "relay-address",
            \.relayAddress,
            .addresses(allowsUnspecified: false),
            example: "192.0.2.1 2001:db8::1",
            needsRestart: true,
            help: "The addresses of this host that relay. Empty means those the server finds by itself."
        ),
        SettingKey(
            "external-ip",
            \.externalIp,
            .externalAddresses,
            example: "203.0.113.5/10.0.0.5 2001:db8::5",
            needsRestart: true,
            help: """
                What clients are told as their relay address when a NAT that maps one to one stands before this host, as in \
                most clouds: the external address alone, or with the address of this host that it stands for. NAT \
                discovery tells clients the same, of address and of second-address.
                """
        ),
        SettingKey(
            "relay-ports",
            \.relayPorts,
            .relayPorts,
            example: "50000-50999",
            needsRestart: true,
            help: """
                The UDP ports that relay, one for each allocation and address family. A firewall must let them in, and no \
                other program should use them. The ports for STUN that lie in the default range do not relay.
                """
        ),
    ]

    static let peers: [SettingKey] = [
        SettingKey(
            "allow-peers",
            \.allowPeers,
            .prefixes,
            example: "10.1.0.0/16 fd00:1::/64",
            help: """
                Peers that are allowed although the server denies their range by itself (loopback, private networks, \
                link-local, metadata services, multicast and all other special ranges).
                """
        ),
        SettingKey(
            "deny-peers",
            \.denyPeers,
            .prefixes,
            example: "192.0.2.0/24 2001:db8::/32",
            help:
                "Peers that are denied, unless a longer prefix of allow-peers says otherwise. Permissions that a reload forbids end at once."
        ),
        SettingKey(
            "lan-peers",
            \.lanPeers,
            .onOff,
            example: "on",
            help: """
                Whether peers in private networks are allowed: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, \
                100.64.0.0/10 and fc00::/7. For a server that serves one's own network; on a public one, every user could \
                reach that network through it.
                """
        ),
    ]

    static let quotas: [SettingKey] = [
        SettingKey(
            "max-allocations",
            \.maxAllocations,
            .limit,
            example: "10000",
            help: "How many allocations there may be in all. The number of relay-ports is a limit of its own."
        ),
        SettingKey(
            "memory-limit",
            \.memoryLimit,
            .memoryLimit,
            example: "512M",
            help: """
                How much memory allocations may take with their permissions and channels, that of the kernel's sockets \
                among it: about 5 kB for each. auto means half of what the host has, or of what the container may use. An \
                allocation, permission or channel that would need more is refused with error 508; those that are there go on.
                """
        ),
        SettingKey(
            "redirect-at",
            \.redirectAt,
            .offOrPercent,
            example: "80",
            help: """
                At how many percent of max-allocations, or of the number of relay-ports where that is less, a client that \
                wants a new allocation is sent to another of other-stun-servers (error 300). Only one that has at least \
                ten points less to do is named; while there is none the client is served here.
                """
        ),
        SettingKey(
            "user-allocations",
            \.userAllocations,
            .limit,
            example: "20",
            help: """
                How many allocations one user may have. The default is a quarter of the default relay-ports: enough for \
                services whose clients all share one user, and too few for one leaked password to use up all ports.
                """
        ),
        SettingKey(
            "user-bandwidth",
            \.userBandwidth,
            .byteLimit,
            example: "2M",
            help: "How many bytes a second are relayed for one user, both ways together; what is more is dropped."
        ),
        SettingKey(
            "total-bandwidth",
            \.totalBandwidth,
            .byteLimit,
            example: "100M",
            help: "How many bytes a second are relayed in all, both ways together; what is more is dropped."
        ),
        SettingKey(
            "user-monthly-bytes",
            \.userMonthlyBytes,
            .byteLimit,
            example: "500G",
            help: "How many bytes are relayed for one user in a calendar month (UTC), both ways together."
        ),
        SettingKey(
            "permissions-per-allocation",
            \.permissionsPerAllocation,
            .integer(1...4096),
            example: "32",
            help: "How many IP addresses of peers one allocation may permit at the same time."
        ),
        SettingKey(
            "channels-per-allocation",
            \.channelsPerAllocation,
            .integer(1...4096),
            example: "32",
            help: "How many channels one allocation may bind at the same time."
        ),
        SettingKey(
            "tcp-relay",
            \.tcpRelay,
            .onOff,
            example: "on",
            help: """
                Whether TCP connections between clients and peers are relayed too (RFC 6062), for clients that come by TCP or TLS: \
                whoever has a user name may then have the server connect to any TCP port that the rules for peers allow.
                """
        ),
        SettingKey(
            "tcp-relay-connections",
            \.tcpRelayConnections,
            .integer(1...4096),
            example: "16",
            help: "How many TCP connections with peers one allocation may have at the same time."
        ),
    ]
}
