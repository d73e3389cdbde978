public import Addresses
public import STUNAuthentication
public import ServerSettings

/// The `iceServers` of `RTCPeerConnection`'s configuration (W3C WebRTC section 4.2.4).
public struct IceServers: Encodable, Equatable, Sendable {
    /// The entries.
    public let iceServers: [CredentialReport.Server]
    /// Where clients reach the server.
    public let place: OtherServer
    /// The name to log in with.
    public let username: String
    /// The password.
    public let password: String

    /// URIs that no browser takes, for other clients: STUN over TLS, and TURN over DTLS.
    public let otherURIs: [String]

    private enum CodingKeys: CodingKey {
        case iceServers
    }

    /// URIs after RFC 7064 and RFC 7065, for what the settings serve.
    ///
    /// Each has its port, the usual one too: without one a client asks for SRV records first (RFC 8489 section 8.1), which
    /// may lead elsewhere.
    ///
    /// - `named`: where clients reach the server; a port that only TCP or TLS has is named for these alone.
    /// - `names`: what the certificate is for, as far as that is known.
    public init(_ credential: TimedCredential, at named: OtherServer, _ settings: Settings, names: [String] = []) {
        let isSecure = settings.tlsCertificate != nil
        let streams = settings.streamPorts.filter { $0 != settings.stunPort1 }
        let isStream = streams.contains(named.port) || isSecure && settings.tlsPort == named.port
        place = isStream ? named.with(port: settings.stunPort1) : named
        username = credential.username
        password = credential.password
        var relays = ["turn:\(place)?transport=udp"] + (settings.tcp ? ["turn:\(place)?transport=tcp"] : [])
        var others: [String] = []
        let through = isStream ? named.port : Self.port(through: streams)
        if isSecure {
            let secure = Self.securePlace(place, settings, names)
            relays.append("turns:\(secure)?transport=tcp")
            if let through, through != secure.port {
                relays.append("turns:\(secure.with(port: through))?transport=tcp")
            }
            // A browser takes stuns: for plain STUN, and refuses turns: over UDP.
            others.append("stuns:\(secure)")
            if settings.dtls { others.append("turns:\(secure)?transport=udp") }
        } else if let through {
            relays.append("turn:\(place.with(port: through))?transport=tcp")
        }
        otherURIs = others
        iceServers = [
            .init(urls: ["stun:\(place)"]), .init(urls: relays, username: username, credential: password),
        ]
    }

    /// The port that most networks let out: one is enough, as each makes the start of a call longer.
    private static func port(through ports: [UInt16]) -> UInt16? { ports.contains(443) ? 443 : ports.first }

    /// Where clients of TLS and DTLS reach the server: by a name that the certificate is for, since they accept no other
    /// (RFC 8489 section 6.2.3).
    static func securePlace(_ place: OtherServer, _ settings: Settings, _ names: [String]) -> OtherServer {
        let own = place.with(port: settings.tlsPort)
        guard !names.isEmpty, !names.contains(where: { covers($0, place.host) }) else { return own }
        let named = names.first { !$0.hasPrefix("*") && IPAddress($0) == nil } ?? names.first { IPAddress($0) != nil }
        guard let named, let other = OtherServer(IPAddress(named)?.family == .v6 ? "[\(named)]" : named) else {
            return own
        }
        return other.with(port: settings.tlsPort)
    }

    /// Whether a name of a certificate stands for a host: an asterisk for one label, the first one (RFC 9525 section 6.3).
    static func covers(_ name: String, _ host: String) -> Bool {
        let (name, host) = (name.lowercased(), host.lowercased())
        if let address = IPAddress(host) { return IPAddress(name) == address }
        guard name.hasPrefix("*.") else { return name == host }
        return host.firstIndex(of: ".").map { host[$0...] == name.dropFirst() } ?? false
    }

    /// Where clients reach a server with these settings: what they say, else what the running server found out, else
    /// `127.0.0.1`.
    public static func place(_ host: String?, _ settings: Settings, found: IPAddress? = nil) -> OtherServer {
        if let host, let place = OtherServer(host) {
            let hasPort = IPAddress(host) == nil && !host.hasSuffix("]") && host.contains(":")
            return hasPort ? place : place.with(port: settings.stunPort1)
        }
        let own = settings.address.filter { !$0.isUnspecified }.map { settings.external(forFirst: $0) ?? $0 }
        let known = own.isEmpty ? found.map { [$0] } ?? settings.externalIp.map(\.external) : own
        let address = known.first { $0.family == .v4 } ?? known.first ?? IPAddress(v4: 0x7F00_0001)
        return OtherServer(address: address, port: settings.stunPort1)
    }
}

extension ServerStatus {
    /// What the certificate of TLS and DTLS is for; empty when there is none.
    public var certificateNames: [String] { certificate?.names ?? [] }
}

extension ServerStatus.Relay {
    /// The address that most clients are told; nil when there is none.
    public var mainAddress: IPAddress? {
        let addresses = addresses.compactMap { IPAddress($0.address) }
        return addresses.first { $0.family == .v4 } ?? addresses.first
    }
}
