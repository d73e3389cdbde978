import Addresses
import ClientCore
import PacketEngine

/// Who may use the relay.
public struct LoadCredential: Sendable {
    /// The user's name.
    public var user: String
    /// The user's password.
    public var password: String

    /// Joins the two.
    public init(user: String, password: String) {
        self.user = user
        self.password = password
    }
}

/// Many clients of a relay, each with a socket or a connection, and a socket for its peer where one is wanted.
struct SessionPool: ~Copyable {
    /// What `run` does with each client.
    enum Work {
        case allocate
        case release
    }

    /// How often and how long an answer is waited for: 11.5 seconds in all.
    private static let rules = Retransmission(timeout: 500_000_000, count: 5, last: 8)
    private static let tick: UInt64 = 50_000_000

    let target: LoadTarget
    private(set) var clients: [AllocationClient]
    /// The socket of each client; none by TCP and TLS.
    let sockets: [ConnectedSocket]
    /// The connection of each client; none by UDP.
    var streams: StreamClients
    /// The sockets of the clients' peers, one each or fewer that they share; empty without peers.
    let peers: [ConnectedSocket]
    private let open: OpenSockets
    var poll: PrecisePoll
    var batch: ConnectedBatch
    /// From the first Allocate of a client to its last answer.
    private(set) var latency = Histogram()
    private(set) var errors = LoadErrors()
    private(set) var retransmissions = 0
    private var credential: ClientCredential
    private var begun: [UInt64]
    private var inFlight = 0
    private var done = 0

    /// Opens all sockets; sends nothing.
    init(
        _ count: Int,
        _ target: LoadTarget,
        _ credential: LoadCredential,
        peerSockets: Int,
        trains: Bool
    ) throws(LoadFailure) {
        try Self.checkFiles(count, peerSockets)
        let streams = try StreamClients(count, target)
        var poll = try PrecisePoll.make()
        let open = OpenSockets()
        var sockets: [ConnectedSocket] = []
        var peers: [ConnectedSocket] = []
        var clients: [AllocationClient] = []
        clients.reserveCapacity(count)
        let salt = UInt32.random(in: 0...UInt32.max)
        var ports = PortSequence(target)
        for index in 0..<count {
            if target.transport == .udp {
                let socket = try ports.open(to: target.server)
                open.list.append(socket)
                sockets.append(socket)
                try poll.add(socket, token: UInt64(2 * index + 1))
            }
            var channel: AllocationClient.Channel?
            if index < peerSockets {
                let peer = try ports.open()
                open.list.append(peer)
                peers.append(peer)
                try poll.add(peer, token: UInt64(2 * index))
            }
            if !peers.isEmpty {
                channel = .init(number: Self.channel(of: index), peer: peers[index % peerSockets].local)
            }
            let number = UInt32(truncatingIfNeeded: index)
            let rules = target.transport == .udp ? Self.rules : .stream
            clients.append(AllocationClient(number: number, salt: salt, channel: channel, rules: rules))
        }
        self.target = target
        self.credential = ClientCredential(username: credential.user, password: credential.password)
        self.open = open
        self.sockets = sockets
        self.streams = streams
        self.peers = peers
        self.clients = clients
        self.poll = poll
        batch = ConnectedBatch(readsTrains: trains)
        begun = [UInt64](repeating: 0, count: count)
    }

    /// Throws when the system has not enough files for so many sockets.
    private static func checkFiles(_ count: Int, _ peerSockets: Int) throws(LoadFailure) {
        let files = FileLimit.raise()
        let needed = count + peerSockets + 20
        guard files == 0 || files >= needed else {
            throw LoadFailure(
                .system,
                "\(count) sessions need \(needed) files, but the limit is \(files): `ulimit -n`, or share peers (--peers 1)"
            )
        }
    }

    /// The channel of a client: one of 0x4000 to 0x4FFE, so that not all have the same (RFC 8656 section 12).
    static func channel(of index: Int) -> UInt16 { 0x4000 + UInt16(truncatingIfNeeded: index % 0xFFF) }

    /// How many clients have all that was wanted.
    var readyCount: Int { clients.count { $0.state == .ready } }

    /// Has all clients allocate or release, `atOnce` of them at a time, until all are done or so many nanoseconds passed.
    mutating func run(_ work: Work, atOnce: Int, within limit: UInt64) {
        let total = work == .allocate ? clients.count { $0.state == .idle } : readyCount
        let end = SystemClock.monotonic() &+ limit
        var nextTick = SystemClock.monotonic() &+ Self.tick
        var next = 0
        inFlight = 0
        done = 0
        while done < total {
            var now = SystemClock.monotonic()
            guard now < end, work == .release || !LoadInterruption.isAskedFor else { break }
            while inFlight < atOnce, next < clients.count {
                begin(next, work, at: now)
                next += 1
            }
            for index in 0..<poll.wait(nanoseconds: streams.flushBlocked() ? 1_000_000 : 10_000_000) {
                let flow = Int(truncatingIfNeeded: poll.token(index))
                read(flow)
            }
            now = SystemClock.monotonic()
            guard now >= nextTick else { continue }
            nextTick = now &+ Self.tick
            for index in 0..<next {
                let step = clients[index].advance(to: now)
                take(step, of: index, at: now)
            }
        }
    }

    private mutating func begin(_ index: Int, _ work: Work, at now: UInt64) {
        let step = work == .allocate ? clients[index].allocate(at: now) : clients[index].release(at: now)
        guard step == .send else { return }
        begun[index] = now
        if work == .allocate, !streams.isEmpty {
            streams.connect(index, watchedBy: &poll, token: UInt64(2 * index + 1))
        }
        inFlight += 1
        take(step, of: index, at: now)
    }

    /// Reads what waits at a socket: answers for a client; what comes to a peer by now is passed over.
    private mutating func read(_ flow: Int) {
        let index = flow >> 1
        guard flow & 1 == 1 else {
            _ = batch.receive(from: peers[index])
            return
        }
        guard streams.isEmpty else { return readStream(index) }
        let count = batch.receive(from: sockets[index])
        let now = SystemClock.monotonic()
        for slot in 0..<count {
            var (client, credential) = (clients[index], credential)
            let step = client.receive(batch.received(slot), at: now, with: &credential)
            clients[index] = client
            self.credential = credential
            take(step, of: index, at: now)
        }
    }

    private mutating func readStream(_ index: Int) {
        streams.receive(at: index)
        let now = SystemClock.monotonic()
        while let frame = streams.nextFrame() {
            var (client, credential) = (clients[index], credential)
            let step = client.receive(streams.frame(frame), at: now, with: &credential)
            clients[index] = client
            self.credential = credential
            // The answer's memory is written over only by what is read, and sending reads nothing.
            take(step, of: index, at: now)
        }
        if streams.hasEnded(index) { take(clients[index].disconnect(), of: index, at: now) }
    }

    private mutating func take(_ step: AllocationClient.Step, of index: Int, at now: UInt64) {
        switch step {
        case .wait: return
        case .sendAgain:
            retransmissions += 1
            send(index, at: now)
        case .send: send(index, at: now)
        case .finished:
            inFlight -= 1
            done += 1
            switch clients[index].state {
            case .ready: latency.add(now &- begun[index])
            case .failed(let failure): errors.add(failure)
            default: return
            }
        }
    }

    private mutating func send(_ index: Int, at now: UInt64) {
        let (client, credential) = (clients[index], credential)
        let length = client.writeRequest(into: batch.datagram(0), with: credential)
        guard length > 0 else { return }
        batch.setLength(0, length)
        send(1, from: index)
        guard !streams.isEmpty, streams.hasEnded(index) else { return }
        take(clients[index].disconnect(), of: index, at: now)
    }

    /// Sends the first `count` datagrams of the batch from a client; returns how many were taken.
    @discardableResult
    mutating func send(_ count: Int, from index: Int) -> Int {
        guard streams.isEmpty else { return streams.send(count, of: batch, on: index) }
        return batch.send(count, on: sockets[index])
    }

    /// Ends all allocations, as many at once as may be, and forgets what goes wrong with that: they would end by themselves.
    mutating func release() {
        let before = (errors, retransmissions)
        run(.release, atOnce: 64, within: 8_000_000_000)
        (errors, retransmissions) = before
    }

    /// Throws when not even one client is ready: why not.
    func checkAny() throws(LoadFailure) {
        guard readyCount == 0 else { return }
        let causes = errors.list.map { "\($0.name)\(errors.hint($0.name))" }.joined(separator: "; ")
        throw LoadFailure(
            .unavailable,
            "\(target.server): no allocation succeeded" + (causes.isEmpty ? "" : ": \(causes)")
                + (streams.firstEnd.map { "; the first connection that ended: \($0)" } ?? "")
        )
    }
}
