import SecureTransport
import TestTLS
import Testing

@Suite("TLS sessions: bytes in, bytes out")
struct SecureSessionTests {
    private func pair(
        _ version: TLSVersion = .v13,
        offering protocols: [String] = [],
        name: String? = nil,
        certificate: TestCertificate = .usual
    ) throws -> (server: StreamPeer, client: StreamPeer) {
        let server = try StreamPeer.server(TestContext.server(certificate))
        let client = try StreamPeer.client(TestContext.client(version, protocols: protocols), name: name)
        return (server, client)
    }

    @Test("text goes both ways in TLS 1.2 and 1.3, with EC and RSA keys", arguments: [TLSVersion.v12, .v13])
    func both(version: TLSVersion) throws {
        for certificate in [TestCertificate.usual, .rsa] {
            let (server, client) = try pair(version, certificate: certificate)
            #expect(server.say([1, 2, 3]) == 0)
            StreamPeer.pump(server, client)
            #expect(server.state == .open && client.state == .open)
            #expect(server.version == (version == .v12 ? "TLSv1.2" : "TLSv1.3"))
            #expect(server.cipher.contains("AES_128_GCM") || server.cipher.contains("GCM"))
            let long = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            #expect(client.say(long) == long.count)
            #expect(server.say([UInt8](text: "hello")) == 5)
            StreamPeer.pump(server, client)
            #expect(server.inbox == long)
            #expect(client.inbox == [UInt8](text: "hello"))
        }
    }

    @Test(
        "the server's order decides the ALPN protocol; without a common one the session goes on without; the name is known"
    )
    func protocols() throws {
        let (server, client) = try pair(offering: ["h2", "stun.nat-discovery", "stun.turn"], name: "turn.example.org")
        StreamPeer.pump(server, client)
        #expect(server.applicationProtocol == "stun.turn" && client.applicationProtocol == "stun.turn")
        #expect(server.serverName == "turn.example.org")
        for offered in [[], ["h2", "http/1.1"]] {
            let (server, client) = try pair(offering: offered)
            StreamPeer.pump(server, client)
            #expect(server.state == .open && server.applicationProtocol == nil && server.serverName == nil)
        }
    }

    @Test("an end is told, and a session that has ended takes nothing")
    func end() throws {
        for version in [TLSVersion.v12, .v13] {
            let (server, client) = try pair(version)
            StreamPeer.pump(server, client)
            client.close()
            StreamPeer.pump(server, client)
            #expect(client.state == .closed && server.state == .closed)
            #expect(server.say([1]) == 0 && client.say([1]) == 0)
            server.close()
            #expect(!server.outbox.isEmpty)
            #expect(server.state == .closed)
        }
    }

    @Test("buffers as small as one byte only make more calls")
    func smallBuffers() throws {
        let (server, client) = try pair(name: "turn.example.org")
        client.longestOutput = 0
        for peer in [server, client] { (peer.plaintextRoom, peer.outputRoom) = (1, 40) }
        StreamPeer.pump(server, client)
        let text = (0..<3000).map { UInt8(truncatingIfNeeded: $0) }
        client.say(text)
        StreamPeer.pump(server, client)
        #expect(server.inbox == text)
        #expect(server.longestOutput <= 40 && client.longestOutput <= 40)
    }

    @Test("a client that verifies takes the right name only, and says so to the server")
    func verification() throws {
        let trust = TLSContext.Trust.authorities(pem: TestCertificate.usual.chain)
        let context = try TLSContext(client: .stream, trust: trust)
        for name in ["turn.example.org", "a.stun.example.org", "192.0.2.1", "2001:db8::1"] {
            let server = try StreamPeer.server(TestContext.server())
            let client = try StreamPeer.client(context, name: name)
            StreamPeer.pump(server, client)
            #expect(client.state == .open && server.state == .open)
        }
        for name in ["turn.example.net", "192.0.2.2", "a.b.stun.example.org"] {
            let server = try StreamPeer.server(TestContext.server())
            let client = try StreamPeer.client(context, name: name)
            StreamPeer.pump(server, client)
            #expect(client.failure?.hasPrefix("the other side's certificate is not accepted") == true)
            #expect(server.failure?.hasPrefix("the other side does not accept our certificate") == true)
        }
        let server = try StreamPeer.server(TestContext.server(.other))
        let client = try StreamPeer.client(context, name: "other.example.org")
        StreamPeer.pump(server, client)
        #expect(client.failure != nil)
    }

    @Test("a hundred new certificates while sessions of the old ones talk: none is lost")
    func swaps() throws {
        var context = try TestContext.server()
        let (first, client) = try (StreamPeer.server(context), StreamPeer.client(TestContext.client()))
        StreamPeer.pump(first, client)
        var older: [(StreamPeer, StreamPeer)] = []
        for number in 0..<100 {
            context = try TestContext.server(number % 2 == 0 ? .other : .usual)
            let fresh = try (StreamPeer.server(context), StreamPeer.client(TestContext.client()))
            StreamPeer.pump(fresh.0, fresh.1)
            older.append(fresh)
            let text = [UInt8](text: "number \(number)")
            for (server, client) in [(first, client)] + older {
                server.inbox = []
                client.say(text)
                StreamPeer.pump(server, client)
                #expect(server.inbox == text && server.state == .open)
            }
        }
        let trusting = try TLSContext(client: .stream, trust: .authorities(pem: TestCertificate.usual.chain))
        let (server, last) = try (StreamPeer.server(context), StreamPeer.client(trusting, name: "turn.example.org"))
        StreamPeer.pump(server, last)
        #expect(last.state == .open)
    }

    @Test("a session may be handed to another thread")
    func moved() async throws {
        let context = try TestContext.server()
        let hello = try StreamPeer.client(TestContext.client()).takeOutbox()
        let session = try SecureSession(server: context)
        let answer = await Task.detached { [session = Handed(session)] in
            let peer = StreamPeer(session.take())
            peer.take(hello)
            return peer.outbox.count
        }.value
        #expect(answer > 100)
    }
}

/// Carries a session once.
private final class Handed: @unchecked Sendable {
    private var session: SecureSession?

    init(_ session: consuming SecureSession) { self.session = consume session }

    func take() -> SecureSession {
        guard let session = session.take() else { preconditionFailure("taken twice") }
        return session
    }
}
