extension Settings {
    /// What is served besides UDP.
    static let streams: [SettingKey] = [
        SettingKey(
            "tcp",
            \.tcp,
            .onOff,
            example: "off",
            needsRestart: true,
            help: """
                Whether STUN and TURN are served by TCP too, at stun-port-1 and stream-ports: for clients whose network lets no \
                UDP through.
                """
        ),
        SettingKey(
            "stream-ports",
            \.streamPorts,
            .ports,
            example: "80 443",
            needsRestart: true,
            help: "More TCP ports for STUN and TURN: some networks let only the ports of the web through."
        ),
        SettingKey(
            "max-connections",
            \.maxConnections,
            .integer(1...1_000_000),
            example: "50000",
            help: """
                How many TCP connections of clients there may be in all. Each takes an open file, and new ones are refused \
                before files are short for the rest.
                """
        ),
        SettingKey(
            "connections-per-client",
            \.connectionsPerClient,
            .integer(1...1_000_000),
            example: "2000",
            help: """
                How many of these one client may have: an IPv4 address or an IPv6 /64. Clients of rate-limit-exempt may \
                have any number.
                """
        ),
    ]
}
