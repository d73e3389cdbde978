import Addresses
import Foundation
import ServerSettings
import Synchronization
import Testing

@testable import Administration

@Suite("Servers of a fleet ask each other by an encrypted connection")
struct FleetChannelTests {
    private let hello = FleetChannel.magic + [UInt8](repeating: 7, count: 32)
    private let magic = FleetChannel.magic

    @Test("Many things can be asked one after the other, and each gets its own answer")
    func asked() throws {
        let host = try FleetHost("b")
        host.has([.init(source: "192.0.2.1:1", lastAccess: 3)])
        let channel = try host.channel(over: try host.connect())
        for _ in 0..<3 {
            guard case .statistics(let report) = try channel.ask(.ask(.statistics(StatisticsQuery()))) else {
                Issue.record("no statistics")
                return
            }
            #expect(report.rows.map(\.source) == ["192.0.2.1:1"])
            guard case .status = try channel.ask(.ask(.status)) else {
                Issue.record("no status")
                return
            }
        }
    }

    @Test("What ends sessions, forgets counts, rereads files or tells the log is not done for others")
    func notAllowed() throws {
        let host = try FleetHost("b")
        let channel = try host.channel(over: try host.connect())
        let requests: [ControlRequest] = [
            .log(LogQuery()), .clearLog, .clearStatistics, .reload, .disconnect("alice"), .explain("alice"), .fleet,
            .note(.secretAdded("x", by: Operator(name: "b", role: .admin, way: .command))),
        ]
        for request in requests {
            let answer = try channel.ask(.ask(request))
            #expect(answer == .refused("this is not told to other servers: ask on the server itself"), "\(request)")
        }
        #expect(host.host.server.reloads.withLock { $0 } == 0)
    }

    @Test("A server with another key gets no answer, and hears nothing that it could test keys with but random bytes")
    func otherKey() throws {
        let host = try FleetHost("b", key: Array(1...32))
        let socket = try host.connect()
        #expect(throws: FleetChannelError.transfer(.closed)) { try host.channel(over: socket) }
        let listening = try host.connect()
        try listening.write(hello + [0, 0, 0, 16] + [UInt8](repeating: 9, count: 16))
        #expect(listening.rest().count == hello.count)
    }

    @Test("Who is none of the others is not listened to")
    func stranger() throws {
        let host = try FleetHost("b", peer: IPAddress(v4: 0xC000_0201))
        let socket = try host.connect()
        _ = try? socket.write(hello)
        #expect(socket.rest().isEmpty)
    }

    @Test("Without a cluster key nobody listens")
    func noKey() throws {
        #expect(try FleetHost("b", key: nil).address == nil)
    }

    @Test("A server that mirrors what it hears is not taken for one with the key")
    func mirrored() throws {
        let listener = try TCPSocket.listening(at: SocketAddress(FleetHost.loopback, port: 0))
        let address = try #require(TCPSocket.local(of: listener))
        let socket = try TCPSocket.connected(to: address, from: nil, until: .now + .seconds(5))
        _ = UnixSocket.waitToRead([listener], milliseconds: 5000)
        let (mirror, _) = try TCPSocket.accepted(from: listener)
        let thread = Thread {
            while let byte = try? TCPSocket.read(1, from: mirror, until: .now + .seconds(5)) { try? mirror.write(byte) }
        }
        thread.start()
        #expect(throws: FleetChannelError.untrusted) {
            try FleetChannel(over: socket, as: .client, of: 7, key: FleetHost.key, until: .now + .seconds(5))
        }
    }

    @Test(
        "A connection that somebody leads to another server of the fleet, or back to the one that asks, gets no answer"
    )
    func ledElsewhere() throws {
        let host = try FleetHost("c")
        for other in [0, FleetHost.instance ^ 1, FleetHost.instance.byteSwapped, .max] {
            let socket = try host.connect()
            #expect(throws: FleetChannelError.transfer(.closed)) { try host.channel(over: socket, to: other) }
        }
        guard case .status = try host.channel(over: try host.connect()).ask(.ask(.status)) else {
            Issue.record("no status")
            return
        }
    }

    @Test("A recorded connection that is played again gets no answer")
    func replayed() throws {
        let host = try FleetHost("b")
        // What a client sent in an earlier connection, whose server drew other random bytes.
        let salt = Array(hello.dropFirst(magic.count)) + [UInt8](repeating: 8, count: 32) + Array(1...8)
        let key = try #require(
            KeyDerivation.derive(from: FleetHost.key, salt: salt, label: "stund fleet ask", count: 32)
        )
        var cipher = FleetCipher(key: key)
        let header: [UInt8] = [0, 0, 0, 16]
        let sealed = cipher.seal([], header: header)
        let proof = try #require(sealed)
        let socket = try host.connect()
        try socket.write(hello + header + proof)
        #expect(socket.rest().count == hello.count)
    }

    @Test("The first frame of who has the key is empty, or nothing is answered")
    func proof() throws {
        let host = try FleetHost("b")
        for (text, isTaken) in [([], true), ([1], false)] as [([UInt8], Bool)] {
            let socket = try host.connect()
            try socket.write(hello)
            let heard = try TCPSocket.read(hello.count, from: socket, until: .now + .seconds(5))
            let salt = hello.dropFirst(magic.count) + heard.dropFirst(magic.count) + Array(1...8)
            let key = try #require(
                KeyDerivation.derive(from: FleetHost.key, salt: Array(salt), label: "stund fleet ask", count: 32)
            )
            var cipher = FleetCipher(key: key)
            let header: [UInt8] = [0, 0, 0, UInt8(16 + text.count)]
            let frame = cipher.seal(text, header: header) ?? []
            try socket.write(header + frame)
            let answer = try? TCPSocket.read(20, from: socket, until: .now + .seconds(5))
            #expect((answer != nil) == isTaken)
        }
    }

    @Test("A length over the limit is refused before anything more is waited for")
    func tooLong() throws {
        for (side, most) in [(FleetChannel.Side.server, 100), (.client, 200)] {
            var limits = FleetChannel.Limits()
            (limits.request, limits.answer) = (100, 200)
            for (length, error) in [(most + 16, TransferError.closed), (most + 17, .tooLong)] {
                let (near, far) = try FleetFrames.pair()
                try far.write([0, 0, 0, UInt8(length), 0])
                TCPSocket.shutDown(far)
                let cipher = FleetCipher(key: FleetHost.key)
                let channel = FleetChannel(
                    over: near,
                    as: side,
                    sending: cipher,
                    receiving: cipher,
                    limits: limits
                )
                #expect(throws: FleetChannelError.transfer(error)) {
                    try channel.receive(begins: .now + .seconds(20), ends: .now + .seconds(20))
                }
            }
        }
    }

    @Test("Frames that are cut, changed, too long or too short end the connection without an answer")
    func badFrames() throws {
        let host = try FleetHost("b")
        let frames: [[UInt8]] = [
            [0, 0, 0, 15] + [UInt8](repeating: 0, count: 15),
            [0, 0, 0, 40] + [UInt8](repeating: 0, count: 40),
            [0, 1, 0, 17], [0xFF, 0xFF, 0xFF, 0xFF], [0x7F, 0xFF, 0xFF, 0xFF, 0],
        ]
        for frame in frames {
            let socket = try host.connect()
            let channel = try host.channel(over: socket)
            try socket.write(frame)
            #expect(throws: FleetChannelError.transfer(.closed), "\(frame.prefix(5))") {
                try channel.receive(begins: .now + .seconds(20))
            }
        }
        // Still there for others.
        let last = try host.channel(over: try host.connect())
        guard case .status = try last.ask(.ask(.status)) else {
            Issue.record("no status")
            return
        }
    }

    @Test("What is no request is refused in words, and the connection goes on")
    func badRequests() throws {
        let host = try FleetHost("b")
        let channel = try host.channel(over: try host.connect())
        for text in ["", "{", "[]", "{\"ask\":{\"request\":\"status\",\"limit\":", "{\"change\":{}}", "\u{0}"] {
            try channel.send(Array(text.utf8), until: .now + .seconds(5))
            let bytes = try channel.receive(begins: .now + .seconds(5))
            let answer = try ControlProtocol.decode(ControlAnswer.self, from: bytes)
            guard case .refused(let reason) = answer else {
                Issue.record("\(answer)")
                return
            }
            #expect(reason.contains("does not know the request"))
        }
        #expect(throws: FleetChannelError.tooLong) {
            try channel.send([UInt8](repeating: 0, count: 65_537), until: .now + .seconds(5))
        }
    }

    @Test("Who says nothing, or only half, is let go after the time for the handshake, and leaves room for others")
    func slowHandshake() throws {
        var limits = FleetChannel.Limits()
        limits.handshake = .milliseconds(100)
        limits.connections = 2
        let host = try FleetHost("b", limits: limits)
        for bytes in [[], Array(hello.prefix(20)), hello] {
            let (first, second) = (try host.connect(), try host.connect())
            try first.write(bytes)
            try second.write(bytes)
            #expect(first.rest().count == (bytes.count == hello.count ? hello.count : 0))
            _ = second.rest()
        }
        guard case .status = try host.channel(over: try host.connect()).ask(.ask(.status)) else {
            Issue.record("no status")
            return
        }
    }

    @Test("More connections than there are places for are closed at once")
    func tooMany() throws {
        var limits = FleetChannel.Limits()
        limits.connections = 2
        let host = try FleetHost("b", limits: limits)
        let held = [try host.channel(over: try host.connect()), try host.channel(over: try host.connect())]
        let third = try host.connect()
        _ = try? third.write(hello)
        #expect(third.rest().isEmpty)
        guard case .status = try held[0].ask(.ask(.status)) else {
            Issue.record("no status")
            return
        }
    }

    @Test("An answer that is longer than the other side takes is refused in words")
    func longAnswer() throws {
        var limits = FleetChannel.Limits()
        limits.answer = 1000
        let host = try FleetHost("b", limits: limits)
        host.has((0..<100).map { .init(source: "192.0.2.1:\($0)", lastAccess: 3) })
        let answer = try host.channel(over: try host.connect()).ask(.ask(.statistics(StatisticsQuery())))
        #expect(answer == .refused("the answer is longer than 1000 bytes: ask for fewer rows"))
    }

    @Test("A frame that is changed in any bit, moved or played again is not opened")
    func cipher() throws {
        let key = [UInt8](repeating: 3, count: 32)
        var sending = FleetCipher(key: key)
        let header: [UInt8] = [0, 0, 0, 21]
        let frames = (0..<3).compactMap { _ in sending.seal(Array("hello".utf8), header: header) }
        #expect(Set(frames).count == 3)
        for bit in 0..<(frames[0].count * 8) {
            var changed = frames[0]
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            var receiving = FleetCipher(key: key)
            let text = receiving.open(changed, header: header)
            #expect(text == nil, "bit \(bit)")
        }
        var receiving = FleetCipher(key: key)
        let inOrder = (0..<2).map { _ in receiving.open(frames[0], header: header) }
        #expect(inOrder == [Array("hello".utf8), nil], "played again")
        var moved = FleetCipher(key: key)
        let second = moved.open(frames[1], header: header)
        #expect(second == nil)
        var other = FleetCipher(key: key)
        let withOtherLength = other.open(frames[0], header: [0, 0, 0, 22])
        #expect(withOtherLength == nil)
    }

    @Test("HKDF gives the bytes of RFC 5869's third test, the one without salt and info")
    func derivation() {
        let key = KeyDerivation.derive(from: [UInt8](repeating: 0x0B, count: 22), salt: [], label: "", count: 8)
        #expect(key == [0x8D, 0xA4, 0xE7, 0x75, 0xA5, 0x63, 0xC1, 0x8F])
    }
}
