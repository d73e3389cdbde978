// Unsafe: spans over arrays of bytes count as unsafe.

import Addresses
import STUNCodec
import TestSockets
import TestTLS
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite("PROXY protocol, version 2")
struct ProxyHeaderTests {
    private static let client = SocketAddress(IPAddress(v4: 0xC000_0207), port: 4711)

    @Test(
        "a header is read whole, wherever it is cut, and what follows is left",
        arguments: ["192.0.2.7:4711", "[2001:db8::7]:4711"]
    )
    func whole(text: String) throws {
        let client = try #require(SocketAddress(text))
        let header = ProxyBytes.header(of: client)
        for cut in 0..<header.count { #expect(read(Array(header[..<cut])) == .incomplete, "\(cut)") }
        #expect(read(header + [1, 2, 3]) == .client(client, count: header.count))
        // What stands behind the addresses is passed over.
        let more = ProxyBytes.header(of: client, more: [0x04, 0, 3, 1, 2, 3])
        #expect(read(more + [1]) == .client(client, count: more.count))
    }

    @Test("a proxy that speaks for itself is itself")
    func own() {
        #expect(read(ProxyBytes.signature + [0x20, 0, 0, 0, 9]) == .own(count: 16))
        #expect(read(ProxyBytes.signature + [0x20, 0x11, 0, 4, 1, 2, 3, 4, 9]) == .own(count: 20))
    }

    @Test("an IPv4 client of a socket for both families is an IPv4 client")
    func mapped() throws {
        let mapped = try #require(SocketAddress("[::ffff:192.0.2.7]:4711"))
        #expect(read(ProxyBytes.header(of: mapped)) == .client(Self.client, count: 52))
    }

    @Test(
        "other versions, commands, families, and headers that are too short for their addresses or too long are refused"
    )
    func invalid() {
        let header = ProxyBytes.header(of: Self.client)
        for (index, value) in [
            (0, 0x0E), (11, 0x0B), (12, 0x11), (12, 0x22), (13, 0x12), (13, 0x31), (13, 0), (14, 0x20), (15, 11),
        ] {
            var bytes = header + [UInt8](repeating: 0, count: 10_000)
            bytes[index] = UInt8(value)
            #expect(read(bytes) == .invalid, "byte \(index)")
        }
        #expect(read(Array("PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n".utf8)) == .invalid)
    }

    @Test("a header that is written says what is read of it, and is byte for byte that of haproxy's text")
    func written() throws {
        let server = SocketAddress(IPAddress(v4: 0xC633_640A), port: 443)
        let expected: [UInt8] =
            ProxyBytes.signature + [0x21, 0x11, 0, 12, 192, 0, 2, 7, 198, 51, 100, 10, 0x12, 0x67, 0x01, 0xBB]
        #expect(ProxyHeader.bytes(of: Self.client, to: server) == expected)
        let v6 = try #require(SocketAddress("[2001:db8::7]:4711"))
        for (client, to) in [(Self.client, v6), (v6, server), (v6, v6)] {
            let bytes = ProxyHeader.bytes(of: client, to: to)
            #expect(bytes[13] == 0x21 && read(bytes) == .client(client, count: 52))
        }
        #expect(
            Array(ProxyHeader.bytes(of: v6, to: server)[32..<48]) == [
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 198, 51, 100, 10,
            ]
        )
    }

    private func read(_ bytes: [UInt8]) -> ProxyHeader { unsafe ProxyHeader.read(bytes.span.bytes) }
}

@Suite("Clients behind a proxy, by a real server")
struct LiveProxyTests {
    private static let request = Wire.message(
        0x0001,
        as: .cookie,
        id: [0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: 1, count: 12),
        []
    )
    private static let client = SocketAddress(IPAddress(v4: 0xC000_0207), port: 4711)

    @Test(
        "the client's address is the one that a listed proxy tells, over TCP and TLS, wherever the first bytes are cut"
    )
    func mapped() async throws {
        let host = try ServerUnderTest("turn: off\nproxies: 127.0.0.0/8\n")
        await host.adopt(.usual)
        let header = ProxyBytes.header(of: Self.client)
        for cut in 1..<(header.count + Self.request.count) {
            let stream = try TestStream(connectingTo: host.address())
            let bytes = header + Self.request
            try stream.send(Array(bytes[..<cut]))
            // Any answer to another connection shows that the first part has been read.
            if cut % 10 == 0 { try Self.ask(host) }
            try stream.send(Array(bytes[cut...]))
            #expect(RelayClient.Answer(try stream.receiveFrame())?.mapped == Self.client, "cut at \(cut)")
        }
        let stream = try TestStream(connectingTo: host.address())
        try stream.send(header)
        let secure = try TestTLSStream(over: stream)
        try secure.send(Self.request)
        #expect(RelayClient.Answer(try secure.receiveFrame())?.mapped == Self.client)
        // The proxy itself, when it looks whether the server lives, and without any header.
        let own = try TestStream(connectingTo: host.address())
        try own.send(ProxyBytes.signature + [0x20, 0, 0, 0])
        try own.send(Self.request)
        #expect(RelayClient.Answer(try own.receiveFrame())?.mapped == own.local)
    }

    @Test("nobody else is believed")
    func stranger() throws {
        let host = try ServerUnderTest("turn: off\nproxies: 192.0.2.0/24\n")
        let stream = try TestStream(connectingTo: host.address())
        try stream.send(ProxyBytes.header(of: Self.client) + Self.request)
        #expect(stream.ends())
    }

    @Test("a client behind a proxy cannot say itself whose connection it is, nor that it is a server of the fleet")
    func forged() throws {
        let host = try ServerUnderTest("turn: off\nproxies: 127.0.0.0/8\n")
        let forged = SocketAddress(IPAddress(v4: 0xC000_0299), port: 1)
        for second in [ProxyBytes.header(of: forged), [0xC5, 0x53, 0x54, 0x46, 1]] {
            let stream = try TestStream(connectingTo: host.address())
            try stream.send(ProxyBytes.header(of: Self.client))
            // Another connection's answer shows that the header has been read by itself.
            for _ in 0..<20 { try Self.ask(host) }
            try stream.send(second + Self.request)
            #expect(stream.ends())
        }
    }

    @Test("connections-per-client counts the clients behind a proxy, each for itself")
    func limited() async throws {
        let host = try ServerUnderTest("turn: off\nproxies: 127.0.0.0/8\nconnections-per-client: 2\nlog-level: 7\n")
        var streams: [TestStream] = []
        for number in 0..<6 {
            let client = SocketAddress(IPAddress(v4: 0xC000_0200 + UInt32(number / 2)), port: UInt16(1000 + number))
            let stream = try TestStream(connectingTo: host.address())
            try stream.send(ProxyBytes.header(of: client) + Self.request)
            #expect(RelayClient.Answer(try stream.receiveFrame())?.mapped == client)
            streams.append(stream)
        }
        let stream = try TestStream(connectingTo: host.address())
        try stream.send(ProxyBytes.header(of: SocketAddress(IPAddress(v4: 0xC000_0201), port: 9)) + Self.request)
        #expect(stream.ends())
        try await host.waitForLog("the client has too many, by what its proxy says")
        streams.removeAll()
        try await host.wait(for: "no connection counts any more") { host.server.connections.count == 0 }
    }

    @Test(
        "a client that begins TLS too often is closed before it costs anything; others, by the same proxy too, are not"
    )
    func sessionRate() async throws {
        let settings = "turn: off\nproxies: 127.0.0.0/8\nworkers: 1\nlog-level: 7\n"
        let host = try ServerUnderTest(settings + "challenge-rate-limit: 1\nchallenge-rate-burst: 2\n")
        await host.adopt(.usual)
        func begin(_ client: SocketAddress?) throws {
            let stream = try TestStream(connectingTo: host.address())
            if let client { try stream.send(ProxyBytes.header(of: client)) }
            let secure = try TestTLSStream(over: stream)
            try secure.send(Self.request)
            #expect(RelayClient.Answer(try secure.receiveFrame())?.isSuccess == true)
        }
        let other = SocketAddress(IPAddress(v4: 0xC000_0299), port: 1)
        for client in [Self.client, other, nil] {
            for _ in 0..<2 { try begin(client) }
            // Each second makes room for one more: however long some of them take, one comes too soon.
            #expect(throws: (any Error).self) { for _ in 0..<200 { try begin(client) } }
        }
        try await host.waitForLog("the client begins TLS more often than challenge-rate-limit allows")
        #expect(await host.server.pool.reports().first?.streams.ended(.tooManySessions) ?? 0 >= 3)
    }

    private static func ask(_ host: ServerUnderTest) throws {
        let stream = try TestStream(connectingTo: host.address())
        try stream.send(request)
        _ = try stream.receiveFrame()
    }
}

/// What a proxy sends.
enum ProxyBytes {
    static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

    /// The header of a client's connection; `more` stands behind the addresses.
    static func header(of client: SocketAddress, more: [UInt8] = []) -> [UInt8] {
        let isV4 = client.address.family == .v4
        let address = isV4 ? bytes(client.address.v4Bits) : bytes(client.address.high) + bytes(client.address.low)
        let family: UInt8 = isV4 ? 0x11 : 0x21
        let body =
            address + [UInt8](repeating: 9, count: address.count) + Wire.bytes(client.port) + [0x0D, 0x96] + more
        return signature + [0x21, family] + Wire.bytes(UInt16(body.count)) + body
    }

    private static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        stride(from: number.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> $0) }
    }
}
