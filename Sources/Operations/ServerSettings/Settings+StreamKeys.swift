extension Settings {
    /// What is served besides plain UDP: TCP, TLS and DTLS.
    static let streams: [SettingKey] = [
        SettingKey(
            "tcp",
            \.tcp,
            .onOff,
            example: "off",
            needsRestart: true,
            help: """
                Whether STUN and TURN are served by TCP too, at stun-port-1: for clients whose network lets no UDP through. \
                With tls-certificate the same port takes TLS as well.
                """
        ),
        SettingKey(
            "tls-certificate",
            \.tlsCertificate,
            .path,
            example: "/etc/letsencrypt/live/turn.example.org/fullchain.pem",
            help: """
                The file with the certificate for TLS and DTLS, in PEM, and after it those that lead to its authority. It \
                is read again when it changes; connections go on. Empty means neither TLS nor DTLS.
                """
        ),
        SettingKey(
            "tls-key",
            \.tlsKey,
            .path,
            example: "/etc/letsencrypt/live/turn.example.org/privkey.pem",
            help: """
                The file with the private key of tls-certificate, in PEM and without a password. Empty means that it \
                stands in the same file as the certificate.
                """
        ),
        SettingKey(
            "tls-port",
            \.tlsPort,
            .integer(1...65535),
            example: "443",
            needsRestart: true,
            help: """
                The port for TLS over TCP and, with dtls, for DTLS over UDP; opened when tls-certificate is set. Plain TCP \
                is taken there too.
                """
        ),
        SettingKey(
            "stream-ports",
            \.streamPorts,
            .ports,
            example: "80 443",
            needsRestart: true,
            help: """
                More TCP ports, each for plain TCP and, with tls-certificate, for TLS: some networks let only ports of the \
                web through.
                """
        ),
        SettingKey(
            "dtls",
            \.dtls,
            .onOff,
            example: "off",
            needsRestart: true,
            help: "Whether DTLS is served at the UDP ports when tls-certificate is set (RFC 7350)."
        ),
        SettingKey(
            "max-connections",
            \.maxConnections,
            .integer(1...1_000_000),
            example: "50000",
            help: """
                How many TCP and TLS connections and DTLS sessions of clients there may be in all. Each takes an open file, \
                and new ones are refused before files are short for the rest.
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
        SettingKey(
            "proxies",
            \.proxies,
            .prefixes,
            example: "192.0.2.10 10.1.0.0/16",
            needsRestart: true,
            help: """
                The proxies before this server, such as haproxy with send-proxy-v2, which tell by the PROXY protocol, version 2, \
                whose connection they pass on: who is not among them is not believed.
                """
        ),
        SettingKey(
            "web-server",
            \.webServer,
            .place,
            example: "127.0.0.1:8080",
            needsRestart: true,
            help: """
                The web server to which connections go that speak HTTP without TLS, so that it shares a port with this \
                server; without it they are closed. Nothing of them is read here but the first byte.
                """
        ),
        SettingKey(
            "web-tls-server",
            \.webTLSServer,
            .place,
            example: "127.0.0.1:8443",
            needsRestart: true,
            help: """
                The web server to which TLS connections go that are for a web site: those whose client asks for other \
                protocols than STUN's (ALPN), or for a name that is not in tls-certificate (SNI). They go there as they are, \
                encrypted. With http-tls, HTTPS for a name of tls-certificate goes to the console.
                """
        ),
        SettingKey(
            "web-proxy-protocol",
            \.webProxyProtocol,
            .onOff,
            example: "on",
            needsRestart: true,
            help: """
                Whether web-server and web-tls-server are told whose connection each is, by the PROXY protocol, version 2, \
                before its first byte: on once both expect that, such as nginx with proxy_protocol, haproxy with accept-proxy.
                """
        ),
    ]
}
