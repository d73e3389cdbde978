import Addresses
import STUNAuthentication
import ServerCore

/// Who plays in relay scripts: the server's addresses, its clients, users and peers.
enum Cast {
    static let server = IPAddress(v4: 0x1400_0001)
    /// Another address of the host, where clients are challenged with the second realm; no relay address.
    static let second = IPAddress(v4: 0x1400_0002)
    /// What IPv4 relay sockets are bound to; the world knows them by `server` (1:1 NAT).
    static let local = IPAddress(v4: 0x0A09_0001)
    static let server6 = IPAddress(v6High: 0x2A01_0000_0000_0000, low: 1)

    /// Two clients behind one address, two in one /64, one in a 6to4 tunnel, and one that cannot be answered.
    static let clients = [
        SocketAddress(IPAddress(v4: 0x0700_0001), port: 1000), SocketAddress(IPAddress(v4: 0x0700_0001), port: 1001),
        SocketAddress(IPAddress(v4: 0x0700_0002), port: 1000),
        SocketAddress(IPAddress(v6High: 0x2A02 << 48, low: 1), port: 1000),
        SocketAddress(IPAddress(v6High: 0x2A02 << 48, low: 2), port: 1000),
        SocketAddress(IPAddress(v6High: 0x2A03 << 48, low: 1), port: 1000),
        SocketAddress(IPAddress(v6High: 0x2002_0101_0101_0000, low: 1), port: 1000),
        SocketAddress(IPAddress(v4: 0x0700_0003), port: 0),
    ]

    /// Public peers, forbidden ones, and our own addresses by each of their names.
    static let peers = [
        SocketAddress(IPAddress(v4: 0x0505_0501), port: 1000), SocketAddress(IPAddress(v4: 0x0505_0501), port: 2000),
        SocketAddress(IPAddress(v4: 0x0505_0601), port: 1000), SocketAddress(IPAddress(v4: 0x0909_0909), port: 53),
        SocketAddress(IPAddress(v4: 0x0A00_0001), port: 80), SocketAddress(IPAddress(v4: 0x7F00_0001), port: 80),
        SocketAddress(IPAddress(v4: 0xA9FE_A9FE), port: 80), SocketAddress(server, port: 49152),
        SocketAddress(server, port: 49153), SocketAddress(server, port: 3478), SocketAddress(local, port: 49152),
        SocketAddress(IPAddress(v6High: 0x2A00 << 48, low: 1), port: 1000),
        SocketAddress(IPAddress(v6High: 0x2A00 << 48, low: 2), port: 1000),
        SocketAddress(IPAddress(v6High: 0, low: 1), port: 80),
        SocketAddress(IPAddress(v6High: 0xFC00 << 48, low: 1), port: 5),
        SocketAddress(IPAddress(v6High: 0, low: 0xFFFF_0A00_0001), port: 80),
        SocketAddress(server6, port: 49152), SocketAddress(server6, port: 3478), SocketAddress(second, port: 80),
        SocketAddress(IPAddress(v4: 0x0505_0501), port: 0), SocketAddress(local, port: 3478),
        SocketAddress(IPAddress(v6High: 0x2A00 << 48, low: 1), port: 2000),
    ]

    /// Three bits for the client, the next for where it sends to.
    static func flow(_ bits: UInt8) -> ClientFlow {
        let client = clients[Int(bits & 7)]
        let isSecond = bits & 8 != 0
        let isV4 = client.address.family == .v4
        return ClientFlow(
            source: client,
            destination: SocketAddress(
                isV4 ? (isSecond ? second : server) : server6,
                port: isSecond && !isV4 ? 3479 : 3478
            ),
            role: isSecond && !isV4 ? .primaryAlternate : .primaryPrimary
        )
    }

    /// The nonce key's bytes.
    static let issuer = NonceIssuer(key: InlineArray<32, UInt8>(repeating: 7), lifetime: 600)
    static let nonceLifetime: UInt64 = 600
    static let realms = ["first", "second"]
    static let secret = SharedSecret(name: "test", secret: Array("north".utf8))
    static let retired = SharedSecret(name: "test", secret: Array("north".utf8), state: .retired)

    /// The users of the book; without bob after a reload that removes him.
    static let users = [("alice", "first"), ("alice", "second"), ("bob", "first")]
    static func password(_ user: String, _ realm: String) -> String { "\(user) of \(realm)" }

    static let fullBook = book(users, secret)
    static let smallBook = book(Array(users.prefix(2)), retired)

    private static func book(_ users: [(String, String)], _ secret: SharedSecret?) -> CredentialBook {
        CredentialBook(
            realms: [CredentialRealm("first"), CredentialRealm("second", serverAddresses: [second])],
            users: users.map { StoredCredential(username: $0, realm: $1, password: password($0, $1)) },
            secrets: secret.map { [$0] } ?? []
        )
    }
}

/// The peer rules of a policy, as settings and as the plain list that they mean for the peers of the cast.
enum RuleSet: UInt8, CaseIterable {
    case standard
    case denying
    case allowing
    case denyingAll

    /// What the server gets.
    var rules: PeerRules { Self.compiled[Int(rawValue)] }

    private static let compiled = allCases.map { set in
        PeerRules(
            allow: (set == .allowing ? ["10.0.0.0/8", "fc00::/7"] : []).compactMap { IPPrefix($0) },
            deny: (set == .denying ? ["5.5.5.0/24", "2a00::2/128"] : set == .denyingAll ? ["0.0.0.0/0", "::/0"] : [])
                .compactMap { IPPrefix($0) },
            lanPeers: false,
            listening: [
                SocketAddress(.unspecified(.v4), port: 3478), SocketAddress(.unspecified(.v6), port: 3478),
            ],
            hostAddresses: [Cast.server, Cast.second, Cast.local, Cast.server6],
            relayAddresses: [Cast.server, Cast.local, Cast.server6]
        )
    }

    private static let relayAddresses = [Cast.server, Cast.local, Cast.server6]
    private static let unusual = Set(
        ([4, 5, 6, 13, 14, 15].map { Cast.peers[$0].address }) + relayAddresses + [Cast.second]
    )
    private static let known = Set(Cast.peers.map(\.address))

    /// Whether a peer is allowed; nil for one that is not of the cast, of which the model has no opinion.
    ///
    /// Without a port: whether a permission for the address is.
    func allows(_ address: IPAddress, port: UInt16?, isOpen: (UInt16, IPAddress.Family) -> Bool) -> Bool? {
        guard Self.known.contains(address) else { return nil }
        let isOwn = Self.relayAddresses.contains(address) || address == Cast.second
        if let port {
            if port == 0 { return false }
            if port == 3478, isOwn || address == Cast.peers[5].address || address == Cast.peers[13].address {
                return false
            }
        }
        if Self.relayAddresses.contains(address) {
            guard let port else { return true }
            if isOpen(port, address.family) { return true }
        }
        switch self {
        case .standard: return !Self.unusual.contains(address)
        case .denying:
            return !Self.unusual.contains(address) && address != Cast.peers[0].address
                && address != Cast.peers[12].address
        case .allowing:
            return !Self.unusual.contains(address) || [4, 10, 14].contains { Cast.peers[$0].address == address }
        case .denyingAll: return false
        }
    }
}
