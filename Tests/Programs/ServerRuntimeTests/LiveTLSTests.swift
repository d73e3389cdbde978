import Addresses
import Administration
import Foundation
import PacketEngine
import STUNCodec
import SecureTransport
import Synchronization
import TestSockets
import TestTLS
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite("STUN and TURN over TLS, by a real server (RFC 8489 section 6.2.3)")
struct LiveTLSTests {
    private static let settings = RelayClient.settings + "workers: 2\nlog-level: 7\n"
    private static let request = Wire.message(0x0001, as: .cookie, id: id(1), [])

    @Test(
        "a Binding request is answered with the client's address, by both versions and one of our ALPN names",
        arguments: [TLSVersion.v12, .v13]
    )
    func binding(version: TLSVersion) async throws {
        let host = try ServerUnderTest("turn: off\n")
        await host.adopt(.usual)
        for name in ["stun.turn", "stun.nat-discovery"] {
            let stream = try TestTLSStream(
                over: TestStream(connectingTo: host.address()),
                highest: version,
                protocols: [name]
            )
            #expect(stream.version == (version == .v12 ? "TLSv1.2" : "TLSv1.3"))
            #expect(stream.applicationProtocol == name)
            for cut in 1..<Self.request.count {
                try stream.send(Array(Self.request[..<cut]))
                try stream.send(Array(Self.request[cut...]))
                #expect(RelayClient.Answer(try stream.receiveFrame())?.mapped == stream.local, "cut at \(cut)")
            }
            let many = (1...500).flatMap { Wire.message(0x0001, as: .cookie, id: Self.id(UInt8($0 % 250)), []) }
            try stream.send(many)
            for number in 1...500 {
                #expect(try stream.receiveFrame()[8..<20] == Self.id(UInt8(number % 250))[4...], "in order")
            }
        }
    }

    @Test("a hello that comes byte by byte is understood")
    func slowly() async throws {
        let host = try ServerUnderTest("turn: off\n")
        await host.adopt(.usual)
        let relay = try SlowForwarder(to: host.address())
        let stream = try TestTLSStream(over: TestStream(connectingTo: relay.address))
        try stream.send(Self.request)
        #expect(RelayClient.Answer(try stream.receiveFrame())?.isSuccess == true)
    }

    @Test("without a certificate TLS is closed, and the log names the setting")
    func noCertificate() async throws {
        let host = try ServerUnderTest(Self.settings)
        let stream = try TestStream(connectingTo: host.address())
        try stream.send([0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5])
        #expect(stream.ends())
        try await host.waitForLog("there is no certificate (tls-certificate)")
    }

    @Test(
        "what is no TLS after a first byte that says so is closed with the reason in the log",
        arguments: [
            [0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5], [0x16] + Array("GET / HTTP/1.1\r\n\r\n".utf8),
            [0x16, 3, 1, 0xFF, 0xFF] + [UInt8](repeating: 1, count: 70_000),
            [0x16, 3, 3, 0, 4, 1, 0xFF, 0xFF, 0xFF],
        ]
    )
    func garbage(bytes: [UInt8]) async throws {
        let host = try ServerUnderTest(Self.settings)
        await host.adopt(.usual)
        let stream = try TestStream(connectingTo: host.address())
        try stream.send(bytes)
        stream.endSending()
        _ = try? stream.receiveAll()
        try await host.waitForLog("Connection ended:")
        let other = try await host.stream(.tls)
        try other.send(Self.request)
        #expect(RelayClient.Answer(try other.receiveFrame())?.isSuccess == true)
    }

    @Test("plain bytes in the middle of a session end it, and its allocation")
    func plainInTheMiddle() async throws {
        let host = try ServerUnderTest(Self.settings)
        await host.adopt(.usual)
        let stream = try TestTLSStream(over: TestStream(connectingTo: host.address()))
        try RelayClient(over: stream).allocate()
        try stream.sendRaw(Self.request)
        try await host.waitForSessions(0)
        try await host.waitForLog("Connection ended: it does not speak TLS")
    }

    @Test("who takes leave has what came before handled, and is told that the session ends")
    func farewell() async throws {
        let host = try ServerUnderTest(Self.settings)
        await host.adopt(.usual)
        let stream = try TestTLSStream(over: TestStream(connectingTo: host.address()))
        let client = try RelayClient(over: stream)
        try client.allocate()
        let peer = try TestClient(bindingTo: .loopback(0))
        #expect(try client.permit(peer.local).isSuccess)
        // Both in one segment, most likely.
        try client.send([1, 2, 3], to: peer.local)
        try stream.close()
        #expect(try peer.receive() == [1, 2, 3])
        try await host.waitForSessions(0)
    }

    @Test("a server that stops says so to clients of TLS")
    func stops() async throws {
        let host = try ServerUnderTest(Self.settings)
        await host.adopt(.usual)
        let stream = try TestTLSStream(over: TestStream(connectingTo: host.address()))
        try stream.send(Self.request)
        _ = try stream.receiveFrame()
        host.server.stop()
        #expect(try stream.endsWithNotice())
    }

    @Test("200 clients that come at once are all let in")
    func crowd() async throws {
        let host = try ServerUnderTest("turn: off\nworkers: 2\n")
        await host.adopt(.usual)
        let address = host.address()
        let workers = (0..<8).map { _ in
            Background {
                try (0..<25).map { _ in try TestTLSStream(over: TestStream(connectingTo: address)) }.count
            }
        }
        #expect(try workers.reduce(0) { try $0 + $1.value() } == 200)
        let streams = await host.server.pool.reports().reduce(into: StreamCounters()) { $0.add($1.streams) }
        #expect(streams.sessions == 200 && streams.handshakes == 200)
    }

    @Test("a certificate that is replaced 100 times under load breaks no session, and new ones see the new one")
    func swaps() async throws {
        let host = try ServerUnderTest(Self.settings)
        await host.adopt(.usual)
        let stream = try TestTLSStream(over: TestStream(connectingTo: host.address()))
        let client = try RelayClient(over: stream)
        let relayed = try client.allocate()
        let peer = try TestClient(bindingTo: .loopback(0))
        #expect(try client.permit(peer.local).isSuccess)
        try client.bind(0x4001, to: peer.local)
        for round in 0..<100 {
            let certificate = round % 2 == 0 ? TestCertificate.other : .rsa
            await host.adopt(certificate)
            let data = [UInt8](repeating: UInt8(round), count: 100)
            try client.send(data, by: 0x4001)
            #expect(try peer.receive() == data)
            try peer.send(data, to: relayed)
            #expect(try client.receive() == [0x40, 1, 0, 100] + data)
            let new = try TestTLSStream(over: TestStream(connectingTo: host.address()), trust: certificate)
            try new.send(Self.request)
            #expect(RelayClient.Answer(try new.receiveFrame())?.isSuccess == true)
        }
    }

    @Test("with tcp: off the TLS port takes no STUN without TLS")
    func tlsAlone() async throws {
        let port = try #require(RelayRange.freeStream())
        let files = TestCertificate.usual.files
        let host = try ServerUnderTest(
            "turn: off\ntcp: off\ntls-certificate: \(files.chain)\ntls-key: \(files.key)\ntls-port: \(port)\n"
        )
        await host.adopt(.usual)
        let place = SocketAddress(IPAddress(v4: 0x7F00_0001), port: port)
        let plain = try TestStream(connectingTo: place)
        try plain.send(Self.request)
        #expect(plain.ends())
        let secure = try TestTLSStream(over: TestStream(connectingTo: place))
        try secure.send(Self.request)
        #expect(RelayClient.Answer(try secure.receiveFrame())?.isSuccess == true)
    }

    private static func id(_ number: UInt8) -> [UInt8] {
        [0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: 0, count: 11) + [number]
    }
}

/// How a client's frames come.
enum StreamKind: CaseIterable, CustomTestStringConvertible {
    case tcp, tls

    var testDescription: String { self == .tcp ? "TCP" : "TLS" }
}

extension ServerUnderTest {
    /// Has all workers serve TLS and DTLS with a certificate, and waits until they do.
    func adopt(_ certificate: TestCertificate) async {
        let (chain, key) = (certificate.chain, certificate.key)
        do {
            let protocols = SecureContexts.protocols
            server.pool.adopt(
                SecureContexts(
                    stream: try TLSContext(server: .stream, chain: chain, key: key, protocols: protocols),
                    datagram: try TLSContext(server: .datagram, chain: chain, key: key, protocols: protocols)
                )
            )
        } catch {
            Issue.record(error)
        }
        // Messages are read in order.
        _ = await server.pool.reports()
    }

    /// A client's connection, with TLS begun where it is asked for.
    func stream(_ kind: StreamKind, buffers: Int32? = nil) async throws -> any TestFrames {
        if kind == .tls { await adopt(.usual) }
        let stream = try TestStream(connectingTo: address(), buffers: buffers)
        return kind == .tls ? try TestTLSStream(over: stream) : stream
    }

    /// Waits until there are so many allocations, at most 10 s.
    func waitForSessions(_ count: Int) async throws {
        try await wait(for: "\(count) allocations") {
            await server.pool.reports().reduce(0) { $0 + $1.sessionCount } == count
        }
    }

    /// Waits until the log says something, at most 10 s.
    func waitForLog(_ text: String) async throws {
        try await wait(for: text) { try await server.log(LogQuery()).lines.joined(separator: "\n").contains(text) }
    }

    /// Waits until something holds, at most 10 s.
    func wait(for what: String, until holds: () async throws -> Bool) async throws {
        for _ in 0..<500 {
            if try await holds() { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("not within 10 s: \(what)")
    }
}

/// Passes what clients send on byte by byte, each as a segment of its own, and answers as they come.
private final class SlowForwarder: Sendable {
    let address: SocketAddress
    private let work: Background<Void>

    init(to server: SocketAddress) throws {
        let listener = try TCPListener(bindingTo: .loopback(.v4))
        address = listener.local
        work = Background {
            let client = try StreamPair.accept(at: listener.handle)
            let below = try TestStream(connectingTo: server)
            let end = SystemClock.monotonic() + 5_000_000_000
            while SystemClock.monotonic() < end {
                let (outcome, bytes) = client.read(512)
                for byte in bytes { try below.send([byte]) }
                if case .ended = outcome { return StreamSocket.close(client) }
                if let answer = try? below.receive(waits: false), !answer.isEmpty { _ = client.write(answer) }
                usleep(200)
            }
            StreamSocket.close(client)
        }
    }
}
