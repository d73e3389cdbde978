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
        try Self.add(peer.server, as: Self.id, .waiting, to: &peers)
        let early = peers.forgotten(now: Self.begin + 400 * Self.second)
        #expect(early.isEmpty, "the core bounds its time")
        let data = DataStream(stream: client.server, client: client.client.local, counted: .loopbackV4)
        let progress = peers.splice(0, with: data)
        #expect(progress == .going(0))
        let open = peers.forgotten(now: Self.begin + 400 * Self.second)
        #expect(open.isEmpty, "nobody has ended")
        client.client.endSending()
        var hasEnded = false
        for _ in 0..<5000 where !hasEnded {
            _ = peers.move(0, .one, nil, budget: 65_536)
            hasEnded = (try? peer.client.receive(waits: false))?.isEmpty == true
        }
        #expect(hasEnded)
        let before = peers.forgotten(now: Self.begin + 300 * Self.second - 1)
        let after = peers.forgotten(now: Self.begin + 300 * Self.second)
        #expect(before.isEmpty && after == [0])
        peers.close(0, aborting: true)
        let left = (peers.count, peers.splicedCount, limits.count, peers.index(of: Self.id))
        #expect(left == (0, 0, 0, nil))
        #expect(client.client.ends())
    }

    @Test("a late event of a connection that has ended is none of the next one's with its number")
    func lateEvent() throws {
        var loop = try EventLoop()
        let files = FileBudget()
        let limits = ConnectionLimits(Settings(), files: files)
        var peers = PeerStreams(files: files, clients: limits, watchedBy: loop.watcher)
        let (first, second) = (try StreamPair(), try StreamPair())
        try Self.add(first.server, as: Self.id, .connecting, to: &peers)
        let ready = try #require(try loop.next().first)
        #expect(PeerStreams.isPeer(ready.token) && Streams.isStream(ready.token))
        #expect(!PeerStreams.isListener(ready.token))
        let found = peers.find(ready.token)?.index
        #expect(found == 0)
        peers.close(0, aborting: false)
        let closed = peers.find(ready.token)?.index
        #expect(closed == nil)
        let next = ConnectionID(worker: 1, random: 8)
        try Self.add(second.server, as: next, .waiting, to: &peers)
        let (index, late) = (peers.index(of: next), peers.find(ready.token)?.index)
        #expect(index == 0 && late == nil)
        peers.closeAll()
    }

    @Test(
        "of many 32 are given up in a turn, and 32 that waited for bandwidth go on, none a second time before all have"
    )
    func many() throws {
        let loop = try EventLoop()
        let files = FileBudget()
        let limits = ConnectionLimits(Settings(), files: files)
        var peers = PeerStreams(files: files, clients: limits, watchedBy: loop.watcher)
        let pairs = try (0..<40).map { _ in try StreamPair() }
        for (number, pair) in pairs.enumerated() {
            let id = ConnectionID(worker: 1, random: UInt32(number))
            try Self.add(pair.server, as: id, .connecting, to: &peers)
            peers.rows[number].waiting = number
            peers.pause(number, now: Self.begin)
        }
        let end = Self.begin + 10 * Self.second
        let (early, some) = (peers.unanswered(now: end - 1), peers.unanswered(now: end))
        #expect(early.isEmpty && some == Array(0..<32))
        let due = peers.nextResume
        let first = peers.takePaused(now: due)
        #expect(due == Self.begin + 20_000_000 && first.count == 32)
        for index in first { peers.pause(index, now: due) }
        let next = peers.nextResume
        let second = peers.takePaused(now: next)
        #expect(next == due && Set(first + second) == Set(0..<40) && second.count == 8)
        let last = peers.nextResume
        #expect(last == due + 20_000_000)
        peers.closeAll()
    }

    private static func add(
        _ stream: StreamHandle,
        as id: ConnectionID,
        _ stage: PeerStream.Stage,
        to peers: inout PeerStreams
    ) throws {
        let isAdded = peers.takeFile() && peers.add(stream, as: .peer(id), stage, now: begin)
        try #require(isAdded)
    }
}
