public import Addresses

/// With whom relays may exchange datagrams: by default with the public Internet alone.
///
/// Asked for every peer that a client names and every one that sends; it allocates nothing. The order:
///
/// 1. port 0 and the server's own sockets: never;
/// 2. the server's own relay addresses, on the ports of allocations: always;
/// 3. the longest prefix among `allow-peers` and `deny-peers`, of equal ones `deny-peers`;
/// 4. addresses of the server's host: no;
/// 5. special-purpose ranges and all IPv6 forms of denied IPv4 addresses: no.
///
/// A prefix that allows IPv4 addresses says nothing about their IPv6 forms. A prefix that allows IPv6 addresses opens a
/// tunnel only when it lies within the tunnel's range, and then a denied IPv4 address behind the tunnel only when it is at
/// least as long as the rule that denies it (longer, for `deny-peers`).
///
/// A class, though it never changes: whoever copies a policy counts one reference, and not one for each of its maps.
public final class PeerRules: Sendable {
    private enum Setting {
        case allow(length: Int)
        case deny(IPPrefix)
    }

    private let settings: [Setting]
    private let settingOf: PeerPrefixMap
    /// Of `deny-peers` alone: an allowed IPv4 address does not allow its IPv6 forms.
    private let deniedOf: PeerPrefixMap
    private let rangeOf: PeerPrefixMap
    private let ownAddresses: PeerPrefixMap
    private let ownRelayAddresses: PeerPrefixMap
    private let listening: [SocketAddress]
    private let listeningPorts: [UInt16]

    /// Compiles the rules.
    ///
    /// `listening` are the server's own sockets, of which those on an unspecified address listen on all own addresses;
    /// `relayAddresses` are those that relays are bound to and those that clients are told; `lanPeers` opens RFC 1918,
    /// 100.64.0.0/10 and fc00::/7.
    public init(
        allow: [IPPrefix],
        deny: [IPPrefix],
        lanPeers: Bool,
        listening: [SocketAddress],
        hostAddresses: [IPAddress],
        relayAddresses: [IPAddress]
    ) {
        // Denied ones last, so that they hold where both name the same prefix.
        settings = allow.map { .allow(length: $0.length) } + deny.map { .deny($0) }
        settingOf = PeerPrefixMap((allow + deny).enumerated().map { ($0.element, $0.offset) })
        deniedOf = PeerPrefixMap(deny.enumerated().map { ($0.element, $0.offset + allow.count) })
        rangeOf = PeerPrefixMap(
            SpecialPurposeRange.all.enumerated().map { index, range in
                (range.prefix, lanPeers && range.isLocalNetwork ? -1 : index)
            }
        )
        ownAddresses = Self.map(hostAddresses + relayAddresses)
        ownRelayAddresses = Self.map(relayAddresses)
        self.listening = listening
        listeningPorts = Set(listening.map(\.port)).sorted()
    }

    /// Those of a server that relays nothing.
    static let none = PeerRules(
        allow: [],
        deny: [],
        lanPeers: false,
        listening: [],
        hostAddresses: [],
        relayAddresses: []
    )

    /// Decides about a peer that is to be sent to, or that sent.
    public func check(_ peer: SocketAddress) -> PeerDecision {
        if peer.port == 0 { return .denied(.portZero) }
        if let socket = listeningSocket(reachedBy: peer) { return .denied(.listeningSocket(socket)) }
        return decide(peer.address, port: peer.port)
    }

    /// Decides about a peer whose port is not known yet, as a permission names it (RFC 8656 section 9).
    public func check(_ peer: IPAddress) -> PeerDecision { decide(peer, port: nil) }
}

extension PeerRules {
    /// Whether an address is, or leads to, one of this host's own: what may be sent there depends on the port.
    public func isOurs(_ address: IPAddress) -> Bool {
        ownAddresses.value(of: address) >= 0 || address.isLoopback || address.isUnspecified
    }

    /// Whether an address is one of our own relay addresses that others can have got: not on loopback, where only this host is.
    func isRelaying(_ address: IPAddress) -> Bool {
        ownRelayAddresses.value(of: address) >= 0 && !address.isLoopback
    }

    /// The tunnel that an address belongs to: 6to4 or Teredo, which RFC 8656 section 21.4 keeps out of requests.
    func tunnel(_ address: IPAddress) -> PeerRule? {
        let index = rangeOf.value(of: address)
        guard index >= 0, let form = PeerDisguise(prefixOf: address), form == .sixToFour || form == .teredo else {
            return nil
        }
        return .specialPurpose(SpecialPurposeRange(index: index))
    }

    private static func map(_ addresses: [IPAddress]) -> PeerPrefixMap {
        PeerPrefixMap(addresses.filter { !$0.isUnspecified }.compactMap { IPPrefix(host: $0) }.map { ($0, 0) })
    }

    private func decide(_ peer: IPAddress, port: UInt16?) -> PeerDecision {
        let rule = rule(denying: peer, port: port)
        if ownRelayAddresses.value(of: peer) >= 0 { return .ownRelayAddress(elsewhere: rule) }
        return rule.map { .denied($0) } ?? .allowed
    }

    /// What denies an address, apart from who listens there.
    private func rule(denying peer: IPAddress, port: UInt16?) -> PeerRule? {
        var allowedLength: Int?
        let setting = settingOf.value(of: peer)
        if setting >= 0 {
            switch settings[setting] {
            case .deny(let prefix): return .denyPeers(prefix)
            case .allow(let length): allowedLength = length
            }
        }
        let index = rangeOf.value(of: peer)
        let range = index >= 0 ? SpecialPurposeRange(index: index) : nil
        if let range, range.isTunnel {
            if let form = PeerDisguise(prefixOf: peer),
                let rule = rule(denying: form, in: peer, port: port, allowedLength: allowedLength)
            {
                return rule
            }
            if allowedLength ?? -1 < range.prefix.length { return .specialPurpose(range) }
        }
        if peer.isISATAP, let rule = rule(denying: .isatap, in: peer, port: port, allowedLength: allowedLength) {
            return rule
        }
        if allowedLength != nil { return nil }
        if ownAddresses.value(of: peer) >= 0 { return .hostAddress(peer) }
        return range.map { .specialPurpose($0) }
    }

    /// What denies the IPv4 addresses in an IPv6 address of some form, unless a prefix of `allow-peers` names them.
    private func rule(
        denying form: PeerDisguise,
        in peer: IPAddress,
        port: UInt16?,
        allowedLength: Int?
    ) -> PeerRule? {
        var index = 0
        while let (address, offset) = form.embedded(index, in: peer, allowedLength: allowedLength ?? -1) {
            index += 1
            if let rule = rule(denyingEmbedded: address, port: port, allowedBits: (allowedLength ?? -1) - offset) {
                return .disguise(form, of: address, by: rule)
            }
            // The other forms have a range of their own, which says so.
            if form == .isatap, allowedLength ?? -1 < form.prefixLength {
                return .disguise(form, of: address, by: .tunnel)
            }
        }
        return nil
    }

    /// What denies an IPv4 address of which a prefix of `allow-peers` names so many bits in its IPv6 form.
    private func rule(denyingEmbedded address: IPAddress, port: UInt16?, allowedBits: Int) -> DisguisedRule? {
        if let port, listeningSocket(reachedBy: SocketAddress(address, port: port)) != nil { return .listeningSocket }
        let denied = deniedOf.value(of: address)
        if denied >= 0, case .deny(let prefix) = settings[denied], allowedBits <= prefix.length {
            return .denyPeers(prefix)
        }
        if allowedBits < address.bitWidth, ownAddresses.value(of: address) >= 0 { return .hostAddress }
        let index = rangeOf.value(of: address)
        guard index >= 0 else { return nil }
        let range = SpecialPurposeRange(index: index)
        return allowedBits < range.prefix.length ? .specialPurpose(range) : nil
    }

    /// Whether a transport address is that of one of our own listening sockets.
    func isListening(at address: SocketAddress) -> Bool { listeningSocket(reachedBy: address) != nil }

    /// The own socket that gets what is sent to a transport address.
    private func listeningSocket(reachedBy peer: SocketAddress) -> SocketAddress? {
        // Few peers have one of our ports, so that most are done here.
        guard listeningPorts.contains(peer.port) else { return nil }
        return listening.first { socket in
            guard socket.port == peer.port, socket.address.family == peer.address.family else { return false }
            // Linux sends what goes to 0.0.0.0 or :: to the host itself (attacks row 2).
            return socket.address == peer.address || peer.address.isUnspecified
                || socket.address.isUnspecified
                    && (peer.address.isLoopback || ownAddresses.value(of: peer.address) >= 0)
        }
    }
}

extension IPAddress {
    /// Whether this is in 127.0.0.0/8 or `::1`.
    var isLoopback: Bool { family == .v4 ? v4Bits >> 24 == 127 : high == 0 && low == 1 }
}
