import Addresses
import STUNAuthentication
import ServerCore

/// What two bytes of a script mean as a policy.
struct RelaySettings {
    let rules: RuleSet
    /// Nil when TURN is off.
    var hasTURN: Bool { bits & 0x40 == 0 }
    var hasWideChannels: Bool { bits & 0x04 != 0 }
    var permissionLimit: Int { bits & 0x08 != 0 ? 2 : 8 }
    var channelLimit: Int { bits & 0x08 != 0 ? 2 : 8 }
    var userLimit: Int { bits & 0x10 != 0 ? 1 : 4 }
    var totalLimit: Int { bits & 0x20 != 0 ? 2 : 100 }
    var hasRates: Bool { bits & 0x80 != 0 }
    var lifetimes: Lifetimes { bits & 0x100 != 0 ? Lifetimes(shortest: 10, longest: 60) : Lifetimes() }
    var endsAtExpiry: Bool { bits & 0x200 != 0 }
    var families: Set<IPAddress.Family> {
        Set((bits & 0x400 == 0 ? [.v6] : []) + (bits & 0x800 == 0 ? [.v4] : []))
    }
    var isRateLimited: Bool { bits & 0x1000 != 0 }
    var monthlyBytes: UInt64 { bits & 0x2000 != 0 ? 3000 : .max }
    var statisticsRows: Int { bits & 0x4000 != 0 ? 3 : 100 }
    var hasBob: Bool { bits & 0x8000 == 0 }
    /// Whether what may be relayed can be refused for its number of bytes.
    var limitsBytes: Bool { hasRates || monthlyBytes != .max }
    private let bits: UInt16

    init(_ bits: UInt16) {
        self.bits = bits
        rules = RuleSet(rawValue: UInt8(truncatingIfNeeded: bits) & 3) ?? .standard
    }

    /// The policy for the server.
    var policy: Policy {
        var policy = Policy()
        policy.v4.primary = Cast.server
        policy.v6.primary = Cast.server6
        policy.statisticsRows = statisticsRows
        if isRateLimited {
            policy.challengeRate = Rate(perSecond: 1, burst: 2)
        } else {
            policy.rateLimitExempt = Self.everybody
        }
        policy.turn = hasTURN ? turn : nil
        return policy
    }

    private var turn: TURNPolicy {
        let book = hasBob ? Cast.fullBook : Cast.smallBook
        var turn = TURNPolicy(authenticator: LongTermAuthenticator(book: book, issuer: Cast.issuer), peers: rules.rules)
        turn.lifetimes = lifetimes
        turn.endsAtCredentialExpiry = endsAtExpiry
        turn.permissionsPerAllocation = permissionLimit
        turn.channelsPerAllocation = channelLimit
        turn.acceptsRFC5766Channels = hasWideChannels
        turn.quotas.userAllocations = userLimit
        turn.quotas.totalAllocations = totalLimit
        turn.quotas.userBytesPerMonth = monthlyBytes
        if hasRates {
            turn.quotas.userBytes = Rate(perSecond: 1000, burst: 2000)
            turn.quotas.totalBytes = Rate(perSecond: 2000, burst: 3000)
        }
        if families.contains(.v4) { turn.relayV4 = RelayAddress(local: Cast.local, external: Cast.server) }
        if families.contains(.v6) { turn.relayV6 = RelayAddress(local: Cast.server6, external: Cast.server6) }
        return turn
    }

    private static let everybody = ["0.0.0.0/0", "::/0"].compactMap { IPPrefix($0) }
}
