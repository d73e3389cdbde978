import AccountStore
import Addresses
import PacketEngine
import STUNAuthentication
import ServerCore
import ServerSettings

extension TURNPolicy {
    /// What the relay may do under these settings, for the users in `book`.
    init(_ settings: Settings, book: CredentialBook, nonces: NonceIssuer, plan: ListenPlan, relays: RelayPlan) {
        self.init(
            authenticator: LongTermAuthenticator(book: book, issuer: nonces),
            peers: PeerRules(
                allow: settings.allowPeers,
                deny: settings.denyPeers,
                lanPeers: settings.lanPeers,
                listening: Self.listening(plan, relays),
                hostAddresses: HostAddresses.all().map(\.address),
                relayAddresses: relays.addresses.flatMap { [$0.local, $0.external] }
            )
        )
        let longest = UInt32(clamping: settings.maxLifetime)
        lifetimes = Lifetimes(shortest: UInt32(clamping: settings.defaultBindingDuration), longest: longest)
        realmLifetimes = book.realms.map { realm in
            settings.realmLifetimes.first { $0.realm == realm.name }.map {
                Lifetimes(
                    shortest: UInt32(clamping: $0.lifetimes.lowerBound),
                    longest: UInt32(clamping: $0.lifetimes.upperBound)
                )
            }
        }
        endsAtCredentialExpiry = settings.strictExpiry
        permissionsPerAllocation = settings.permissionsPerAllocation
        channelsPerAllocation = settings.channelsPerAllocation
        relaysTCP = settings.tcpRelay
        connectionsPerAllocation = settings.tcpRelayConnections
        acceptsRFC5766Channels = settings.rfc5766Channels
        quotas.userAllocations = settings.userAllocations ?? .max
        quotas.totalAllocations = settings.maxAllocations ?? .max
        quotas.memory = HostMemory.ceiling(settings.memoryLimit)
        quotas.userBytes = settings.userBandwidth.map(Rate.init(bytesPerSecond:))
        quotas.totalBytes = settings.totalBandwidth.map(Rate.init(bytesPerSecond:))
        quotas.userBytesPerMonth = settings.userMonthlyBytes.map { UInt64(clamping: $0) } ?? .max
        let inMemory = quotas.memory / (MemoryCost.allocation + MemoryCost.relaySocket)
        capacity = min(settings.maxAllocations ?? .max, settings.relayPorts.count, inMemory)
        redirectLoad = settings.redirectAt.map { UInt16(clamping: $0 * 10) }
        mirror = settings.mirror ? MirrorPolicy(settings) : nil
        relayV4 = relays.address(.v4)
        relayV6 = relays.address(.v6)
    }
}

extension TURNPolicy {
    /// Our own sockets as peers may be named: by the address they are bound to, and where that relays behind a NAT, by the
    /// external one too.
    private static func listening(_ plan: ListenPlan, _ relays: RelayPlan) -> [SocketAddress] {
        (plan.sockets.filter { !$0.isShortcut }.map(\.local) + plan.streams.map(\.local)).flatMap { socket in
            let outside = relays.addresses.filter { $0.local == socket.address || socket.address.isUnspecified }
            return [socket] + outside.map { SocketAddress($0.external, port: socket.port) }
        }
    }
}

extension MirrorPolicy {
    fileprivate init(_ settings: Settings) {
        self.init()
        clients = settings.mirrorClients
        total = settings.maxMirrors
        perClient = settings.mirrorsPerClient
        isDraft00 = settings.mirrorDraft00
        isDraft01 = settings.mirrorDraft01
    }
}

extension Rate {
    /// So many bytes a second; what was not used in the last second may follow at once, as the key frames of video do.
    fileprivate init(bytesPerSecond: Int) { self.init(perSecond: bytesPerSecond, burst: max(bytesPerSecond, 65_536)) }
}
