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
                listening: plan.sockets.filter { !$0.isShortcut }.map(\.local),
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
        acceptsRFC5766Channels = settings.rfc5766Channels
        quotas.userAllocations = settings.userAllocations ?? 0
        quotas.totalAllocations = settings.maxAllocations ?? 0
        quotas.userBytesPerSecond = UInt64(clamping: settings.userBandwidth ?? 0)
        quotas.totalBytesPerSecond = UInt64(clamping: settings.totalBandwidth ?? 0)
        quotas.userBytesPerMonth = UInt64(clamping: settings.userMonthlyBytes ?? 0)
        relayV4 = relays.address(.v4)
        relayV6 = relays.address(.v6)
    }
}
