/// Which environment variables belong to the server.
enum EnvironmentNames {
    /// What every variable of this server begins with.
    static let prefix = "STUND_"

    /// The variable that `stund password` reads; no setting, as only a hash of the password is ever stored.
    static let password = "STUND_HTTP_PASSWORD"

    /// What the start scripts of 2002 read, and what their manual has people export before they type `rcstund start`; a
    /// server that is started with them shall start all the same.
    static let manual = ["STUND_OPTS", "STUND_VERSION"]

    /// The names in `environment` that look like settings of this server and are none, sorted.
    static func unknown(in environment: [String: String]) -> [String] {
        let known = Set(Settings.keys.map(\.environmentName)).union(manual + [password])
        return environment.filter { name, value in
            name.hasPrefix(prefix) && !known.contains(name) && !isServiceLink(name, value)
        }.keys.sorted()
    }

    /// The names that a mistyped variable may have meant.
    static var suggestions: [String] { Settings.keys.map(\.environmentName) + [password] }

    /// Whether Kubernetes or Docker made this variable for a service or container called `stund` or `stund-...`.
    ///
    /// They put `STUND_SERVICE_HOST`, `STUND_PORT_3478_UDP_ADDR` and the like into every container nearby; a server
    /// that refused them could not be started next to its own service.
    private static func isServiceLink(_ name: String, _ value: String) -> Bool {
        // Docker's links give the other container's name and environment too.
        if name == "STUND_NAME" || name.hasPrefix("STUND_ENV_") { return true }
        if name.hasSuffix("_SERVICE_HOST") || name.contains("_SERVICE_PORT") { return true }
        if ["tcp://", "udp://", "sctp://"].contains(where: value.hasPrefix) { return true }
        // ..._PORT_3478_UDP_ADDR
        let words = name.split(separator: "_").suffix(4)
        guard words.count == 4, words.first == "PORT", words.dropFirst().first?.utf8.allSatisfy(isDigit) == true else {
            return false
        }
        return ["PROTO", "PORT", "ADDR"].contains(words.last)
    }
}
