import Addresses
import Administration
import Observability
import PacketEngine
import STUNCodec
import TestSockets
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite("Trains of datagrams through the running server, on loopback")
struct LiveTrainTests {
    /// A back end and a family.
    struct Way: CustomTestStringConvertible, Sendable {
        let backend: EventLoop.Backend
        let family: IPAddress.Family
        var testDescription: String { "\(backend) \(family)" }

        static let all = EventLoop.Backend.usable.flatMap { backend in
            IPAddress.Family.allCases.map { Way(backend: backend, family: $0) }
        }
    }

    /// A server with a client, its relayed address, and peers bound to channels 0x4000 and on.
    private struct Path {
        let host: ServerUnderTest
        let client: RelayClient
        let relayed: SocketAddress
        let peers: [TestClient]

        init(_ way: Way, peers count: Int = 1, _ settings: String = "", bound: Bool = true) throws {
            let users = "turn-users: alice:\(RelayClient.password)\nallow-peers: 127.0.0.0/8 ::1/128\n"
            let relays =
                "relay-address: 127.0.0.1 ::1\nrate-limit-exempt: 127.0.0.0/8 ::1/128\nworkers: 1\n"
                + "engine: \(way.backend.rawValue)\n"
            host = try ServerUnderTest(users + relays + settings, isWildcard: true)
            let server = SocketAddress.loopback(way.family, host.port1)
            client = try RelayClient(asking: server, from: .loopback(way.family))
            relayed = try client.allocate([.init(0x0017, [way.family == .v4 ? 1 : 2, 0, 0, 0])])
            peers = try (0..<count).map { _ in try TestClient(bindingTo: .loopback(way.family)) }
            for (number, peer) in peers.enumerated() {
                if bound { try client.bind(0x4000 + UInt16(number), to: peer.local) }
                #expect(try client.permit(peer.local).isSuccess)
            }
        }

        /// Sends datagrams, equally long but for a shorter last one, as a train.
        func send(_ datagrams: [[UInt8]]) throws {
            let segment = try #require(datagrams.first).count
            try client.sendTrain(datagrams.flatMap(\.self), of: segment)
        }
    }

    private static func channelData(_ data: [UInt8], _ channel: UInt16 = 0x4000) -> [UInt8] {
        Wire.bytes(channel) + Wire.bytes(UInt16(data.count)) + data
    }

    /// Data that differs from datagram to datagram; the last one is shorter by some.
    private static func data(_ count: Int, of size: Int, lastShorter by: Int = 0) -> [[UInt8]] {
        (0..<count).map { number in
            let own = number == count - 1 ? size - by : size
            return (0..<own).map { UInt8(truncatingIfNeeded: $0 &+ number &* 17) }
        }
    }

    @Test("trains of every length pass by a channel, both ways", arguments: Way.all)
    func channel(way: Way) throws {
        let path = try Path(way)
        for count in 1...64 {
            for (size, by) in [(1, 1), (3, 1), (160, 0), (161, 60), (985, 984)] {
                let data = Self.data(count, of: size, lastShorter: by)
                try path.send(data.map { Self.channelData($0) })
                for one in data {
                    let received = try path.peers[0].receiveFrom()
                    #expect(received.bytes == one && received.source == path.relayed)
                }
                let back = data.filter { !$0.isEmpty }
                guard !back.isEmpty else { continue }
                try path.peers[0].sendTrain(back.flatMap(\.self), of: size, to: path.relayed)
                for one in back { #expect(try path.client.receive() == Self.channelData(one)) }
            }
        }
    }

    @Test("trains of every length pass by Send and Data indications", arguments: Way.all)
    func indications(way: Way) throws {
        let path = try Path(way, bound: false)
        for count in 1...64 {
            for (size, by) in [(1, 0), (6, 3), (163, 2), (900, 899)] {
                let data = Self.data(count, of: size, lastShorter: by)
                try path.send(data.map { path.client.indication($0, to: path.peers[0].local) })
                for one in data { #expect(try path.peers[0].receive() == one) }
                try path.peers[0].sendTrain(data.flatMap(\.self), of: size, to: path.relayed)
                for one in data {
                    let bytes = try path.client.receive()
                    let indication = try #require(RelayClient.Answer(bytes))
                    #expect(indication.attributes.type == 0x0017 && indication.peer == path.peers[0].local)
                    #expect(indication.attributes[0x0013] == one)
                    // Padding is zeros, not the next datagram's bytes (attacks row 44).
                    #expect(bytes.suffix((4 - one.count % 4) % 4).allSatisfy { $0 == 0 })
                }
            }
        }
    }

    @Test("a train of several channels and of indications goes to each peer, in order", arguments: Way.all)
    func mixed(way: Way) throws {
        let path = try Path(way, peers: 3)
        // A Send indication's data begins after 36 bytes with an IPv4 peer, 48 with an IPv6 one.
        let before = way.family == .v4 ? 36 : 48
        let data = (0..<60).map { [UInt8](repeating: UInt8($0), count: $0 % 4 == 3 ? 100 : before + 96) }
        try path.send(
            data.enumerated().map { number, one in
                number % 4 == 3
                    ? path.client.indication(one, to: path.peers[0].local)
                    : Self.channelData(one, 0x4000 + UInt16(number % 4))
            }
        )
        for number in 0..<60 { #expect(try path.peers[number % 4 % 3].receive() == data[number]) }
    }

    @Test("requests in a train are answered one by one, and data between them passes", arguments: Way.all)
    func requests(way: Way) throws {
        let path = try Path(way)
        for count in [2, 5, 63, 64] {
            let ids = (0..<count).map { number in
                [0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: UInt8(count), count: 11) + [UInt8(number)]
            }
            let data = (0..<count).map { [UInt8](repeating: UInt8($0), count: 16) }
            try path.send(
                (0..<count).map {
                    $0 % 3 == 1 ? Self.channelData(data[$0]) : Wire.message(0x0001, as: .cookie, id: ids[$0], [])
                }
            )
            for number in 0..<count {
                if number % 3 == 1 {
                    #expect(try path.peers[0].receive() == data[number])
                } else {
                    let answer = try #require(RelayClient.Answer(try path.client.receive()))
                    #expect(answer.isSuccess && answer.attributes.id == ids[number])
                    #expect(answer.mapped == path.client.socket.local)
                }
            }
        }
    }

    @Test("DSCP and ECN of a train are kept, both ways", arguments: Way.all)
    func trafficClass(way: Way) throws {
        let path = try Path(way)
        for byte in [0xB8 | 2, 0, 0x20 | 3] as [UInt8] {
            try path.client.socket.setTrafficClass(byte)
            try path.send(Self.data(9, of: 50).map { Self.channelData($0) })
            for _ in 0..<9 { #expect(try path.peers[0].receiveWithTrafficClass().trafficClass == byte) }
            try path.peers[0].setTrafficClass(byte)
            try path.peers[0].sendTrain([UInt8](repeating: 1, count: 95), of: 10, to: path.relayed)
            for _ in 0..<10 { #expect(try path.client.socket.receiveWithTrafficClass().trafficClass == byte) }
        }
    }

    @Test("every datagram of a train is counted, and its bytes", arguments: EventLoop.Backend.usable)
    func accounting(backend: EventLoop.Backend) async throws {
        let path = try Path(Way(backend: backend, family: .v4))
        for _ in 0..<3 {
            try path.send(Self.data(30, of: 100, lastShorter: 40).map { Self.channelData($0) })
            for _ in 0..<30 { _ = try path.peers[0].receive() }
            try path.peers[0].sendTrain([UInt8](repeating: 1, count: 205), of: 10, to: path.relayed)
            for _ in 0..<21 { _ = try path.client.receive() }
        }
        let row = try #require(try await path.host.server.sessions(SessionsQuery()).rows.first)
        #expect(row.toPeers.packets == 90 && row.toPeers.bytes == 3 * 2960)
        #expect(row.toClient.packets == 63 && row.toClient.bytes == 3 * 205)
        // Two Allocate requests, a ChannelBind and a CreatePermission before it.
        let times = try await path.host.server.metrics().first { $0.name == "stund_request_duration_seconds" }
        #expect(times?.samples.first { $0.suffix == "_count" }?.value == 94)
    }

    @Test("a train beyond the bandwidth is cut where the limit is", arguments: EventLoop.Backend.usable)
    func bandwidth(backend: EventLoop.Backend) async throws {
        // The smallest burst is 65,536 bytes: 65 datagrams of 1,000, and one more each second.
        let path = try Path(Way(backend: backend, family: .v4), "user-bandwidth: 1000\n")
        let data = Self.data(50, of: 1000)
        for part in [0..<50, 0..<50] { try path.send(data[part].map { Self.channelData($0) }) }
        for number in 0..<65 { #expect(try path.peers[0].receive() == data[number % 50]) }
        try path.client.release()
        let drops = try await path.host.counter("drops-over-quota") ?? 0
        #expect((20...35).contains(drops), "\(drops)")
    }

    @Test("datagrams as long as UDP carries are relayed, both ways", arguments: Way.all)
    func long(way: Way) throws {
        let path = try Path(way)
        for size in [2_049, 9_000, 65_503] {
            let data = Self.data(1, of: size)[0]
            try path.client.send(data, by: 0x4000)
            #expect(try path.peers[0].receive() == data)
            try path.peers[0].send(data, to: path.relayed)
            #expect(try path.client.receive() == Self.channelData(data))
        }
        // No room for the header of ChannelData is left.
        try path.peers[0].send([UInt8](repeating: 1, count: 65_504), to: path.relayed)
        try path.peers[0].send([7], to: path.relayed)
        #expect(try path.client.receive() == Self.channelData([7]))
    }

    @Test("random trains have the effect of the same datagrams sent one by one", arguments: EventLoop.Backend.usable)
    func likeSingly(backend: EventLoop.Backend) throws {
        var random = SeededGenerator.announced("random trains")
        let way = Way(backend: backend, family: .v4)
        let (trains, singly) = try (Path(way, peers: 2), Path(way, peers: 2))
        for round in 0..<150 {
            let size = Int.random(in: 21...300, using: &random)
            let count = Int.random(in: 1...64, using: &random)
            let kinds = round % 3 == 0 ? 0...1 : round % 3 == 1 ? 0...3 : 0...9
            let choices = (0..<count).map { _ in
                (kind: Int.random(in: kinds, using: &random), noise: UInt64.random(in: 0...UInt64.max, using: &random))
            }
            let back = (0..<Int.random(in: 1...1200, using: &random)).map { UInt8(truncatingIfNeeded: $0 &* round) }
            let segment = Int.random(in: max(1, back.count / 60)...back.count, using: &random)
            for path in [trains, singly] {
                let datagrams = choices.enumerated().map {
                    Self.datagram($1.kind, $1.noise, size, path, number: $0)
                }
                let cuts = stride(from: 0, to: back.count, by: segment)
                if path.host === trains.host {
                    try path.send(datagrams)
                    try path.peers[0].sendTrain(back, of: segment, to: path.relayed)
                } else {
                    for datagram in datagrams { try path.client.send(datagram) }
                    for begin in cuts {
                        try path.peers[0].send(Array(back[begin..<min(begin + segment, back.count)]), to: path.relayed)
                    }
                }
            }
            let heard = try [trains, singly].map { try Self.heard(by: $0) }
            #expect(heard[0].peers == heard[1].peers, "to the peers in round \(round)")
            #expect(heard[0].client == heard[1].client, "to the client in round \(round)")
        }
    }

    /// A datagram of `size` bytes by a client: what passes, what is answered, and what is dropped.
    private static func datagram(_ kind: Int, _ noise: UInt64, _ size: Int, _ path: Path, number: Int) -> [UInt8] {
        let low = UInt8(truncatingIfNeeded: noise)
        switch kind {
        case 0, 1: return channelData([UInt8](repeating: low, count: size - 4), 0x4000 + UInt16(kind))
        case 2:
            // Padded: the length says less than there is.
            let data = channelData([UInt8](repeating: low, count: size - 4 - Int(low) % (size - 4)))
            return data + [UInt8](repeating: 0xEE, count: size - data.count)
        case 3: return channelData([UInt8](repeating: low, count: size - 4), 0x4FFF)
        case 4: return [0x40, 0] + [0xFF, 0xFF] + [UInt8](repeating: low, count: size - 4)
        case 5, 6:
            // A Binding request, with an attribute that nobody knows and need not, to fill it.
            let id = [0x21, 0x12, 0xA4, 0x42, 1] + [UInt8](repeating: low, count: 10) + [UInt8(number)]
            let rest = (size - 24) & ~3
            let request = Wire.message(
                0x0001,
                as: .cookie,
                id: id,
                rest >= 0 ? [.init(0xC0FE, [UInt8](repeating: 0, count: rest))] : []
            )
            return request + [UInt8](repeating: 0, count: max(0, size - request.count))
        case 7: return [UInt8](repeating: low, count: size)
        case 8: return (0..<size).map { UInt8(truncatingIfNeeded: noise >> (8 * ($0 % 8))) }
        default:
            let data = path.client.indication([], to: path.peers[1].local)
            return (data + [UInt8](repeating: 0, count: size)).prefix(size).map(\.self)
        }
    }

    /// What has come to everybody, up to a datagram that says that this is all.
    private static func heard(by path: Path) throws -> (peers: [[[UInt8]]], client: [String]) {
        let end: [UInt8] = [0xE, 0xE, 0xD]
        var peers: [[[UInt8]]] = []
        for (number, peer) in path.peers.enumerated() {
            try path.client.send(end, by: 0x4000 + UInt16(number))
            var all: [[UInt8]] = []
            while all.last != end { all.append(try peer.receive()) }
            peers.append(all)
        }
        try path.peers[0].send(end, to: path.relayed)
        var client: [String] = []
        while client.last != "\(channelData(end))" {
            let bytes = try path.client.receive()
            // Answers name the client, which is another one; all else must be the same.
            let isAnswer = bytes.count >= 20 && bytes[0] & 0xC0 == 0
            client.append(isAnswer ? "\(bytes.count) \(bytes[..<20])" : "\(bytes)")
        }
        // What answers and what peers have sent come by two sockets, in any order.
        return (peers, client.sorted())
    }
}
