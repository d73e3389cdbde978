import Testing

@testable import ServerRuntime

@Suite("Streams have a share of each turn, and datagrams the next one")
struct StreamShareTests {
    @Test("a turn has room for 60 requests by one connection, or for a thousand relayed frames")
    func room() {
        var share = StreamShare()
        share.begin()
        share.countConnection()
        for _ in 0..<59 { share.countMessage() }
        #expect(share.hasRoom(for: .going))
        share.countMessage()
        #expect(!share.hasRoom(for: .going))
        share.begin()
        for _ in 0..<1023 { share.countRelayed() }
        #expect(share.hasRoom(for: .going))
        share.countRelayed()
        #expect(!share.hasRoom(for: .going))
    }

    @Test(
        "what is read of those that relay counts without a whole frame, and so do bytes that go from stream to stream"
    )
    func bytesCount() {
        var share = StreamShare()
        share.begin()
        for _ in 0..<63 { share.countConnection(isRelaying: true) }
        #expect(share.hasRoom(for: .going))
        share.countConnection(isRelaying: true)
        #expect(!share.hasRoom(for: .going))
        share.begin()
        share.countMoved(524_287)
        #expect(share.hasRoom(for: .going))
        share.countMoved(512)
        #expect(!share.hasRoom(for: .going))
    }

    @Test("one listener, four that begin: a kind that has used its share takes nothing from the others")
    func kinds() {
        var share = StreamShare()
        share.begin()
        #expect(StreamShare.Kind.allCases.allSatisfy { share.hasRoom(for: $0) })
        share.countAccepting()
        #expect(!share.hasRoom(for: .accepting) && share.hasRoom(for: .beginning) && share.hasRoom(for: .going))
        for _ in 0..<3 { share.countBeginning() }
        #expect(share.hasRoom(for: .beginning))
        share.countBeginning()
        #expect(!share.hasRoom(for: .beginning) && share.hasRoom(for: .going))
        share.begin()
        #expect(StreamShare.Kind.allCases.allSatisfy { share.hasRoom(for: $0) })
    }

    @Test("the next turn starts with the first that was left of each kind, wherever it stands then")
    func places() {
        var share = StreamShare()
        var ready: [UInt64] = Array(100..<110)
        share.begin()
        for kind in StreamShare.Kind.allCases { #expect(Self.start(share, kind, ready) == 100) }
        #expect(!share.hasLeft)
        share.leave(.beginning, 103, at: 3)
        share.leave(.beginning, 105, at: 5)
        share.leave(.going, 107, at: 7)
        #expect(share.hasLeft)
        share.begin()
        #expect(!share.hasLeft)
        // Some before them have nothing more, and others have come.
        ready = [102, 103, 104, 105, 106, 107, 108, 109, 110]
        #expect(Self.start(share, .beginning, ready) == 103 && Self.start(share, .going, ready) == 107)
        #expect(Self.start(share, .accepting, ready) == 102)
        ready.removeAll { $0 == 107 }
        #expect(Self.start(share, .going, ready) == 110, "where it stood, since it has ended")
        #expect(Self.start(share, .going, [1, 2]) == 1, "there are fewer now")
    }

    @Test("what begins by itself in the next turn keeps that from waiting, and no place")
    func postponed() {
        var share = StreamShare()
        share.begin()
        share.postpone()
        #expect(share.hasLeft)
        share.leave(.beginning, 103, at: 3)
        #expect(Self.start(share, .beginning, [102, 103]) == 103)
        share.begin()
        #expect(!share.hasLeft)
    }

    @Test("a connection says 2,048 bytes in a turn, one that relays 16,384, and what a frame that has begun lacks")
    func bytes() {
        #expect(StreamShare.bytes(isRelaying: false, lacking: 0) == 2_048)
        #expect(StreamShare.bytes(isRelaying: false, lacking: 60_000) == 60_000)
        #expect(StreamShare.bytes(isRelaying: true, lacking: 0) == 16_384)
    }

    private static func start(_ share: StreamShare, _ kind: StreamShare.Kind, _ ready: [UInt64]) -> UInt64 {
        ready[share.start(kind, of: ready.count) { ready[$0] }]
    }
}
