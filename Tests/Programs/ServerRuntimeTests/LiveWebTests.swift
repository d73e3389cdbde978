import Addresses
import PacketEngine
import SecureTransport
import TestSockets
import TestTLS
import Testing

@testable import ServerRuntime

@Suite("A web server that shares a port, by a real server")
struct LiveWebTests {
    /// The first message of TLS of a client that asks for a name, and speaks HTTP.
    static func hello(_ name: String, _ protocols: [String] = ["h2", "http/1.1"]) throws -> [UInt8] {
        let listener = try TCPListener(bindingTo: .loopback(.v4))
        let address = listener.local
        let sender = Background {
            let stream = try TestStream(connectingTo: address)
            _ = try? TestTLSStream(over: stream, protocols: protocols, name: name)
        }
        let client = try StreamPair.accept(at: listener.handle)
        var bytes: [UInt8] = []
        let end = SystemClock.monotonic() + 5_000_000_000
        while bytes.count < 5 || bytes.count < 5 + Int(bytes[3]) << 8 + Int(bytes[4]), SystemClock.monotonic() < end {
            bytes += client.read().bytes
        }
        StreamSocket.close(client)
        try sender.value()
        return bytes
    }

    @Test(
        "HTTP without TLS goes to web-server with every byte, both ways, wherever it is cut, and so does its end",
        arguments: IPAddress.Family.allCases
    )
    func plain(family: IPAddress.Family) throws {
        let site = try EchoSite(family)
        let host = try ServerUnderTest("turn: off\nweb-server: '\(site.address)'\n")
        for cut in [1, 2, 5] {
            let stream = try TestStream(connectingTo: host.address())
            let request = Array("GET / HTTP/1.1\r\n\r\n".utf8)
            try stream.send(Array(request[..<cut]))
            try stream.send(Array(request[cut...]))
            #expect(try stream.receive(exactly: request.count) == request)
            stream.endSending()
            #expect(try stream.receiveAll().isEmpty)
        }
        let stream = try TestStream(connectingTo: host.address())
        let large = Array("POST ".utf8) + (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 11) }
        let sender = Background { try stream.send(large) }
        #expect(try stream.receive(exactly: large.count) == large)
        try sender.value()
        stream.endSending()
        #expect(try stream.receiveAll().isEmpty)
    }

    @Test("TLS for another name, or for HTTP, goes to web-tls-server as it is; that for our name and STUN is ours")
    func secure() async throws {
        let site = try EchoSite()
        let host = try ServerUnderTest("turn: off\nweb-tls-server: \(site.address)\n")
        // Before there is a certificate nothing is ours.
        for round in 0..<2 {
            for (name, protocols) in [
                ("www.example.org", ["h2"]), ("www.example.org", []), ("turn.example.org", ["h2"]),
            ] {
                let hello = try Self.hello(name, protocols)
                for cut in [1, 3, 9, 100] {
                    let stream = try TestStream(connectingTo: host.address())
                    try stream.send(Array(hello[..<cut]))
                    try stream.send(Array(hello[cut...]))
                    #expect(try stream.receive(exactly: hello.count) == hello, "\(name) \(protocols), cut at \(cut)")
                }
            }
            if round == 0 { await host.adopt(.usual) }
        }
        for (name, protocols) in [
            ("turn.example.org", ["stun.turn"]), ("turn.example.org", []), ("other.org", ["stun.turn"]),
        ] {
            let stream = try TestStream(connectingTo: host.address())
            let client = try TestTLSStream(over: stream, protocols: protocols, name: name)
            #expect(client.state == .open)
        }
    }

    @Test(
        "with web-proxy-protocol a site gets its client's address before the first byte, as a proxy before us has told it"
    )
    func told() async throws {
        let site = try EchoSite()
        let settings = "turn: off\nproxies: 127.0.0.0/8\nweb-proxy-protocol: on\n"
        let host = try ServerUnderTest(settings + "web-server: \(site.address)\nweb-tls-server: \(site.address)\n")
        await host.adopt(.usual)
        let far = SocketAddress(IPAddress(v4: 0xC000_0207), port: 4711)
        for content in [Array("GET / HTTP/1.1\r\n\r\n".utf8), try Self.hello("www.example.org")] {
            for client in [nil, far] {
                let stream = try TestStream(connectingTo: host.address())
                if let client { try stream.send(ProxyBytes.header(of: client)) }
                try stream.send(content)
                let expected = ProxyHeader.bytes(of: client ?? stream.local, to: host.address()) + content
                #expect(try stream.receive(exactly: expected.count) == expected)
                // Once, and nothing of it later.
                try stream.send([1, 2, 3])
                #expect(try stream.receive(exactly: 3) == [1, 2, 3])
            }
        }
    }

    @Test("a web server that does not answer closes the connection, and the log names the settings")
    func absent() async throws {
        let port = try #require(RelayRange.freeStream())
        let host = try ServerUnderTest("turn: off\nlog-level: 7\nweb-server: 127.0.0.1:\(port)\n")
        let stream = try TestStream(connectingTo: host.address())
        try stream.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
        #expect(stream.ends())
        try await host.waitForLog("it is for the web server (web-server, web-tls-server)")
        try await host.wait(for: "no connection counts any more") { host.server.connections.count == 0 }
    }
}

/// A server that sends back what it gets, and ends when its client does.
private final class EchoSite: Sendable {
    let address: SocketAddress
    private let listener: TCPListener

    init(_ family: IPAddress.Family = .v4) throws {
        let listener = try TCPListener(bindingTo: .loopback(family))
        self.listener = listener
        address = listener.local
        // Bounded: a test has few connections.
        _ = Background {
            for _ in 0..<64 {
                let stream = try StreamPair.accept(at: listener.handle)
                _ = Background { Self.echo(stream) }
            }
        }
    }

    private static func echo(_ stream: StreamHandle) {
        let end = SystemClock.monotonic() + 20_000_000_000
        var waiting: ArraySlice<UInt8> = []
        while SystemClock.monotonic() < end {
            if waiting.isEmpty {
                let (outcome, bytes) = stream.read()
                if case .ended = outcome { break }
                if case .failed = outcome { break }
                waiting = bytes[...]
            }
            switch stream.write(Array(waiting)) {
            case .bytes(let count): waiting = waiting.dropFirst(count)
            case .blocked: break
            case .ended, .failed: return StreamSocket.close(stream)
            }
            if waiting.isEmpty { SystemClock.sleep(nanoseconds: 100_000) }
        }
        StreamSocket.close(stream)
    }
}
