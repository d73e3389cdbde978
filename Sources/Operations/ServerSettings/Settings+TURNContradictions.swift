import Addresses

extension Settings {
    /// The first pair of TURN settings that cannot both hold; nil when there is none.
    func turnContradiction(origins: [String: SettingOrigin]) -> SettingsError.Problem? {
        contradictionOfPorts(origins) ?? contradictionOfLifetimes(origins) ?? contradictionOfRealms(origins)
            ?? contradictionOfCredentials(origins) ?? contradictionOfAddresses(origins)
            ?? contradictionOfPeers(origins)
    }

    private func contradictionOfPorts(_ origins: [String: SettingOrigin]) -> SettingsError.Problem? {
        // A port that was chosen without a thought of relays is left out of the default range, which is large enough.
        guard origins["relay-ports"] ?? .default != .default else { return nil }
        let listening =
            [("stun-port-1", stunPort1), ("stun-port-2", stunPort2)]
            + (tlsCertificate == nil ? [] : [("tls-port", tlsPort)]) + streamPorts.map { ("stream-ports", $0) }
        for (key, port) in listening where relayPorts.contains(port) {
            let range = "\(relayPorts.lowerBound)-\(relayPorts.upperBound)"
            return problem(
                between: "relay-ports",
                and: key,
                origins,
                "relay-ports \(range) include \(key) \(port): a port can't do both"
            )
        }
        return nil
    }

    private func contradictionOfLifetimes(_ origins: [String: SettingOrigin]) -> SettingsError.Problem? {
        guard defaultBindingDuration > maxLifetime else { return nil }
        return problem(
            between: "max-lifetime",
            and: "default-binding-duration",
            origins,
            "default-binding-duration \(defaultBindingDuration) is more than max-lifetime \(maxLifetime)"
        )
    }

    private func contradictionOfRealms(_ origins: [String: SettingOrigin]) -> SettingsError.Problem? {
        for entry in realmLifetimes where !realm.contains(where: { $0.name == entry.realm }) {
            return problem(
                between: "realm-lifetimes",
                and: "realm",
                origins,
                "realm-lifetimes has the realm \(printable(entry.realm)), which realm does not have"
            )
        }
        let hosts = address + secondAddress
        guard !address.isEmpty, !address.contains(where: \.isUnspecified) else { return nil }
        for entry in realm {
            guard let wanted = entry.address, !hosts.contains(wanted) else { continue }
            return problem(
                between: "realm",
                and: "address",
                origins,
                "the realm \(printable(entry.name)) is for clients that ask \(wanted), where this server does not listen"
            )
        }
        return nil
    }

    private func contradictionOfCredentials(_ origins: [String: SettingOrigin]) -> SettingsError.Problem? {
        var seen: Set<[String]> = []
        for user in turnUsers {
            // Not the realm itself: in a password with a colon it is a part of the password.
            guard user.realm == nil || realm.contains(where: { $0.name == user.realm }) else {
                return problem(
                    between: "turn-users",
                    and: "realm",
                    origins,
                    """
                    turn-users has the user \(printable(user.name)) with a realm between two colons which realm does not \
                    have; if the password itself has a colon, write the realm before it
                    """
                )
            }
            let realm = user.realm ?? realm.first?.name ?? ""
            guard seen.insert([user.name, realm]).inserted else {
                return problem(
                    between: "turn-users",
                    and: "realm",
                    origins,
                    "turn-users has the user \(printable(user.name)) twice in the realm \(printable(realm))"
                )
            }
        }
        for secret in retiredTurnSecrets {
            guard
                let other = turnSecrets.first(where: {
                    $0.secret == secret.secret || secret.id != nil && $0.id == secret.id
                })
            else { continue }
            let what = other.secret == secret.secret ? "one secret" : "the id \(printable(secret.id ?? ""))"
            return problem(
                between: "retired-turn-secrets",
                and: "turn-secrets",
                origins,
                "turn-secrets and retired-turn-secrets both have \(what)"
            )
        }
        return nil
    }

    private func contradictionOfAddresses(_ origins: [String: SettingOrigin]) -> SettingsError.Problem? {
        guard !relayAddress.isEmpty else { return nil }
        for pair in externalIp {
            if let local = pair.local, isForDiscovery(local) { continue }
            if let local = pair.local, !relayAddress.contains(local) {
                return problem(
                    between: "external-ip",
                    and: "relay-address",
                    origins,
                    "external-ip \(pair) stands for \(local), which is not in relay-address"
                )
            }
            if !relayAddress.contains(where: { $0.family == pair.external.family }) {
                let family = pair.external.family == .v4 ? "IPv4" : "IPv6"
                return problem(
                    between: "external-ip",
                    and: "relay-address",
                    origins,
                    "external-ip has the \(family) address \(pair.external), and relay-address has no \(family) address"
                )
            }
        }
        return nil
    }

    private func contradictionOfPeers(_ origins: [String: SettingOrigin]) -> SettingsError.Problem? {
        guard let both = allowPeers.first(where: denyPeers.contains) else { return nil }
        return problem(
            between: "deny-peers",
            and: "allow-peers",
            origins,
            "allow-peers and deny-peers both have \(both)"
        )
    }

    /// What is allowed in the TURN settings but unwise.
    var turnWarnings: [String] {
        var warnings: [String] = []
        for (index, entry) in realm.enumerated() where index > 0 && entry.address == nil {
            warnings.append(
                "the realm \(printable(entry.name)) is offered to nobody: give it an address, as \(printable("\(entry.name)@ADDRESS"))"
            )
        }
        // One credential is enough to try secrets against, as fast as a computer can (RFC 8489 section 16.1.1).
        for (key, secrets) in [("turn-secrets", turnSecrets), ("retired-turn-secrets", retiredTurnSecrets)]
        where secrets.contains(where: { $0.secret.utf8.count < 16 }) {
            warnings.append(
                "\(key) has a secret of fewer than 16 bytes, which can be guessed from one credential: `stund secret add` makes a good one"
            )
        }
        return warnings + streamWarnings + redisWarnings + mirrorWarnings
    }

    private var redisWarnings: [String] {
        guard let redis else {
            return [("redis-password", redisPassword != nil), ("redis-coturn-users", redisCoturnUsers)].filter(\.1).map
            {
                "\($0.0) has no effect without redis"
            }
        }
        var warnings: [String] = []
        if let address = redis.publicAddress {
            warnings.append(
                """
                redis is at the public address \(address), and what is sent to it is not encrypted, passwords and secrets \
                among it: use a unix socket or a private network
                """
            )
        }
        if case .tcp = redis.place, redisPassword == nil {
            warnings.append(
                "redis is reached by TCP without redis-password: whoever reaches it may change users, secrets and quotas"
            )
        }
        if !turn, clusterKey == nil {
            warnings.append("redis has no effect while turn is off and cluster-key is not set")
        }
        return warnings
    }
}
