import Addresses
import STUNCodec
import Testing
import WireFixtures

@testable import ServerCore

@Suite("Rate limits of unauthenticated answers, by /32 and /64, on an integer clock")
struct RateLimitTests {
    /// 10 a second after a burst of 4 for answers, 2 a second after 3 for refusals.
    static var policy: Policy {
        var policy = Policy.oneAddress
        policy.bindingRate = Rate(perSecond: 10, burst: 4)
        policy.challengeRate = Rate(perSecond: 2, burst: 3)
        return policy
    }
    var harness = ServerHarness(policy: policy)
    let request = Wire.message(as: .cookie)
    let refused = Wire.message(as: .cookie, [.unknown])

    @Test("first the burst, then the rate, to the nanosecond")
    mutating func burstThenRate() {
        #expect(answers(to: request, count: 10) == 4)
        #expect(harness.drops(.rateLimited) == 6)
        wait(99_999_999)
        #expect(answers(to: request, count: 3) == 0)
        wait(1)
        #expect(answers(to: request, count: 3) == 1)
        wait(250_000_000)
        #expect(answers(to: request, count: 9) == 2)
        wait(50_000_000)
        #expect(answers(to: request, count: 9) == 1)
        wait(3_600_000_000_000)
        #expect(answers(to: request, count: 9) == 4)
    }

    @Test("refusals have their own, lower rate, and each kind of refusal takes from it")
    mutating func refusals() {
        #expect(answers(to: refused, count: 2) == 2)
        #expect(answers(to: Wire.message(0x0002, as: .classic), count: 5) == 1)
        #expect(answers(to: request, count: 5) == 4)
        wait(500_000_000)
        #expect(answers(to: Wire.message(as: .cookie, [.init(0x27, [])]), count: 5) == 1)
    }

    @Test(
        "over any 100 seconds of random load no more than burst and rate pass, and no less",
        arguments: [1, 3, 7, 1000]
    )
    func longRun(perSecond: Int) {
        var generator = SeededGenerator.announced("rate limit of \(perSecond)")
        var limiter = RateLimiter(Rate(perSecond: perSecond, burst: 5), seed: generator.next())
        var passed = 0
        var now: UInt64 = 1_000_000_000
        let end = now + 100_000_000_000
        while now < end {
            if limiter.take(.server, now: Instant(nanoseconds: now)) { passed += 1 }
            now += UInt64.random(in: 0...(1_000_000_000 / UInt64(perSecond) / 4), using: &generator)
        }
        // Some is lost, since nobody asks at the very moment at which one becomes free.
        #expect(passed <= perSecond * 100 + 5 + 1)
        #expect(passed >= perSecond * 100 * 3 / 4)
    }

    @Test("another source port shares the bucket (row 28)")
    mutating func ports() {
        var passed = 0
        for port in UInt16(1)...1000 {
            let source = SocketAddress(SocketAddress.client.address, port: port)
            if harness.send(request, from: source).answer != nil { passed += 1 }
        }
        #expect(passed == 4)
    }

    @Test("IPv4 neighbours have buckets of their own; all of an IPv6 /64 share one")
    mutating func prefixes() {
        #expect(answers(to: request, count: 9) == 4)
        let neighbour = SocketAddress(IPAddress(v4: SocketAddress.client.address.v4Bits + 1), port: 1)
        #expect(answers(to: request, count: 9, from: neighbour) == 4)
        var passed = 0
        for low in UInt64(0)..<100 {
            let source = SocketAddress(IPAddress(v6High: 0x2001_0db8_00ff_0000, low: low << 56 | 1), port: 9)
            if harness.send(request, from: source).answer != nil { passed += 1 }
        }
        #expect(passed == 4)
        let next = SocketAddress(IPAddress(v6High: 0x2001_0db8_00ff_0001, low: 1), port: 9)
        #expect(answers(to: request, count: 9, from: next) == 4)
    }

    @Test("exempt prefixes have no limit, and others keep theirs")
    mutating func exempt() throws {
        harness.server.policy.rateLimitExempt = try [
            #require(IPPrefix("217.230.186.0/24")), #require(IPPrefix("2001:db8:ff::/48")),
        ]
        #expect(answers(to: request, count: 500) == 500)
        #expect(answers(to: refused, count: 500) == 500)
        #expect(answers(to: request, count: 500, from: .client6) == 500)
        let other = try #require(SocketAddress("217.230.187.1:1"))
        #expect(answers(to: request, count: 500, from: other) == 4)
    }

    @Test("a clock that stands still or steps back never lets more through")
    mutating func clock() {
        #expect(answers(to: request, count: 9) == 4)
        harness.now = Instant(nanoseconds: 0)
        #expect(answers(to: request, count: 9) == 0)
    }

    @Test("a million sources leave the limiter as large as it was, and it lets through no more than before")
    func fixedMemory() {
        var limiter = RateLimiter(Rate(perSecond: 10, burst: 4), seed: 7)
        let before = limiter.bucketCount
        for bits in UInt32(0)..<1_000_000 {
            _ = limiter.take(IPAddress(v4: bits &* 2_654_435_761), now: Instant(nanoseconds: UInt64(bits)))
        }
        #expect(limiter.bucketCount == before)
        #expect(before == 32768)
        let late = Instant(nanoseconds: 60_000_000_000)
        #expect((0..<100).count { _ in limiter.take(.server, now: late) } == 4)
    }

    @Test("with another seed other addresses share a bucket")
    func seeds() {
        let collisions = ([1, 2] as [UInt64]).map { seed in
            var limiter = RateLimiter(Rate(perSecond: 1, burst: 1), seed: seed)
            return (UInt32(0)..<20_000).filter {
                !limiter.take(IPAddress(v4: $0), now: Instant(nanoseconds: 1_000_000_000))
            }
        }
        #expect(!collisions[0].isEmpty)
        #expect(collisions[0] != collisions[1])
    }

    @Test("rates of zero, less or beyond all measure do not trap")
    func absurdRates() {
        for rate in [0, -1, Int.min, Int.max] {
            var limiter = RateLimiter(Rate(perSecond: rate, burst: rate), seed: 1)
            let passes = [0, UInt64.max].map { limiter.take(.server, now: Instant(nanoseconds: $0)) }
            #expect(passes[0])
        }
    }

    private mutating func wait(_ nanoseconds: UInt64) {
        harness.now = Instant(nanoseconds: harness.now.nanoseconds + nanoseconds)
    }

    /// How many of `count` requests at this moment are answered.
    private mutating func answers(to request: [UInt8], count: Int, from source: SocketAddress = .client) -> Int {
        var answered = 0
        for _ in 0..<count where harness.send(request, from: source).answer != nil { answered += 1 }
        return answered
    }
}

extension RateLimiter {
    /// How many buckets it holds, read by reflection, since nothing but a test asks.
    fileprivate var bucketCount: Int {
        Mirror(reflecting: self).children.compactMap { ($0.value as? [UInt64])?.count }.reduce(0, +)
    }
}
