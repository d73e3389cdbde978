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

    private enum CodingKeys: CodingKey {
        case iceServers
    }

    /// URIs after RFC 7064 and RFC 7065.
    ///
    /// - `tcp`: whether the server is reached by TCP too, for clients whose network lets no UDP through.
    public init(_ credential: TimedCredential, at place: OtherServer, tcp: Bool) {
        self.place = place
        username = credential.username
        password = credential.password
        iceServers = [
            .init(urls: ["stun:\(place)"]),
            .init(
                urls: ["turn:\(place)?transport=udp"] + (tcp ? ["turn:\(place)?transport=tcp"] : []),
                username: username,
                credential: password
            ),
        ]
    }

    /// Where clients reach a server with these settings: what they say, else what the running server found out, else
    /// `127.0.0.1`.
    public static func place(_ host: String?, _ settings: Settings, found: IPAddress? = nil) -> OtherServer {
        if let host, let place = OtherServer(host) {
            let hasPort = IPAddress(host) == nil && !host.hasSuffix("]") && host.contains(":")
            return hasPort ? place : place.with(port: settings.stunPort1)
        }
        let known = settings.externalIp.map(\.external) + settings.address.filter { !$0.isUnspecified }
        let address = known.first { $0.family == .v4 } ?? known.first ?? found ?? IPAddress(v4: 0x7F00_0001)
        return OtherServer(address: address, port: settings.stunPort1)
    }
}

extension ServerStatus.Relay {
    /// The address that most clients are told; nil when there is none.
    public var mainAddress: IPAddress? {
        let addresses = addresses.compactMap { IPAddress($0.address) }
        return addresses.first { $0.family == .v4 } ?? addresses.first
    }
}
