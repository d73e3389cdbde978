import Addresses

extension Settings {
    static let mirrors: [SettingKey] = [
        SettingKey(
            "mirror",
            \.mirror,
            .onOff,
            example: "on",
            help: """
                Whether clients of the TURN drafts of 2001 to 2005 get mirrors. The first of these has no password that could be \
                checked, so mirror-clients must say who may have one. See docs/mirror.md.
                """
        ),
        SettingKey(
            "mirror-clients",
            \.mirrorClients,
            .prefixes,
            example: "192.0.2.0/24 2001:db8::/32",
            help: """
                Clients that may have mirrors. Others get no answer. An address alone is weak proof: keep these networks small, and \
                your own.
                """
        ),
        SettingKey(
            "max-mirrors",
            \.maxMirrors,
            .integer(1...65535),
            example: "1000",
            help: "How many mirrors there may be in all. They count as allocations too."
        ),
        SettingKey(
            "mirrors-per-client",
            \.mirrorsPerClient,
            .integer(1...65535),
            example: "64",
            help:
                "How many mirrors one client may have: an IPv4 address, as of all phones behind one NAT, or an IPv6 /64."
        ),
        SettingKey(
            "mirror-draft-00",
            \.mirrorDraft00,
            .onOff,
            example: "off",
            help: """
                Whether clients of the first draft (-00, 2001) get mirrors too. Whoever can forge the address of such a client can take the \
                place where its data comes from; the later drafts want a secret. Off for networks whose clients all speak those.
                """
        ),
        SettingKey(
            "mirror-draft-01",
            \.mirrorDraft01,
            .onOff,
            example: "on",
            help: """
                Whether clients that ask with the cookie of 2003 speak draft -01, whose mirrors take the first sender as their peer. Off: \
                they speak draft -08, where a client sends first, unless they name TRANSPORT-PREFERENCES, which only -01 has.
                """
        ),
    ]

    /// What is allowed in the settings of mirrors but has no effect.
    var mirrorWarnings: [String] {
        if mirror, !turn { return ["mirror has no effect while turn is off"] }
        if mirror, mirrorClients.isEmpty { return ["mirror is on and nobody may use it: mirror-clients is empty"] }
        if !mirror, !mirrorClients.isEmpty { return ["mirror-clients has no effect while mirror is off"] }
        let open = mirror ? mirrorClients.filter(\.holdsStrangers).map(\.description) : []
        guard !open.isEmpty else { return [] }
        return [
            """
            mirror-clients has \(open.joined(separator: ", ")): whoever is there relays without a password, strangers too; name \
            small networks of your own
            """
        ]
    }
}

extension IPPrefix {
    /// Blocks that the Internet does not route (RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291), and the hosts' own.
    private static let inner = [
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8", "fc00::/7",
        "fe80::/10", "::1/128",
    ].compactMap { IPPrefix($0) }

    /// Whether it is larger than what one operator has: a /16 of IPv4, a /32 of IPv6.
    fileprivate var holdsStrangers: Bool {
        guard length < (address.family == .v4 ? 16 : 32) else { return false }
        return !Self.inner.contains { $0.length <= length && $0.contains(address) }
    }
}
