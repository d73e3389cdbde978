// Long: a table with a row for each of coturn's options.

/// Every option that coturn 4.6 (Debian 12) to 4.17 takes in turnserver.conf, and what becomes of it.
enum CoturnOptions {
    /// Options that may stand several times; of all others the last one counts.
    static let repeated: Set<String> = [
        "listening-ip", "relay-ip", "external-ip", "user", "static-auth-secret", "allowed-peer-ip", "denied-peer-ip",
        "aux-server", "alternate-server", "tls-alternate-server", "tcp-alternate-server", "udp-alternate-server",
    ]

    static let rules: [String: CoturnRule] = {
        let parts = [listening, relaying, credentials, databases, limits, security, logging, protocols, management]
        return parts.reduce(into: [:]) { all, part in all.merge(part) { first, _ in first } }
    }()

    private static let interface = "no interface can be named: name the addresses (address, relay-address)"
    private static let alternate = """
        clients are sent elsewhere by load, and only to servers of a fleet: see other-stun-servers, cluster-key and redirect-at
        """

    private static let listening: [String: CoturnRule] = [
        "listening-port": .special, "alt-listening-port": .special, "listening-ip": .special,
        "tls-listening-port": .number("tls-port", 1...65535, zero: nil),
        "alt-tls-listening-port": .absent(
            "the second port is for NAT tests, which go by UDP; stream-ports opens more ports for TCP and TLS"
        ),
        "tcp-proxy-port": .absent(
            "proxies tell whose connection it is at the usual ports: name the addresses of the proxies in proxies"
        ),
        "listening-device": .absent(interface),
        "aux-server": .absent("more ports can be opened for TCP and TLS alone (stream-ports)"),
        "alternate-server": .absent(alternate), "tls-alternate-server": .absent(alternate),
        "tcp-alternate-server": .absent(alternate), "udp-alternate-server": .absent(alternate),
        "udp-self-balance": .always("all workers share each port, and the kernel deals out the clients"),
        "no-udp": .lacks("UDP is always served: have the firewall keep it out if it must not be"),
        "no-tcp": .sets(["tcp": "off"]),
        "no-tls": .special, "no-dtls": .special, "cert": .special, "pkey": .special,
        "dtls": .onOff(
            on: .init(outcome: .honoured, text: "", settings: ["dtls": "on"]),
            off: .init(outcome: .honoured, text: "", settings: ["dtls": "off"])
        ),
        "sock-buf-size": .number("socket-buffer", 65_536...268_435_456, zero: nil),
        "acme-redirect": .absent(
            "web-server passes plain HTTP on to a web server, which can answer or redirect these requests"
        ),
        "respond-http-unsupported": .lacks(
            "whoever speaks HTTP at a port of TURN is disconnected, or passed on to web-server"
        ),
    ]

    private static let relaying: [String: CoturnRule] = [
        "relay-ip": .special, "external-ip": .special, "min-port": .special, "max-port": .special,
        "relay-device": .absent(interface),
        "relay-threads": .special, "cpus": .special,
        "no-udp-relay": .lacks("UDP is always relayed to those who may log in"),
        "no-tcp-relay": .sets(["tcp-relay": "off"]),
        "server-relay": .lacks("what peers send without a permission is never relayed (RFC 8656 section 9)"),
        "allowed-peer-ip": .special, "denied-peer-ip": .special,
        "allow-loopback-peers": .special,
        "no-multicast-peers": .always("multicast peers are always denied"),
        "keep-address-family": .lacks(
            "without a wish of the client the relay address is an IPv4 one (RFC 8656 section 7.2)"
        ),
        "allocation-default-address-family": .special,
        "multiplex-peer": .lacks("each allocation has a port of its own"),
        "multiplex-peer-port": .absent("each allocation has a port of its own"),
        "multiplex-peer-max-peers": .absent("each allocation has a port of its own (see permissions-per-allocation)"),
        "mobility": .lacks("there is no mobility (RFC 8016): a client that moves makes a new allocation"),
        "permission-lifetime": .fixedNumber(300, "a permission always lasts 300 seconds (RFC 8656 section 9)"),
        "channel-lifetime": .fixedNumber(600, "a channel always lasts 600 seconds (RFC 8656 section 12)"),
        "max-allocate-lifetime": .special,
        "max-allocate-timeout": .needless("a client that does not finish an allocation leaves nothing behind"),
        "drain-min-allocations": .absent(
            "a server that drains ends when no allocation is left (stund drain, drain-time)"
        ),
    ]

    private static let credentials: [String: CoturnRule] = [
        "user": .special, "realm": .special, "use-auth-secret": .special, "static-auth-secret": .special,
        "lt-cred-mech": .flag(.init(outcome: .honoured, text: "who wants a relay always has to log in")),
        "no-auth": .lacks("nobody gets a relay without logging in: an open relay is used by strangers within hours"),
        "rest-api-separator": .special, "stale-nonce": .special,
        "stateless-nonce": .always("nonces always carry their own proof"),
        "stateless-nonce-secret": .absent(
            "the key of nonces is made otherwise: nonce-key takes one (`openssl rand -hex 32`), the same on all servers that share clients"
        ),
        "oauth": .lacks("there is no log-in by OAuth (RFC 7635)"),
        "server-name": .absent("it is for OAuth alone, which is not there"),
        "check-origin-consistency": .lacks("the attribute ORIGIN, of a draft that was given up, is not read"),
        "secure-stun": .lacks("Binding requests are answered without logging in, within the rate limits"),
        "no-auth-pings": .always("no database is asked for secrets while requests wait"),
        "no-dynamic-ip-list": .always("the rules for peers are those of the settings alone"),
        "no-dynamic-realms": .always("the realms are those of the settings alone"),
        "secret-ts-exp-time": .needless("coturn has given it up too: it has no effect there"),
    ]

    private static let databases: [String: CoturnRule] = {
        let sqlite: CoturnRule = .absent(
            """
            this database is not read; sqlite3 prints its users as lines that stund import reads: \
            SELECT 'user=' || name || ':0x' || hmackey FROM turnusers_lt
            """
        )
        let sql: CoturnRule = .absent(
            "this database is not read: users come as lines user=name:0xkey, or by `stund user add` or redis"
        )
        return [
            "userdb": sqlite, "db": sqlite, "psql-userdb": sql, "sql-userdb": sql, "mysql-userdb": sql,
            "mongo-userdb": sql,
            "secret-key-file": .absent("it is for a password of MySQL, which is not asked"),
            "redis-userdb": .special,
            "redis-statsdb": .absent("no figures are written to Redis: ask /metrics of the console, or its API"),
        ]
    }()

    private static let limits: [String: CoturnRule] = [
        "user-quota": .number("user-allocations", 1...1_000_000_000_000_000, zero: "unlimited"),
        "total-quota": .number("max-allocations", 1...1_000_000_000_000_000, zero: "unlimited"),
        "max-bps": .special, "bps-capacity": .special,
        "unauthorized-ratelimit": .always("challenges to log in are always limited (challenge-rate-limit)"),
        "unauthorized-ratelimit-rps": .number("challenge-rate-limit", 1...10_000_000, zero: nil),
    ]

    private static let security: [String: CoturnRule] = {
        let cipher = "ciphers and curves are those that the host's OpenSSL has for TLS 1.2 and 1.3"
        let old = "TLS and DTLS begin with 1.2 here"
        return [
            "pkey-pwd": .absent(
                "a key with a password cannot be used: write it without one (`openssl pkey -in OLD -out NEW`)"
            ),
            "cipher-list": .absent(cipher), "ec-curve-name": .absent(cipher), "dh-file": .absent(cipher),
            "dh566": .lacks(cipher), "dh1066": .lacks(cipher),
            "CA-file": .absent(
                "certificates of clients are not asked for: clients log in with user name and password alone"
            ),
            "raw-public-keys": .lacks("there are no raw public keys (RFC 7250): a certificate is needed"),
            "no-sslv2": .always(old), "no-sslv3": .always(old), "no-tlsv1": .always(old), "no-tlsv1_1": .always(old),
            "tlsv1": .lacks(old), "tlsv1_1": .lacks(old),
            "no-tlsv1_2": .lacks("TLS 1.2 cannot be switched off, and DTLS has no other version"),
            "proc-user": .special,
            "proc-group": .absent(
                "the server has the groups of the user that it runs as (run-as, or User= of its systemd unit)"
            ),
        ]
    }()

    private static let logging: [String: CoturnRule] = [
        "verbose": .sets(["log-level": "6"]), "Verbose": .sets(["log-level": "8"]),
        "log-file": .special,
        "no-stdout-log": .always("in the background nothing is printed"),
        "syslog": .always("without log-file the log of a server in the background goes to syslog"),
        "syslog-facility": .absent("the facility is always daemon"),
        "simple-log": .always("the name of the log file is taken as it stands; SIGHUP opens it again"),
        "new-log-timestamp": .likely("the lines keep the form of 2002; log-format: json has times by ISO 8601"),
        "new-log-timestamp-format": .absent("the lines keep the form of 2002; log-format: json has times by ISO 8601"),
        "log-binding": .likely("log-level: 8 logs each packet"),
        "log-min-level": .absent(
            "log-level counts otherwise: 0 is the most urgent, 5 the default, 8 shows each packet"
        ),
        "drop-invalid-packets-log": .always("what is dropped is counted by its reason (stund status)"),
        "udp-recvmmsg-log": .lacks("how packets are read is told by the figures (stund metrics)"),
        "udp-sendmmsg-log": .lacks("how packets are sent is told by the figures (stund metrics)"),
    ]

    private static let protocols: [String: CoturnRule] = [
        "stun-only": .sets(["turn": "off"]),
        "no-stun": .lacks("Binding requests are always answered, as clients of TURN send them too"),
        "fingerprint": .likely("an answer has FINGERPRINT when its request has"),
        "no-software-attribute": .always("no answer has SOFTWARE"), "prod": .always("no answer has SOFTWARE"),
        "software-attribute": .lacks("no answer has SOFTWARE, which would tell strangers the version"),
        "no-rfc5780": .likely(
            "NAT tests are always answered, and no answer is much larger than its request (docs/nat-discovery.md)"
        ),
        "rfc5780": .always("NAT tests are always answered"),
        "no-stun-backward-compatibility": .likely(
            "clients of RFC 3489 are always answered, and no answer is much larger than its request"
        ),
        "stun-backward-compatibility": .always("clients of RFC 3489 are always answered"),
        "rfc3489-compatibility": .always("clients of RFC 3489 are always answered"),
        "rfc5766-channel-numbers": .onOff(
            on: .init(outcome: .honoured, text: "", settings: ["rfc5766-channels": "on"]),
            off: .init(outcome: .honoured, text: "", settings: ["rfc5766-channels": "off"])
        ),
        "response-origin-only-with-rfc5780": .likely(
            "an answer has RESPONSE-ORIGIN (RFC 5780) as far as its size allows"
        ),
        "drop-invalid-packets": .always("what is no STUN is dropped"),
        "include-reason-string": .lacks("error answers have the reason that the RFCs name, and no more"),
        "udp-recvmmsg": .always("many packets are read by one call"),
        "udp-gso": .always("many packets are sent by one call where the kernel can"),
        "version": .needless("stund --version tells it"),
        "ne": .needless("engine chooses how packets are read, by itself"),
    ]

    private static let management: [String: CoturnRule] = {
        let socket =
            "there is no telnet: stund status, sessions and the other commands ask the server by a socket of its own"
        let metrics = "the figures are at /metrics of the console (http-port), which has HTTPS by http-tls"
        return [
            "daemon": .onOff(
                on: .init(outcome: .honoured, text: "stund goes into the background by itself"),
                off: .init(outcome: .missing, text: "to stay in the foreground start it with --no-daemon")
            ),
            "pidfile": .absent("the process id is in stund.pid in the state folder (docs/settings.md)"),
            "no-cli": .always("there is no telnet interface"),
            "cli": .lacks(socket), "cli-ip": .absent(socket), "cli-port": .absent(socket),
            "cli-password": .absent(socket),
            "cli-max-output-sessions": .absent(socket),
            "web-admin": .likely("the console is always there; set its password with `stund password`"),
            "web-admin-ip": .special,
            "web-admin-port": .number("http-port", 1...65535, zero: nil),
            "web-admin-listen-on-workers": .special,
            "prometheus": .likely(
                "the figures are at /metrics of the console (http-port)",
                ["http-metrics-open": "on"]
            ),
            "prometheus-port": .absent(metrics), "prometheus-address": .absent(metrics),
            "prometheus-path": .absent(metrics),
            "prometheus-tls": .lacks(metrics), "prometheus-cert": .absent(metrics), "prometheus-key": .absent(metrics),
            "prometheus-username-labels": .lacks(
                "no figure has names of users: stund sessions tells who relays how much"
            ),
        ]
    }()
}
