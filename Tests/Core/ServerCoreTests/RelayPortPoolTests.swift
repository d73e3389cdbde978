import Testing
import WireFixtures

@testable import ServerCore

@Suite("RelayPortPool: random, none lost, none used again at once")
struct RelayPortPoolTests {
    static let second: UInt64 = 1_000_000_000
    var generator = SeededGenerator.announced("relay ports")
    var now = Instant(nanoseconds: 1)

    @Test("every port is as likely as any other: chi-square of 200,000 draws (row 16, RFC 6056)")
    mutating func uniform() throws {
        var pool = RelayPortPool(ports: 49152...49407, rest: 0)
        for (kind, candidates) in [(RelayPortKind.any, 256), (.even, 128), (.evenReservingNext, 128)] {
            var drawn: [UInt16: Int] = [:]
            for _ in 0..<200_000 {
                let port = try #require(pool.take(kind, now: now, using: &generator))
                drawn[port, default: 0] += 1
                pool.release(port, now: now)
            }
            #expect(drawn.count == candidates)
            let expected = 200_000 / Double(candidates)
            let chiSquare = drawn.values.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
            // Mean n - 1, deviation sqrt(2(n - 1)): six deviations are met once in many million runs.
            let freedom = Double(candidates - 1)
            #expect(abs(chiSquare - freedom) < 6 * (2 * freedom).squareRoot(), "\(kind)")
        }
    }

    @Test("a pool with two ports left gives both of them, and neither more often")
    mutating func uniformWhenNearlyEmpty() throws {
        var pool = RelayPortPool(ports: 50000...50999, rest: 0)
        while pool.freeCount > 2 { _ = pool.take(.any, now: now, using: &generator) }
        var drawn: [UInt16: Int] = [:]
        for _ in 0..<10_000 {
            let port = try #require(pool.take(.any, now: now, using: &generator))
            drawn[port, default: 0] += 1
            pool.release(port, now: now)
        }
        #expect(drawn.values.sorted().allSatisfy { (4500...5500).contains($0) })
        #expect(drawn.count == 2)
    }

    @Test(
        "EVEN-PORT without and with reservation, twice as often as there are ports: the pool is whole again (row 35)",
        arguments: [RelayPortKind.even, .evenReservingNext]
    )
    mutating func evenPortCycles(kind: RelayPortKind) throws {
        var pool = RelayPortPool(ports: 49152...49651, rest: 60 * Self.second)
        for _ in 0..<(2 * pool.capacity) {
            let port = try #require(pool.take(kind, now: now, using: &generator))
            #expect(port % 2 == 0)
            if kind == .evenReservingNext { _ = try #require(pool.reserve(port + 1, now: now, using: &generator)) }
            pool.release(port, now: now)
            wait(31)
            while pool.popExpiredReservation(now: now) != nil {}
        }
        #expect(pool.freeCount == pool.capacity)
    }

    @Test("a reservation is claimed once, by its token, within 30 s (RFC 8656 section 7.2, row 35)")
    mutating func reservation() throws {
        var pool = RelayPortPool(ports: 50000...50001, rest: 0)
        let port = try #require(pool.take(.evenReservingNext, now: now, using: &generator))
        #expect(port == 50000)
        let token = try #require(pool.reserve(50001, now: now, using: &generator))
        #expect(pool.reserve(50001, now: now, using: &generator) == nil)
        #expect(!pool.contains(open: 50001))
        #expect(pool.freeCount == 0)
        #expect(pool.take(.any, now: now, using: &generator) == nil)
        #expect(pool.claim(token: token &+ 1, now: now) == nil)
        wait(29)
        #expect(pool.popExpiredReservation(now: now) == nil)
        #expect(pool.claim(token: token, now: now) == 50001)
        #expect(pool.contains(open: 50001))
        #expect(pool.claim(token: token, now: now) == nil)
        wait(100)
        #expect(pool.popExpiredReservation(now: now) == nil)
        pool.release(50001, now: now)
        let second = try #require(pool.reserve(50001, now: now, using: &generator))
        wait(30)
        #expect(pool.claim(token: second, now: now) == nil)
        #expect(pool.popExpiredReservation(now: now) == 50001)
        #expect(pool.popExpiredReservation(now: now) == nil)
        #expect(pool.freeCount == 1)
        #expect(pool.claim(token: second, now: now) == nil)
    }

    @Test("exhausted it gives nothing, and recovers at once, rest or not (row 38)")
    mutating func exhaustion() throws {
        var pool = RelayPortPool(ports: 49152...49251, rest: 3600 * Self.second)
        var taken: Set<UInt16> = []
        while let port = pool.take(.any, now: now, using: &generator) { #expect(taken.insert(port).inserted) }
        #expect(taken == Set(49152...49251))
        #expect(pool.freeCount == 0)
        for kind in [RelayPortKind.any, .even, .evenReservingNext, .specific(49200)] {
            #expect(pool.take(kind, now: now, using: &generator) == nil)
        }
        for (kind, freed, port) in [
            (RelayPortKind.any, [49201], 49201), (.even, [49203, 49208, 49206], 49208), (.any, [], 49203),
            (.evenReservingNext, [49220, 49221], 49220), (.specific(49221), [], 49221),
        ] as [(RelayPortKind, [UInt16], UInt16)] {
            for port in freed {
                pool.release(port, now: now)
                wait(1)
            }
            #expect(pool.take(kind, now: now, using: &generator) == port, "\(kind)")
        }
    }

    @Test("a freed port rests while others are free, then comes back")
    mutating func rest() throws {
        var pool = RelayPortPool(ports: 50000...50003, rest: 60 * Self.second)
        let first = try #require(pool.take(.any, now: now, using: &generator))
        pool.release(first, now: now)
        wait(59)
        #expect(pool.freeCount == 4)
        var others: Set<UInt16> = []
        for _ in 0..<3 { others.insert(try #require(pool.take(.any, now: now, using: &generator))) }
        #expect(others == Set(50000...50003).subtracting([first]))
        for port in others { pool.release(port, now: now) }
        wait(1)
        // Only the first one has rested.
        #expect(pool.take(.any, now: now, using: &generator) == first)
    }

    @Test("of resting pairs the one that was left alone longest is taken")
    mutating func restingPairs() throws {
        var pool = RelayPortPool(ports: 50000...50005, rest: 3600 * Self.second)
        for port in UInt16(50000)...50005 { _ = pool.take(.specific(port), now: now, using: &generator) }
        for port in [50004, 50000, 50001, 50005, 50002] as [UInt16] {
            wait(1)
            pool.release(port, now: now)
        }
        #expect(pool.take(.evenReservingNext, now: now, using: &generator) == 50000)
        #expect(pool.take(.evenReservingNext, now: now, using: &generator) == 50004)
        #expect(pool.take(.evenReservingNext, now: now, using: &generator) == nil)
    }

    @Test("a port of another program is not offered again for a minute, even when nothing else is free")
    mutating func unusable() throws {
        var pool = RelayPortPool(ports: 50000...50001, rest: 0)
        let first = try #require(pool.take(.any, now: now, using: &generator))
        pool.markUnusable(first, now: now)
        let second = try #require(pool.take(.any, now: now, using: &generator))
        #expect(second != first)
        #expect(pool.take(.any, now: now, using: &generator) == nil)
        #expect(pool.take(.specific(first), now: now, using: &generator) == nil)
        #expect(pool.reserve(first, now: now, using: &generator) == nil)
        pool.release(first, now: now)
        wait(59)
        #expect(pool.take(.any, now: now, using: &generator) == nil)
        wait(1)
        #expect(pool.take(.any, now: now, using: &generator) == first)
    }

    @Test(
        "ranges of one port, odd ends, and port 0",
        arguments: [0...0, 7...7, 1...4, 0...3, 65533...65535, 65534...65535]
    )
    mutating func oddRanges(ports: ClosedRange<UInt16>) throws {
        var pool = RelayPortPool(ports: ports, rest: 0)
        let usable = Set(ports).subtracting(ports == 0...0 ? [] : [0])
        #expect(pool.capacity == max(1, usable.count))
        let pairs = usable.filter { $0 % 2 == 0 && usable.contains($0 | 1) && $0 != 0 }
        var seen: Set<UInt16> = []
        while let port = pool.take(.evenReservingNext, now: now, using: &generator) { seen.insert(port) }
        #expect(seen == pairs)
        for port in seen { pool.release(port, now: now) }
        while let port = pool.take(.any, now: now, using: &generator) { seen.insert(port) }
        #expect(!seen.contains(0))
        #expect(seen.count == pool.capacity)
        for port in [0, 1, 65535, 32768] as [UInt16] {
            pool.release(port, now: now)
            pool.markUnusable(port, now: now)
            _ = pool.contains(open: port)
        }
    }

    @Test("100,000 random steps keep every port in one place, as a plain table of states says")
    mutating func model() throws {
        var pool = RelayPortPool(ports: 50001...50032, rest: 20 * Self.second)
        var open: Set<UInt16> = []
        var reserved: [UInt64: UInt16] = [:]
        var unusable: [UInt16: UInt64] = [:]
        for step in 0..<100_000 {
            wait(UInt64.random(in: 0...2, using: &generator))
            while let port = pool.popExpiredReservation(now: now) {
                reserved = reserved.filter { $0.value != port }
            }
            unusable = unusable.filter { now.nanoseconds - $0.value < 60 * Self.second }
            let port = UInt16.random(in: 50000...50033, using: &generator)
            let kinds = [RelayPortKind.any, .even, .evenReservingNext, .specific(port)]
            let isFree = { (port: UInt16) in
                (50001...50032).contains(port) && !open.contains(port) && !reserved.values.contains(port)
                    && unusable[port] == nil
            }
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<5:
                let kind = kinds[Int.random(in: 0..<4, using: &generator)]
                let candidates = (UInt16(50001)...50032).filter(isFree).filter {
                    switch kind {
                    case .any: true
                    case .even: $0 % 2 == 0
                    case .evenReservingNext: $0 % 2 == 0 && isFree($0 + 1)
                    case .specific(let wanted): $0 == wanted
                    }
                }
                let taken = pool.take(kind, now: now, using: &generator)
                try #require((taken == nil) == candidates.isEmpty, "step \(step): \(kind)")
                guard let taken else { break }
                try #require(candidates.contains(taken), "step \(step): \(kind) \(taken)")
                open.insert(taken)
            case 5..<8:
                pool.release(port, now: now)
                open.remove(port)
                reserved = reserved.filter { $0.value != port }
            case 8:
                if let token = pool.reserve(port, now: now, using: &generator) {
                    try #require(isFree(port), "step \(step)")
                    reserved[token] = port
                } else {
                    try #require(!isFree(port), "step \(step)")
                }
            default:
                if let token = reserved.keys.randomElement(using: &generator) {
                    try #require(pool.claim(token: token, now: now) == reserved[token], "step \(step)")
                    if let port = reserved.removeValue(forKey: token) { open.insert(port) }
                } else if open.contains(port) {
                    pool.markUnusable(port, now: now)
                    open.remove(port)
                    unusable[port] = now.nanoseconds
                }
            }
            try #require(pool.contains(open: port) == open.contains(port), "step \(step)")
        }
    }

    @Test("tokens and ports of the system's generator do not repeat beyond chance (row 16)")
    mutating func tokens() throws {
        var pool = RelayPortPool(ports: 49152...65535, rest: 0)
        var system = SystemRandomNumberGenerator()
        var tokens: Set<UInt64> = []
        for _ in 0..<100_000 {
            let token = try #require(pool.reserve(50001, now: now, using: &system))
            #expect(tokens.insert(token).inserted)
            pool.release(50001, now: now)
        }
    }

    private mutating func wait(_ seconds: UInt64) {
        now = Instant(nanoseconds: now.nanoseconds + seconds * Self.second)
    }
}
