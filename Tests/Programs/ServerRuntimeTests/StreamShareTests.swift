import Testing

@testable import ServerRuntime

@Suite("Streams have a share of each turn, and datagrams the next one")
struct StreamShareTests {
    @Test("a turn has room for 64 requests by one connection, or for a thousand relayed frames")
    func room() {
        var share = StreamShare()
        share.begin()
        share.countConnection()
        for _ in 0..<59 { share.countMessage() }
        #expect(!share.isSpent)
        share.countMessage()
        #expect(share.isSpent)
        share.begin()
        for _ in 0..<1023 { share.countRelayed() }
        #expect(!share.isSpent)
        share.countRelayed()
        #expect(share.isSpent)
    }

    @Test("a step of a handshake is a turn's share, and so is accepting")
    func handshake() {
        var share = StreamShare()
        share.begin()
        share.countBeginning()
        #expect(share.isSpent)
    }

    @Test("the next turn begins where the last one was cut, and with the first one when there are fewer now")
    func place() {
        var share = StreamShare()
        share.begin()
        #expect(share.start(of: 10) == 0 && !share.isCut)
        share.cut(at: 7)
        #expect(share.isCut)
        #expect(share.start(of: 8) == 7)
        #expect(share.start(of: 7) == 0)
        share.begin()
        #expect(!share.isCut && !share.isSpent)
    }

    @Test("who has relayed nothing says 2,048 bytes in a turn, or as much again as waits of a longer frame")
    func bytes() {
        #expect(StreamShare.bytes(isRelaying: false, waiting: 0) == 2_048)
        #expect(StreamShare.bytes(isRelaying: false, waiting: 5_000) == 5_000)
        #expect(StreamShare.bytes(isRelaying: true, waiting: 0) == .max)
    }
}
