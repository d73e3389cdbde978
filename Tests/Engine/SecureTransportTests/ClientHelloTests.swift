// Unsafe: spans over arrays of bytes count as unsafe.

import SecureTransport
import TestTLS
import Testing
import WireFixtures

@Suite("ClientHello: who is wanted, from a stranger's first bytes")
struct ClientHelloTests {
    private func read(_ bytes: [UInt8]) -> ClientHello.Reading { unsafe ClientHello.read(bytes.span.bytes) }

    private func hello(
        _ name: String? = "turn.example.org",
        _ protocols: [String] = ["stun.turn", "h2"]
    ) throws -> [UInt8] {
        try StreamPeer.client(TestContext.client(protocols: protocols), name: name).takeOutbox()
    }

    /// The same message in records of so many bytes.
    private func cut(_ hello: [UInt8], records length: Int) -> [UInt8] {
        let message = Array(hello[5...])
        return stride(from: 0, to: message.count, by: length).flatMap { start in
            let part = message[start..<min(message.count, start + length)]
            return [22, 3, 1, UInt8(part.count >> 8), UInt8(part.count & 255)] + part
        }
    }

    @Test("server name and protocols are found, and their absence")
    func found() throws {
        #expect(
            try read(hello()) == .found(ClientHello(serverName: "turn.example.org", protocols: ["stun.turn", "h2"]))
        )
        #expect(try read(hello("TURN.Example.org", [])) == .found(ClientHello(serverName: "turn.example.org")))
        #expect(try read(hello(nil, [])) == .found(ClientHello()))
    }

    @Test("every beginning is incomplete, and what follows the hello does not matter")
    func beginnings() throws {
        let bytes = try hello()
        for count in 0..<bytes.count { #expect(read(Array(bytes[..<count])) == .incomplete) }
        #expect(read(bytes + [0, 1, 2]) == read(bytes))
    }

    @Test("a hello in many records is the same, cut anywhere")
    func records() throws {
        let bytes = try hello()
        for length in [1, 2, 3, 4, 5, 50, 100] {
            let records = cut(bytes, records: length)
            #expect(read(records) == read(bytes))
            for count in 0..<records.count { #expect(read(Array(records[..<count])) == .incomplete) }
        }
    }

    @Test("other protocols are no TLS, as soon as it shows")
    func others() {
        #expect(read([UInt8](text: "GET / HTTP/1.1")) == .notTLS)
        #expect(read([0, 1, 0, 0]) == .notTLS)
        #expect(read([22, 2]) == .notTLS)
        #expect(read([22, 3, 1, 0, 0]) == .notTLS)
        #expect(read([22, 3, 1, 0xFF, 0xFF]) == .notTLS)
        #expect(read([22, 3, 1, 0, 5, 2]) == .notTLS)
        #expect(read([22, 3, 1, 0, 5, 1, 1, 0, 0]) == .notTLS)
        #expect(read([]) == .incomplete)
    }

    @Test("a length that lies makes it no TLS or incomplete, whichever byte it is, and never traps")
    func lies() throws {
        let bytes = try hello()
        for index in bytes.indices {
            for value in [0, 1, 0x7F, 0x80, 0xFE, 0xFF] as [UInt8] {
                var changed = bytes
                changed[index] = value
                _ = read(changed)
            }
        }
        // The list of names claims more than its extension has.
        let whole = try #require(bytes.indices.first { Array(bytes[$0...].prefix(4)) == [UInt8](text: "turn") })
        var changed = bytes
        changed[whole - 4] &+= 1
        #expect(read(changed) == .notTLS)
    }

    @Test("random bytes behind a right beginning never trap")
    func random() throws {
        var generator = SeededGenerator.announced("ClientHelloTests.random")
        let bytes = try hello()
        for _ in 0..<20_000 {
            var changed = bytes
            for _ in 0..<Int.random(in: 1...8, using: &generator) {
                changed[Int.random(in: 0..<changed.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            _ = read(Array(changed[..<Int.random(in: 0...changed.count, using: &generator)]))
        }
    }

    @Test("a name with control characters is no name")
    func badName() throws {
        var bytes = try hello()
        let start = try #require(bytes.indices.first { Array(bytes[$0...].prefix(4)) == [UInt8](text: "turn") })
        bytes[start] = 10
        #expect(read(bytes) == .found(ClientHello(protocols: ["stun.turn", "h2"])))
    }
}
