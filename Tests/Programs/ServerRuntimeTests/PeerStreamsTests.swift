import Addresses
import PacketEngine
import STUNCodec
import ServerSettings
import TestSockets
import Testing

@testable import ServerRuntime

@Suite("Connections with peers, by an integer clock")
struct PeerStreamsTests {
    private static let second: UInt64 = 1_000_000_000
    private static let begin = 100 * second
    private static let id = ConnectionID(worker: 1, random: 7)

    @Test(
        "one of which one side has ended is given up when the other has said nothing for five minutes, and not before"
    )
    func halfClosed() throws {
        let (client, peer) = (try StreamPair(), try StreamPair())
        let loop = try EventLoop()
        let files = FileBudget()
        let limits = ConnectionLimits(Settings(), files: files)
        #expect(limits.enter(.loopbackV4) == nil)
        var peers = PeerStreams(files: files, clients: limits, watchedBy: loop.watcher)
        #expect(peers.takeFile())
        #expect(peers.add(peer.server, as: Self.id, .waiting, now: Self.begin))
        let index = try #require(peers.index(of: Self.id))
        #expect(peers.forgotten(now: Self.begin + 400 * Self.second).isEmpty, "the core bounds its time")
        let data = DataStream(stream: client.server, client: client.client.local, counted: .loopbackV4)
        #expect(peers.splice(index, with: data) == .going(0))
        #expect(peers.forgotten(now: Self.begin + 400 * Self.second).isEmpty, "nobody has ended")
        client.client.endSending()
        for _ in 0..<500 where peers.move(index, .one, nil, budget: 65_536) == .going(0) {
            if try peer.client.receive(waits: false).isEmpty { break }
        }
        #expect(peers.forgotten(now: Self.begin + 300 * Self.second - 1).isEmpty)
        #expect(peers.forgotten(now: Self.begin + 300 * Self.second) == [index])
        peers.close(index, aborting: true)
        #expect(peers.count == 0 && peers.splicedCount == 0 && limits.count == 0)
        #expect(peers.index(of: Self.id) == nil)
        #expect(client.client.ends())
    }

    @Test("a late event of a connection that has ended is none of the next one's with its number")
    func lateEvent() throws {
        var loop = try EventLoop()
        let files = FileBudget()
        var peers = PeerStreams(
            files: files,
            clients: ConnectionLimits(Settings(), files: files),
            watchedBy: loop.watcher
        )
        let first = try StreamPair()
        #expect(peers.takeFile())
        #expect(peers.add(first.server, as: Self.id, .connecting, now: Self.begin))
        let ready = try #require(try loop.next().first)
        #expect(PeerStreams.isPeer(ready.token) && Streams.isStream(ready.token))
        #expect(!PeerStreams.isListener(ready.token))
        #expect(peers.find(ready.token)?.index == 0)
        peers.close(0, aborting: false)
        #expect(peers.find(ready.token) == nil)
        let second = try StreamPair()
        #expect(peers.takeFile())
        #expect(peers.add(second.server, as: ConnectionID(worker: 1, random: 8), .waiting, now: Self.begin))
        #expect(peers.index(of: ConnectionID(worker: 1, random: 8)) == 0)
        #expect(peers.find(ready.token) == nil)
        peers.closeAll()
    }
}
