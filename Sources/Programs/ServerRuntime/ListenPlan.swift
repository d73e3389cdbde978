import Addresses
import PacketEngine
import ServerCore
import ServerSettings

/// Which sockets the settings ask for, and where RFC 5780's four addresses are: decided before anything is opened.
struct ListenPlan: Equatable {
    /// One socket that every worker opens for itself.
    struct Socket: Equatable {
        let local: SocketAddress
        let role: SocketRole
        /// Whether requests are read from it.
        let isRead: Bool
        /// Whether the server starts without it when this host has no such address family.
        let isOptional: Bool
        /// Whether it only spares work: a socket on one address beside the one on all addresses (`addShortcuts`).
        var isShortcut = false
        /// Whether it is there for DTLS alone, at tls-port: it is none of RFC 5780's four, and its role only says which of
        /// them are on another address and port.
        var isSecure = false
    }

    /// One TCP socket that every worker opens for itself; TLS comes to it too.
    struct Stream: Equatable {
        let local: SocketAddress
        /// The setting that asks for it.
        let key: String
        /// Whether the server starts without it when this host has no such address family.
        let isOptional: Bool
    }

    /// How many shortcuts there may be for a family, and in all: half of the usual limit of 1024 open files.
    private static let mostShortcuts = (ofFamily: 8, sockets: 512)

    private(set) var sockets: [Socket] = []
    private(set) var streams: [Stream] = []
    private(set) var v4 = Endpoints()
    private(set) var v6 = Endpoints()

    /// Plans the sockets.
    ///
    /// - `host`: the addresses of this host.
    /// - `outgoing`: the one by which it reaches the Internet in a family.
    init(
        _ settings: Settings,
        host: [HostAddresses.Entry],
        outgoing: (IPAddress.Family) -> IPAddress? = HostAddresses.outgoing
    ) throws(StartError) {
        for family in IPAddress.Family.allCases {
            let primary = settings.address.first { $0.family == family }
            let second = settings.secondAddress.first { $0.family == family }
            guard settings.address.isEmpty || primary != nil else {
                // Only the other family was asked for.
                if let second { throw .secondAddressWithoutFirst(second) }
                continue
            }
            let mapped = Self.mappedAddress(family, settings, host: host, outgoing)
            try add(family, primary: primary, second: second, mapped: mapped, settings: settings, host: host)
        }
    }

    private mutating func add(
        _ family: IPAddress.Family,
        primary: IPAddress?,
        second: IPAddress?,
        mapped: IPAddress?,
        settings: Settings,
        host: [HostAddresses.Entry]
    ) throws(StartError) {
        var endpoints = Endpoints()
        endpoints.port1 = settings.stunPort1
        endpoints.port2 = settings.stunPort2
        endpoints.readsPort2 = settings.stunPort2Reads
        endpoints.primary = primary.flatMap { $0.isUnspecified ? nil : $0 }
        endpoints.alternate = second
        if let second, endpoints.primary == nil {
            guard let first = Self.firstAddress(beside: second, host: host) else {
                throw .secondAddressWithoutFirst(second)
            }
            endpoints.primary = first
        }
        endpoints.nameExternal(settings, mapped: mapped)
        if family == .v4 { v4 = endpoints } else { v6 = endpoints }
        let isOptional = settings.address.isEmpty && second == nil && family == .v6
        for role in SocketRole.allCases {
            let wanted = role.isOnAlternateAddress ? second : primary ?? .unspecified(family)
            guard let address = wanted else { continue }
            sockets.append(
                Socket(
                    local: SocketAddress(address, port: role.isOnAlternatePort ? endpoints.port2 : endpoints.port1),
                    role: role,
                    isRead: endpoints.readsPort2 || !role.isOnAlternatePort,
                    isOptional: isOptional
                )
            )
        }
        if let port = Self.securePort(settings) {
            let local = SocketAddress(primary ?? .unspecified(family), port: port)
            sockets.append(
                Socket(local: local, role: .primaryPrimary, isRead: true, isOptional: isOptional, isSecure: true)
            )
        }
        for (key, port) in Self.streamPorts(settings) {
            let local = SocketAddress(primary ?? .unspecified(family), port: port)
            streams.append(Stream(local: local, key: key, isOptional: isOptional))
        }
        if primary?.isUnspecified ?? true {
            addShortcuts(family, beside: second, endpoints, workers: settings.workerCount, host: host)
        }
    }

    /// The TCP ports, each once, with the settings that ask for them.
    private static func streamPorts(_ settings: Settings) -> [(key: String, port: UInt16)] {
        let hasTLS = settings.tlsCertificate != nil
        let more = settings.streamPorts.map { (key: "stream-ports", port: $0) }
        let wanted =
            (settings.tcp ? [(key: "stun-port-1", port: settings.stunPort1)] : [])
            + (hasTLS ? [(key: "tls-port", port: settings.tlsPort)] : []) + (settings.tcp || hasTLS ? more : [])
        var ports: [(key: String, port: UInt16)] = []
        for entry in wanted where !ports.contains(where: { $0.port == entry.port }) { ports.append(entry) }
        return ports
    }

    /// The UDP port that DTLS has for itself; nil when there is none, or when it is one that is listened at anyway.
    private static func securePort(_ settings: Settings) -> UInt16? {
        guard settings.dtls, settings.tlsCertificate != nil else { return nil }
        return [settings.stunPort1, settings.stunPort2].contains(settings.tlsPort) ? nil : settings.tlsPort
    }

    /// Plans sockets for the addresses that this host has now, beside those on all addresses.
    ///
    /// The kernel gives a datagram to the socket on its own address first, and such a socket need neither ask for nor
    /// set the local address of each datagram, which costs a twentieth of an answer. Addresses that come later, and
    /// those over the limit, are served by the socket on all addresses.
    private mutating func addShortcuts(
        _ family: IPAddress.Family,
        beside second: IPAddress?,
        _ endpoints: Endpoints,
        workers: Int,
        host: [HostAddresses.Entry]
    ) {
        // Two ports an address, and two families.
        let most = min(Self.mostShortcuts.ofFamily, Self.mostShortcuts.sockets / (4 * max(1, workers)))
        let candidates = host.map(\.address).filter { $0.family == family && !$0.isLinkLocal && $0 != second }
        // Loopback last: what clients use comes first.
        var addresses: [IPAddress] = []
        for address in candidates.filter({ !$0.isLoopback }) + candidates.filter(\.isLoopback)
        where addresses.count < most && !addresses.contains(address) {
            addresses.append(address)
        }
        for address in addresses {
            for role in [SocketRole.primaryPrimary, .primaryAlternate] {
                sockets.append(
                    Socket(
                        local: SocketAddress(address, port: role.isOnAlternatePort ? endpoints.port2 : endpoints.port1),
                        role: role,
                        isRead: endpoints.readsPort2 || !role.isOnAlternatePort,
                        isOptional: true,
                        isShortcut: true
                    )
                )
            }
        }
    }

    /// The address of this host that `external-ip` stands for, for a server on all addresses; nil when there is none.
    private static func mappedAddress(
        _ family: IPAddress.Family,
        _ settings: Settings,
        host: [HostAddresses.Entry],
        _ outgoing: (IPAddress.Family) -> IPAddress?
    ) -> IPAddress? {
        let pairs = settings.externalIp.filter { $0.external.family == family }
        guard !pairs.isEmpty else { return nil }
        if let main = settings.externalOnAll(family, outgoing: outgoing) { return main.local }
        return pairs.lazy.compactMap(\.local).first { local in host.contains { $0.address == local } }
    }

    /// The address that a server on all addresses calls its first when it has a second one: an answer from the second
    /// must be able to name the first, and to leave from it.
    ///
    /// It is another address of the interface that holds the second one, else of any interface that is no loopback.
    static func firstAddress(beside second: IPAddress, host: [HostAddresses.Entry]) -> IPAddress? {
        let others = host.filter {
            $0.address.family == second.family && $0.address != second && !$0.address.isLinkLocal
        }
        let holder = host.first { $0.address == second } ?? host.first { $0.network?.contains(second) == true }
        return (others.first { $0.interface == holder?.interface } ?? others.first { !$0.address.isLoopback })?.address
    }
}

extension HostAddresses.Entry {
    /// Whether an address is one of this loopback interface's without being listed: all of 127.0.0.0/8 is.
    func isLoopbackNetwork(of other: IPAddress) -> Bool { address.isLoopback && network?.contains(other) == true }

    fileprivate var network: IPPrefix? { IPPrefix(address.masked(to: prefixLength), length: prefixLength) }
}

extension Endpoints {
    /// Takes from `external-ip` what clients are told of the two addresses.
    fileprivate mutating func nameExternal(_ settings: Settings, mapped: IPAddress?) {
        // Who asks the one that a NAT maps is told what stands for it, although others are listened at too.
        primary = primary ?? mapped
        primaryExternal = primary.flatMap(settings.external(forFirst:))
        alternateExternal = alternate.flatMap { settings.external(for: $0, isFirst: false) }
    }
}
