import Addresses
import Administration
import Observability
import PacketEngine
import STUNCodec
import TestSockets
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite("STUN and TURN over TCP, by a real server")
struct LiveStreamTests {
    private static let settings = RelayClient.settings + "workers: 2\n"

    @Test("a Binding request over TCP is answered with the client's address, whole, cut at each byte, and many at once")
    func binding() throws {
        let host = try ServerUnderTest("turn: off\n")
        let stream = try TestStream(connectingTo: host.address())
        let request = Wire.message(0x0001, as: .cookie, id: Self.id(1), [])
        try stream.send(request)
        let answer = try #require(RelayClient.Answer(try stream.receiveFrame()))
        #expect(answer.isSuccess && answer.mapped == stream.local)
        for cut in 1..<request.count {
            try stream.send(Array(request[..<cut]))
            try stream.send(Array(request[cut...]))
            #expect(RelayClient.Answer(try stream.receiveFrame())?.mapped == stream.local, "cut at \(cut)")
        }
        let many = (1...500).flatMap { Wire.message(0x0001, as: .cookie, id: Self.id(UInt8($0 % 250)), []) }
        try stream.send(many)
        for number in 1...500 {
            let bytes = try stream.receiveFrame()
            #expect(bytes[8..<20] == Self.id(UInt8(number % 250))[4...], "in order")
        }
    }

    @Test(
        "a whole session: allocation, permission, channel, data both ways of every length up to 67, and its end",
        arguments: StreamKind.allCases,
        [1, 4]
    )
    func session(kind: StreamKind, workers: Int) async throws {
        let host = try ServerUnderTest(RelayClient.settings + "workers: \(workers)\n")
        let client = try RelayClient(over: await host.stream(kind))
        let relayed = try client.allocate()
        let peer = try TestClient(bindingTo: .loopback(0))
        try client.send([1, 2, 3], to: peer.local)
        #expect(try client.permit(peer.local).isSuccess)
        try client.send([4, 5, 6], to: peer.local)
        #expect(try peer.receive() == [4, 5, 6], "without a permission nothing was sent")
        try peer.send([7, 8], to: relayed)
        let indication = try #require(TakenApart(try client.receive(), as: .cookie))
        #expect(indication[0x0013] == [7, 8])
        try client.bind(0x4001, to: peer.local)
        for length in 0...67 {
            let data = (0..<length).map { UInt8($0) }
            try client.send(data, by: 0x4001)
            let (arrived, source) = try peer.receiveFrom()
            #expect(arrived == data && source == relayed)
            try peer.send(data, to: relayed)
            #expect(try client.receive() == Wire.bytes(UInt16(0x4001)) + Wire.bytes(UInt16(length)) + data)
        }
        #expect(await Self.sessions(of: host) == 1)
        try client.release()
        #expect(await Self.sessions(of: host) == 0)
    }

    @Test(
        "a peer's train arrives as single frames in order, and what the client sends at once leaves whole",
        arguments: StreamKind.allCases
    )
    func trains(kind: StreamKind) async throws {
        let host = try ServerUnderTest(Self.settings)
        let client = try RelayClient(over: await host.stream(kind))
        let relayed = try client.allocate()
        let peer = try TestClient(bindingTo: .loopback(0))
        #expect(try client.permit(peer.local).isSuccess)
        try client.bind(0x4001, to: peer.local)
        let parts = (0..<20).map { part in [UInt8](repeating: UInt8(part), count: part == 19 ? 77 : 1001) }
        try peer.sendTrain(parts.flatMap(\.self), of: 1001, to: relayed)
        for part in parts {
            #expect(try client.receive() == Wire.bytes(UInt16(0x4001)) + Wire.bytes(UInt16(part.count)) + part)
        }
        let frames = parts.flatMap { part in
            let padding = [UInt8](repeating: 0, count: (4 - part.count % 4) % 4)
            return Wire.bytes(UInt16(0x4001)) + Wire.bytes(UInt16(part.count)) + part + padding
        }
        try client.send(frames)
        for part in parts { #expect(try peer.receive() == part) }
    }

    @Test(
        "a closed connection ends its allocation at once, frees the port, and the log says why",
        arguments: StreamKind.allCases
    )
    func closed(kind: StreamKind) async throws {
        let range = try RelayRange.free(1)
        let host = try ServerUnderTest(Self.settings + range.setting + "log-level: 7\n")
        for _ in 0..<3 {
            let client = try RelayClient(over: await host.stream(kind))
            try client.allocate()
            #expect(range.free == 0)
            #expect(await Self.sessions(of: host) == 1)
            _ = consume client
            try await Self.wait { await Self.sessions(of: host) == 0 }
            // The socket is closed at the end of the turn.
            try await Self.wait { range.free == 1 }
        }
        try await Self.wait { try await Self.log(of: host).contains("ended with the client's connection") }
        #expect(try await Self.log(of: host).contains("Connection ended: the client closed it"))
    }

    @Test(
        "what is no STUN is closed without a byte",
        arguments: [
            Array("GET / HTTP/1.1\r\n\r\n".utf8), [0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5], [0x80, 0, 0, 0],
            [0xC5, 0x53, 0x54, 0x46, 1],
            [0, 1, 0, 0] + [UInt8](repeating: 7, count: 16), [0, 1, 0, 3] + [UInt8](repeating: 7, count: 19),
        ]
    )
    func garbage(bytes: [UInt8]) async throws {
        let host = try ServerUnderTest("turn: off\n")
        let stream = try TestStream(connectingTo: host.address())
        try stream.send(bytes)
        #expect(stream.ends())
        let other = try TestStream(connectingTo: host.address())
        try other.send(Wire.message(0x0001, as: .cookie, id: Self.id(1), []))
        #expect(RelayClient.Answer(try other.receiveFrame())?.isSuccess == true)
    }

    @Test(
        "garbage after a good request closes the connection, and a second message hidden in it is not seen (attacks row 42)"
    )
    func desynchronized() throws {
        let host = try ServerUnderTest("turn: off\n")
        let request = Wire.message(0x0001, as: .cookie, id: Self.id(9), [])
        for length in stride(from: 65_516, through: 65_535, by: 1) {
            let stream = try TestStream(connectingTo: host.address())
            try stream.send(Wire.message(0x0001, as: .cookie, id: Self.id(1), []))
            _ = try stream.receiveFrame()
            try stream.send([0, 1] + Wire.bytes(UInt16(length)) + Self.id(2) + request)
            // Either it cannot be a frame, and the connection ends, or it is one that is not whole yet.
            if length % 4 != 0 || length + 20 > 65_536 { #expect(stream.ends(), "\(length)") }
        }
    }

    @Test("connections-per-client bounds a client's connections, says so, and lets the next one in when one has ended")
    func limited() async throws {
        let host = try ServerUnderTest("turn: off\nconnections-per-client: 2\nlog-level: 7\n")
        let request = Wire.message(0x0001, as: .cookie, id: Self.id(1), [])
        var streams: [TestStream] = []
        for _ in 0..<2 {
            let stream = try TestStream(connectingTo: host.address())
            try stream.send(request)
            _ = try stream.receiveFrame()
            streams.append(stream)
        }
        #expect(try TestStream(connectingTo: host.address()).ends())
        try await Self.wait { try await Self.log(of: host).contains("connections-per-client") }
        streams.removeLast()
        try await Self.wait {
            let stream = try TestStream(connectingTo: host.address())
            try? stream.send(request)
            return (try? stream.receiveFrame()) != nil
        }
    }

    @Test(
        "a client that does not read loses data, not its allocation, and holds up nobody",
        arguments: StreamKind.allCases
    )
    func unread(kind: StreamKind) async throws {
        let host = try ServerUnderTest(Self.settings)
        let slow = try RelayClient(over: await host.stream(kind, buffers: 4096))
        let relayed = try slow.allocate()
        let peer = try TestClient(bindingTo: .loopback(0))
        #expect(try slow.permit(peer.local).isSuccess)
        try slow.bind(0x4001, to: peer.local)
        let other = try RelayClient(over: TestStream(connectingTo: host.address()))
        let otherRelayed = try other.allocate()
        #expect(try other.permit(peer.local).isSuccess)
        try other.bind(0x4001, to: peer.local)
        let data = [UInt8](repeating: 9, count: 1200)
        for round in 0..<40 {
            for _ in 0..<100 { try peer.send(data, to: relayed) }
            try peer.send([UInt8(round)], to: otherRelayed)
            #expect(try other.receive() == [0x40, 1, 0, 1, UInt8(round)])
        }
        let dropped = await host.server.pool.reports().reduce(UInt64(0)) { $0 + $1.streams.droppedUnread }
        #expect(dropped > 0)
        // What was kept is whole frames.
        var kept = 0
        while kept < 20 {
            #expect(try slow.receive() == [0x40, 1] + Wire.bytes(UInt16(1200)) + data)
            kept += 1
        }
        #expect(await Self.sessions(of: host) == 2)
    }

    @Test(
        "of many clients that all ask very much at once each gets all its answers, in order",
        arguments: StreamKind.allCases
    )
    func muchAtOnce(kind: StreamKind) async throws {
        let host = try ServerUnderTest("turn: off\nrate-limit-exempt: 127.0.0.0/8\n")
        var streams: [any TestFrames] = []
        for _ in 0..<40 { streams.append(try await host.stream(kind)) }
        // More than a turn has for a connection, and much more than it has for all.
        let many = (0..<250).flatMap { Wire.message(0x0001, as: .cookie, id: Self.id($0), []) }
        for stream in streams { try stream.send(many) }
        for stream in streams {
            for number in 0..<250 {
                let bytes = try stream.receiveFrame()
                #expect(bytes[8..<20] == Self.id(UInt8(number))[4...])
            }
        }
    }

    private static func sessions(of host: ServerUnderTest) async -> Int {
        await host.server.pool.reports().reduce(0) { $0 + $1.sessionCount }
    }

    private static func log(of host: ServerUnderTest) async throws -> String {
        try await host.server.log(LogQuery()).lines.joined(separator: "\n")
    }

    /// Waits until something holds, at most 10 s.
    private static func wait(until holds: () async throws -> Bool) async throws {
        for _ in 0..<500 {
            if try await holds() { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("it did not come to hold within 10 s")
    }

    private static func id(_ number: UInt8) -> [UInt8] {
        [0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: 0, count: 11) + [number]
    }
}
