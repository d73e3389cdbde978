import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Replacing the policy of a running server")
struct PolicyTests {
    @Test("the next datagram is judged by the new policy; counters, rows and buckets stay")
    func replacement() {
        var policy = Policy.oneAddress
        policy.bindingRate = Rate(perSecond: 1, burst: 3)
        var harness = ServerHarness(policy: policy)
        #expect(harness.ask(Wire.message(as: .cookie), as: .cookie)?.types == [0x20])
        var second = Policy.twoAddresses
        second.bindingRate = policy.bindingRate
        harness.server.policy = second
        #expect(harness.ask(Wire.message(as: .cookie), as: .cookie)?.types == [0x20, 1, 0x802B, 0x802C])
        #expect(harness.row?.hits == 2)
        #expect(harness.server.counters.answered[2] == 2)
        #expect(harness.send(Wire.message(as: .cookie)).verdict == .reply)
        #expect(harness.send(Wire.message(as: .cookie)).verdict == .drop(.rateLimited))
    }

    @Test("a new rate holds at once")
    func rates() {
        var policy = Policy.oneAddress
        policy.bindingRate = Rate(perSecond: 1, burst: 1)
        policy.challengeRate = Rate(perSecond: 1, burst: 1)
        var harness = ServerHarness(policy: policy)
        let refused = Wire.message(as: .cookie, [.unknown])
        for request in [Wire.message(as: .cookie), refused] {
            #expect(harness.send(request).verdict == .reply)
            #expect(harness.send(request).verdict == .drop(.rateLimited))
        }
        harness.server.policy.bindingRate = Rate(perSecond: 1, burst: 2)
        #expect(harness.send(Wire.message(as: .cookie)).verdict == .reply)
        #expect(harness.send(Wire.message(as: .cookie)).verdict == .reply)
        #expect(harness.send(Wire.message(as: .cookie)).verdict == .drop(.rateLimited))
        #expect(harness.send(refused).verdict == .drop(.rateLimited))
        harness.server.policy.challengeRate = Rate(perSecond: 1, burst: 2)
        #expect(harness.send(refused).verdict == .reply)
    }

    @Test("the layout of the drafts' addresses can be changed")
    func layout() {
        var harness = ServerHarness()
        let request = Wire.message(as: .rosenberg, [.change(as: .rosenberg)])
        #expect(harness.send(request).answer?.count == 20)
        harness.server.policy.draftAddressLayout = .draft00
        #expect(harness.send(request).answer?.count == 19)
    }
}
