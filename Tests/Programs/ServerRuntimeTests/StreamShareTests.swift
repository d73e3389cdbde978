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
        #expect(share.hasRoom)
        share.countMessage()
        #expect(!share.hasRoom)
        share.begin()
        for _ in 0..<1023 { share.countRelayed() }
        #expect(share.hasRoom)
        share.countRelayed()
        #expect(!share.hasRoom)
    }

    @Test("what waits at one listener is accepted in a turn, which takes nothing from those that go on")
    func accepting() {
        var share = StreamShare()
        share.begin()
        #expect(share.mayAccept)
        share.countAccepting()
        #expect(!share.mayAccept && share.hasRoom)
        share.begin()
        #expect(share.mayAccept)
    }

    @Test("the next turn starts with the first that was left, of those that begin and of those that go on")
    func places() {
        var share = StreamShare()
        share.begin()
        #expect(
            share.start(beginning: true, of: 10) == 0 && share.start(beginning: false, of: 10) == 0 && !share.hasLeft
        )
        share.leave(beginning: true, at: 3)
        share.leave(beginning: true, at: 5)
        share.leave(beginning: false, at: 7)
        #expect(share.hasLeft)
        #expect(share.start(beginning: true, of: 10) == 3 && share.start(beginning: false, of: 8) == 7)
        #expect(share.start(beginning: false, of: 7) == 0, "there are fewer now")
        share.begin()
        #expect(!share.hasLeft && share.hasRoom)
    }

    @Test("a connection says 2,048 bytes in a turn, one that relays 16,384, and what a frame that has begun lacks")
    func bytes() {
        #expect(StreamShare.bytes(isRelaying: false, lacking: 0) == 2_048)
        #expect(StreamShare.bytes(isRelaying: false, lacking: 60_000) == 60_000)
        #expect(StreamShare.bytes(isRelaying: true, lacking: 0) == 16_384)
    }
}
