import ClusterCore
import PacketEngine
import STUNAuthentication
import STUNCodec
import ServerCore
import ServerSettings

extension Policy {
    /// Of this process: a client asks anew after a restart (430).
    private static let secretsOfThisProcess = OneTimeSecrets(key: InlineArray { _ in UInt8.random(in: .min ... .max) })

    /// What one of `workers` may do under these settings.
    ///
    /// A client's packets spread over the workers by its ports, so each worker gets its share of a limit that holds for
    /// all of them together.
    ///
    /// - Throws: When a limit is so low that a worker's share of it would be nothing.
    init(_ settings: Settings, plan: ListenPlan, workers: Int) throws(StartError) {
        self.init()
        for key in ["binding-rate-limit", "binding-rate-burst", "challenge-rate-limit", "challenge-rate-burst"] {
            guard let value = Settings.key(named: key).flatMap({ Int($0.text(in: settings)) }) else { continue }
            guard value >= workers else { throw .rateBelowWorkers(key: key, value: value, workers: workers) }
        }
        v4 = plan.v4
        v6 = plan.v6
        draftAddressLayout = settings.draftAddressLayout == .draft00 ? .draft00 : .draft01
        bindingRate = Rate(settings.bindingRateLimit, settings.bindingRateBurst, sharedBy: workers)
        challengeRate = Rate(settings.challengeRateLimit, settings.challengeRateBurst, sharedBy: workers)
        rateLimitExempt = settings.rateLimitExempt
        statisticsRows = settings.statisticsRows
        oneTimeSecrets = Self.secrets(settings)
    }
}

extension Policy {
    /// What makes and checks shared secrets: with a key that follows from the cluster key, so that a secret of one server is
    /// good on the others, else with one of this process.
    private static func secrets(_ settings: Settings) -> OneTimeSecrets {
        guard let key = settings.clusterKey else { return secretsOfThisProcess }
        return OneTimeSecrets(key: ClusterKey(secret: key).bytes(for: "stund shared secret"))
    }
}

extension Settings {
    /// How many workers these settings ask for: one a processor unless set, and then not more than share the default
    /// rate limits sensibly.
    var workerCount: Int { workers ?? min(Processors.count, 32) }
}

extension Rate {
    fileprivate init(_ perSecond: Int, _ burst: Int, sharedBy workers: Int) {
        self.init(perSecond: perSecond / workers, burst: burst / workers)
    }
}
