extension Settings {
    /// Every setting there is, in the order of the reference: the one home of names, rules and help texts.
    ///
    /// The defaults live in `Settings` itself.
    public static let keys: [SettingKey] = sections.flatMap { section in
        section.keys.map { $0.inGroup(section.group) }
    }

    private static let sections: [(group: String, keys: [SettingKey])] = [
        ("listening", listening), ("streams", streams), ("answers", answers), ("turn", turn),
        ("credentials", credentials), ("relay", relay),
        ("peers", peers), ("quotas", quotas), ("mirrors", mirrors), ("limits", limits), ("logging", logging),
        ("console", console), ("license", license),
    ]

    /// The setting called `name`; nil when there is none.
    public static func key(named name: String) -> SettingKey? { keysByName[name] }

    private static let keysByName = Dictionary(uniqueKeysWithValues: keys.map { ($0.name, $0) })

    private static let listening: [SettingKey] = [
        SettingKey(
            "stun-port-1",
            \.stunPort1,
            .integer(1...65535),
            example: "3480",
            needsRestart: true,
            help: "The first UDP port for STUN. It must differ from stun-port-2."
        ),
        SettingKey(
            "stun-port-2",
            \.stunPort2,
            .integer(1...65535),
            example: "3481",
            needsRestart: true,
            help: "The second UDP port for STUN: the answer leaves from it when a client asks to change the port."
        ),
        SettingKey(
            "stun-port-2-reads",
            \.stunPort2Reads,
            .onOff,
            example: "off",
            needsRestart: true,
            help: "Whether requests are read on the second port too. Off makes it write-only, as in the manual of 2002."
        ),
        SettingKey(
            "address",
            \.address,
            .addresses(allowsUnspecified: true),
            example: "192.0.2.1 2001:db8::1",
            needsRestart: true,
            help: "The addresses to listen on. Empty means all addresses of the host."
        ),
        SettingKey(
            "second-address",
            \.secondAddress,
            .addresses(allowsUnspecified: false),
            example: "192.0.2.2",
            needsRestart: true,
            help: """
                The second address of the host, from which the answer leaves when a client asks to change the IP \
                address. It must differ from address, and is used only when set.
                """
        ),
        SettingKey(
            "workers",
            \.workers,
            .autoOrInteger(1...256),
            example: "4",
            needsRestart: true,
            help: "How many threads handle packets; auto means one for each core, at most 32."
        ),
        SettingKey(
            "pin-workers",
            \.pinWorkers,
            .onOff,
            example: "on",
            needsRestart: true,
            help: """
                Whether each worker stays on a processor of its own, of those that the server may use. It spares a busy \
                server some moves between processors, and costs where other programs need the same ones.
                """
        ),
        SettingKey(
            "run-as",
            \.runAs,
            .hostUser,
            example: "stund",
            needsRestart: true,
            help: """
                The user that a server which is started as root becomes before it opens anything; of root's rights it \
                keeps the one to open ports below 1024. It gets the state folder; it must be able to read the settings \
                file and the files of TLS, and to write the log file. Empty means none.
                """
        ),
        SettingKey(
            "sandbox",
            \.sandbox,
            .choice(),
            example: "on",
            needsRestart: true,
            help: """
                Whether the server gives up after its start what it needs no more, so that nobody who breaks into it gets it either: \
                writing outside the folders of state, settings and log, reading personal folders (Landlock), starting programs and \
                dangerous system calls (seccomp). auto takes what the kernel has and tells what is missing; with on the server does \
                not start without. A log file or certificate in another folder then needs a restart, and the settings file and the log should \
                have folders of their own, since the server may write all that is there.
                """
        ),
        SettingKey(
            "engine",
            \.engine,
            .choice(),
            example: "epoll",
            needsRestart: true,
            help: """
                How workers ask the kernel for packets: auto means the one that costs less at the rates of calls by our \
                measurements, which is epoll. stund status and the version page tell which one is used.
                """
        ),
        SettingKey(
            "wake-ups",
            \.wakeUps,
            .choice(),
            example: "low-latency",
            needsRestart: true,
            help: """
                When a sleeping worker wakes up. adaptive: with the first packet, but at the rates of many calls it waits \
                up to 0.4 ms for several; low-latency: always with the first packet; low-power: waits up to 1 ms, also at \
                the rates of a few calls.
                """
        ),
        SettingKey(
            "socket-buffer",
            \.socketBuffer,
            .integer(65536...268_435_456),
            example: "8388608",
            needsRestart: true,
            help: "The receive and send buffer that is asked for each socket, in bytes; the kernel may grant less."
        ),
    ]

    private static let answers: [SettingKey] = [
        SettingKey(
            "other-stun-servers",
            \.otherStunServers,
            .otherServers,
            example: "stun.example.org 192.0.2.9:3480 [2001:db8::9]:3480",
            help: """
                The other STUN servers of the fleet, which answer from their addresses when a client asks for an answer \
                from another address. Each is a host name or an IP address; without a port, 3478 is meant. All of them \
                need the same cluster-key; a server of another make, which has none, has /classic behind it.
                """
        ),
        SettingKey(
            "cluster-key",
            \.clusterKey,
            .key,
            example: "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
            isSecret: true,
            help: """
                The key that the servers of a fleet trust each other by: the same on all of them, as `openssl rand -hex \
                32` prints one. Whoever has it can do on each of them what an administrator can.
                """
        ),
        SettingKey(
            "draft-address-layout",
            \.draftAddressLayout,
            .choice(),
            example: "draft-00",
            help: "How clients of the 2001 drafts get addresses: in 8 bytes (draft-01) or in 7 (draft-00)."
        ),
    ]

    private static let limits: [SettingKey] = [
        SettingKey(
            "binding-rate-limit",
            \.bindingRateLimit,
            .integer(1...10_000_000),
            example: "20000",
            help: "Binding answers a second to one client, which is an IPv4 address or an IPv6 /64."
        ),
        SettingKey(
            "binding-rate-burst",
            \.bindingRateBurst,
            .integer(1...10_000_000),
            example: "40000",
            help: "How many Binding answers one client may get at once after a pause."
        ),
        SettingKey(
            "challenge-rate-limit",
            \.challengeRateLimit,
            .integer(1...10_000_000),
            example: "50",
            help: """
                Error answers, challenges to log in and handshakes of TLS and DTLS a second to one client, which is an IPv4 \
                address or an IPv6 /64.
                """
        ),
        SettingKey(
            "challenge-rate-burst",
            \.challengeRateBurst,
            .integer(1...10_000_000),
            example: "200",
            help: """
                How many error answers and challenges to log in one client may get at once after a pause.
                """
        ),
        SettingKey(
            "rate-limit-exempt",
            \.rateLimitExempt,
            .prefixes,
            example: "192.0.2.0/24 2001:db8::/32",
            help: "Clients that no rate limit applies to."
        ),
    ]

    private static let logging: [SettingKey] = [
        SettingKey(
            "log-level",
            \.logLevel,
            .integer(0...9),
            example: "8",
            help: "How much is logged: 0 only what is most urgent, 8 also every packet, 9 everything."
        ),
        SettingKey(
            "log-format",
            \.logFormat,
            .choice(),
            example: "json",
            help: "The form of a log line: plain text, or one JSON object a line."
        ),
        SettingKey(
            "log-file",
            \.logFile,
            .path,
            example: "/var/log/stund.log",
            help: """
                The file that log lines are appended to. Empty means none: the log then goes to the terminal in the \
                foreground, and to syslog in the background.
                """
        ),
        SettingKey(
            "log-rows",
            \.logRows,
            .integer(1...100_000),
            example: "1000",
            help: "How many recent log messages are kept in memory."
        ),
        SettingKey(
            "statistics-rows",
            \.statisticsRows,
            .integer(1...100_000),
            example: "1000",
            help: "How many sources the statistics keep."
        ),
    ]

    private static let license: [SettingKey] = [
        SettingKey(
            "license-vendor-key",
            \.licenseVendorKey,
            .publicKey,
            example: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            help: """
                The Ed25519 public key of a vendor who sells this server: then license-key is checked with it. Without it the \
                server is free, and nothing is limited.
                """
        ),
        SettingKey(
            "license-key",
            \.licenseKey,
            .licenseKey,
            example: "stund-lic-192.0.2.1-1-dec-2026-never-7Qk",
            help: """
                The licence key, as the vendor gives it for an address of this server. A wrong one, or none, limits the \
                statistics to 10 rows and nothing else.
                """
        ),
    ]

    private static let console: [SettingKey] = [
        SettingKey(
            "http-port",
            \.httpPort,
            .integer(1...65535),
            example: "8080",
            help: """
                The TCP port of the web console. When it cannot be opened the console takes 5068 or the next free one; the \
                log says which.
                """
        ),
        SettingKey(
            "http-address",
            \.httpAddress,
            .addresses(allowsUnspecified: true),
            example: "192.0.2.1 2001:db8::1",
            help: """
                The addresses that the web console listens on. Empty means all addresses. Until a password is set it listens \
                on this host alone, whatever stands here.
                """
        ),
        SettingKey(
            "http-user",
            \.httpUser,
            .userName,
            example: "operator",
            help: "Who logs in to the web console with the password of http-password-hash, as an admin."
        ),
        SettingKey(
            "http-password-hash",
            \.httpPasswordHash,
            .hash,
            example: "$scrypt$ln=15,r=8,p=1$Xwsi1Y2N3aLZ7dh9Zxq6Uw$lzia4FP2YgCAvsgUS5kkuTjwikCm0UX4x35EIr4W0JI",
            isSecret: true,
            help: """
                The hash of the console's password. `stund password` writes it; without it no password is set, and whoever \
                uses this host may use the console.
                """
        ),
        SettingKey(
            "http-tls",
            \.httpTLS,
            .onOff,
            example: "on",
            help: """
                Whether the web console is served by HTTPS too, with tls-certificate, at tls-port and wherever else clients come \
                by TLS. Only once a password is set (`stund password`).
                """
        ),
        SettingKey(
            "http-metrics-open",
            \.httpMetricsOpen,
            .onOff,
            example: "on",
            help: "Whether /metrics is told to everybody who reaches the console's port, without login."
        ),
    ]
}
