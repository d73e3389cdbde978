import SecureTransport
import TestTLS
import Testing
import WireFixtures

@Suite("TLS streams of strangers (attacks rows 39, 41, 42)")
struct HostileStreamTests {
    @Test("a stream cut at every byte gives the same", arguments: [TLSVersion.v12, .v13])
    func everyByte(version: TLSVersion) throws {
        let server = try StreamPeer.server(TestContext.server())
        let client = try StreamPeer.client(TestContext.client(version), name: "turn.example.org")
        StreamPeer.pump(server, client, pieces: 1)
        client.say([UInt8](text: "hello"))
        server.say([UInt8](text: "answer"))
        StreamPeer.pump(server, client, pieces: 1)
        #expect(server.inbox == [UInt8](text: "hello") && client.inbox == [UInt8](text: "answer"))
    }

    @Test(
        "a stream that stops at any byte leaves a session that waits, and has sent no plaintext",
        arguments: [TLSVersion.v12, .v13]
    )
    func halfHandshakes(version: TLSVersion) throws {
        let context = try TestContext.server()
        let client = try StreamPeer.client(TestContext.client(version))
        let hello = client.takeOutbox()
        for count in stride(from: 0, to: hello.count, by: 3) {
            let server = try StreamPeer.server(context)
            server.take(Array(hello[..<count]))
            #expect(server.state == .handshaking && server.outbox.isEmpty)
        }
    }

    @Test("what is no TLS fails in words, and answers with an alert at most")
    func noTLS() throws {
        let context = try TestContext.server()
        for text in [
            "GET / HTTP/1.1\r\n\r\n", "POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            "CONNECT a:443 HTTP/1.1\r\n\r\n",
        ] {
            let server = try StreamPeer.server(context)
            server.take([UInt8](text: text))
            #expect(server.failure?.hasPrefix("it does not speak TLS") == true)
            #expect(server.outbox.count <= 7)
            server.take([1, 2, 3])
            #expect(server.say([1]) == 0)
        }
    }

    @Test("random bytes, and a hello with some of its bytes changed, never trap")
    func garbage() throws {
        var generator = SeededGenerator.announced("HostileStreamTests.garbage")
        let context = try TestContext.server()
        let hello = try StreamPeer.client(TestContext.client(), name: "turn.example.org").takeOutbox()
        for round in 0..<600 {
            let server = try StreamPeer.server(context)
            if round % 2 == 0 {
                server.take([22, 3, 1] + generator.bytes(Int.random(in: 0...3000, using: &generator)))
            } else {
                var changed = hello
                for _ in 0..<Int.random(in: 1...6, using: &generator) {
                    changed[Int.random(in: 0..<changed.count, using: &generator)] = .random(
                        in: 0...255,
                        using: &generator
                    )
                }
                server.take(changed + generator.bytes(100))
            }
            #expect(server.state != .open)
            #expect(server.outbox.count < 20_000)
        }
    }

    @Test("changed bytes in an open session end it with an alert", arguments: [TLSVersion.v12, .v13])
    func changed(version: TLSVersion) throws {
        let server = try StreamPeer.server(TestContext.server())
        let client = try StreamPeer.client(TestContext.client(version))
        StreamPeer.pump(server, client)
        client.say([UInt8](text: "hello"))
        var bytes = client.takeOutbox()
        bytes[bytes.count - 1] ^= 1
        server.take(bytes)
        #expect(server.failure != nil && server.inbox.isEmpty)
        #expect(!server.outbox.isEmpty && server.outbox.count < 64)
    }

    @Test("records that claim 65,535 bytes fail before anything of them has come", arguments: [TLSVersion.v12, .v13])
    func longRecords(version: TLSVersion) throws {
        let server = try StreamPeer.server(TestContext.server())
        server.take([22, 3, 1, 0xFF, 0xFF])
        #expect(server.failure != nil)
        let open = try StreamPeer.server(TestContext.server())
        let client = try StreamPeer.client(TestContext.client(version))
        StreamPeer.pump(open, client)
        open.take([23, 3, 3, 0xFF, 0xFF])
        #expect(open.failure != nil)
    }

    @Test(
        "a hello that claims more than 16,384 bytes is refused when its ninth byte has come, also when it comes in pieces"
    )
    func longHello() throws {
        let context = try TestContext.server()
        for pieces in [1, 3, 100] {
            let server = try StreamPeer.server(context)
            let bytes: [UInt8] = [22, 3, 1, 0x40, 0, 1, 0, 0x40, 1, 3, 3]
            for start in stride(from: 0, to: bytes.count, by: pieces) {
                server.take(Array(bytes[start..<min(bytes.count, start + pieces)]))
            }
            #expect(server.failure == "its TLS hello claims more than 16384 bytes")
        }
        // The same, each byte in a record of its own.
        let server = try StreamPeer.server(context)
        for byte in [1, 1, 0, 0] as [UInt8] { server.take([22, 3, 1, 0, 1, byte]) }
        #expect(server.failure == "its TLS hello claims more than 16384 bytes")
    }

    @Test("a second hello after the server has asked for another key is looked at too")
    func secondHello() throws {
        let context = try TestContext.server()
        let client = try StreamPeer.client(TestContext.client())
        var hello = client.takeOutbox()
        // The client's key is for a group that this server does not take (X448), so it asks for another (RFC 8446 section 4.1.4).
        for (pattern, offset) in [([0, 10, 0, 8, 0, 6, 0, 29], 7), ([0, 51, 0, 38, 0, 36, 0, 29], 7)]
            as [([UInt8], Int)]
        {
            let place = try #require(hello.indices.first { Array(hello[$0...].prefix(8)) == pattern })
            hello[place + offset] = 30
        }
        let server = try StreamPeer.server(context)
        server.take(hello)
        #expect(server.state == .handshaking && !server.outbox.isEmpty)
        server.take([20, 3, 3, 0, 1, 1])
        server.take([22, 3, 3, 0x40, 0, 1, 1, 0, 0])
        #expect(server.failure == "its TLS hello claims more than 16384 bytes")
    }

    @Test("empty records without end close the session")
    func emptyRecords() throws {
        let server = try StreamPeer.server(TestContext.server())
        server.take((0..<100).flatMap { _ in [22, 3, 1, 0, 0] as [UInt8] })
        #expect(server.failure != nil)
    }

    @Test("a client that never reads is sent one handshake, and no more")
    func neverReads() throws {
        let server = try StreamPeer.server(TestContext.server())
        let client = try StreamPeer.client(TestContext.client())
        let hello = client.takeOutbox()
        server.take(hello)
        let first = server.outbox.count
        #expect(first > 100 && first < 4000)
        for _ in 0..<100 { server.take([]) }
        #expect(server.outbox.count == first)
        server.take(hello)
        #expect(server.failure != nil && server.outbox.count < first + 64)
    }
}
