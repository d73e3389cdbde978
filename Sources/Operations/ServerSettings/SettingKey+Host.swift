extension SettingKey {
    /// Whether its value is that of one host, so that it is never sent to other servers of a fleet.
    ///
    /// Passwords of the console are among them: who may change things on a server is never decided by another one.
    public var isOfOneHost: Bool {
        Self.ofOneHost.contains(name) || name.hasPrefix("http-") || name.hasPrefix("redis")
    }

    private static let ofOneHost: Set<String> = [
        "stun-port-1", "stun-port-2", "address", "second-address", "relay-address", "external-ip", "relay-ports",
        "other-stun-servers", "cluster-key", "log-file", "tls-certificate", "tls-key", "tls-port", "stream-ports",
        "proxies", "web-server", "web-tls-server", "web-proxy-protocol",
        "workers", "pin-workers", "run-as", "sandbox", "memory-limit", "engine", "wake-ups",
        "socket-buffer", "license-key",
    ]
}
