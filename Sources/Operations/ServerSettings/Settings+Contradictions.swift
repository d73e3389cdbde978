import Addresses

extension Settings {
    /// The first pair of settings that cannot both hold; nil when there is none.
    func contradiction(origins: [String: SettingOrigin]) -> SettingsError.Problem? {
        if stunPort1 == stunPort2 {
            return problem(
                between: "stun-port-2",
                and: "stun-port-1",
                origins,
                "stun-port-1 and stun-port-2 are both \(stunPort1): they must differ"
            )
        }
        for second in secondAddress {
            if address.contains(second) {
                return problem(
                    between: "second-address",
                    and: "address",
                    origins,
                    "address and second-address are both \(second): they must differ"
                )
            }
            if !address.isEmpty, !address.contains(where: { $0.family == second.family }) {
                let family = second.family == .v4 ? "IPv4" : "IPv6"
                return problem(
                    between: "second-address",
                    and: "address",
                    origins,
                    "second-address has the \(family) address \(second), and address has no \(family) address to go with it"
                )
            }
        }
        return streamContradiction(origins: origins) ?? turnContradiction(origins: origins)
    }

    /// Blames the setting that somebody wrote, and tells where the other one comes from.
    func problem(
        between first: String,
        and second: String,
        _ origins: [String: SettingOrigin],
        _ message: String
    ) -> SettingsError.Problem {
        let firstOrigin = origins[first] ?? .default
        let secondOrigin = origins[second] ?? .default
        let (blamed, other) = firstOrigin == .default ? (second, first) : (first, second)
        let (origin, otherOrigin) = firstOrigin == .default ? (secondOrigin, firstOrigin) : (firstOrigin, secondOrigin)
        let source = otherOrigin == .default ? "is the default" : "comes from \(otherOrigin)"
        return .init(origin, key: blamed, "\(message) (\(other) \(source))")
    }
}
