import STUNCodec
import ServerCore
import ServerSettings

extension Policy {
    /// What one of `workers` may do under these settings.
    ///
    /// A client's packets spread over the workers by its ports, so each worker gets its share of a limit that holds for
    /// all of them together.
    init(_ settings: Settings, plan: ListenPlan, workers: Int) {
        self.init()
        v4 = plan.v4
        v6 = plan.v6
        draftAddressLayout = settings.draftAddressLayout == .draft00 ? .draft00 : .draft01
        bindingRate = Rate(settings.bindingRateLimit, settings.bindingRateBurst, sharedBy: workers)
        challengeRate = Rate(settings.challengeRateLimit, settings.challengeRateBurst, sharedBy: workers)
        rateLimitExempt = settings.rateLimitExempt
        statisticsRows = settings.statisticsRows
    }
}

extension Rate {
    fileprivate init(_ perSecond: Int, _ burst: Int, sharedBy workers: Int) {
        self.init(perSecond: max(1, perSecond / workers), burst: max(1, burst / workers))
    }
}
