import Addresses
import Administration
import ServerSettings

extension HostExamination {
    /// What no client of a public server should reach, and what is told of it.
    private static let dangers: [(address: String, words: String)] = [
        ("127.0.0.1", "services of this host (loopback)"), ("::1", "services of this host (loopback)"),
        ("169.254.169.254", "the metadata service of a cloud, which hands out its keys"),
        ("fd00:ec2::254", "the metadata service of a cloud, which hands out its keys"),
    ]

    /// Networks that strangers have no business in (RFC 1918, RFC 6598, RFC 4193).
    private static let privateNetworks = [
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7",
    ].compactMap { IPPrefix($0) }

    /// Whether the rules for peers let users reach what is not for them.
    func peers() -> [Finding] {
        guard settings.turn else { return [] }
        var findings: [Finding] = []
        for prefix in settings.allowPeers {
            let reached = Self.dangers.filter { danger in IPAddress(danger.address).map(prefix.contains) == true }
                .filter { danger in
                    // A longer prefix that denies it wins.
                    !settings.denyPeers.contains { deny in
                        deny.length > prefix.length && IPAddress(danger.address).map(deny.contains) == true
                    }
                }
            for danger in reached {
                findings.append(
                    Finding(
                        "peers",
                        .warning,
                        "allow-peers \(prefix) lets every user reach \(danger.address): \(danger.words).",
                        remedy: "Name the peers that are meant, or deny \(danger.address) in deny-peers."
                    )
                )
            }
        }
        findings += privatePeers()
        guard findings.isEmpty else { return findings }
        return [
            Finding(
                "peers",
                .good,
                "Private and special addresses are denied, but for what allow-peers has "
                    + "(\(HumanText.count(settings.allowPeers.count, "item"))); deny-peers has \(settings.denyPeers.count)."
            )
        ]
    }

    /// What lets every user of a public relay into private networks.
    private func privatePeers() -> [Finding] {
        let isPublic = relayPairs.contains {
            !$0.external.isPrivate && !$0.external.isLoopback && !$0.external.isLinkLocal
        }
        guard isPublic else { return [] }
        var findings: [Finding] = []
        for prefix in settings.allowPeers {
            guard let network = Self.privateNetworks.first(where: { $0.isReached(by: prefix) }) else { continue }
            findings.append(
                Finding(
                    "peers",
                    .warning,
                    "allow-peers \(prefix) lets every user reach a private network (\(network)).",
                    remedy: "Name the few peers that are meant, or take it out."
                )
            )
        }
        if settings.lanPeers {
            findings.append(
                Finding(
                    "peers",
                    .warning,
                    "lan-peers is on and a relay address is public: every user reaches the private network of this host.",
                    remedy: "Set lan-peers to off, or name the peers that are meant in allow-peers."
                )
            )
        }
        return findings
    }
}

extension IPPrefix {
    /// Whether `other` reaches into this network by more than a few hosts.
    fileprivate func isReached(by other: IPPrefix) -> Bool {
        // A /25 of IPv4 and a /65 of IPv6 are a part of a network that somebody has chosen.
        guard other.length <= (other.address.family == .v4 ? 24 : 64) else { return false }
        return contains(other.address) || other.contains(address)
    }
}
