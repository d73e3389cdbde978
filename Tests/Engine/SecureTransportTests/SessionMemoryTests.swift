import Foundation
import SecureTransport
import TestTLS
import Testing

@Suite("An idle session takes at most 40 kB of the process's memory")
struct SessionMemoryTests {
    private static let count = 2000

    @Test("TLS 1.2 and 1.3, after a handshake and traffic both ways", arguments: [TLSVersion.v12, .v13])
    func streams(version: TLSVersion) throws {
        let context = try TestContext.server(.rsa)
        let clients = try TestContext.client(version, protocols: ["stun.turn"])
        func make() throws -> StreamPeer {
            let server = try StreamPeer.server(context)
            let client = try StreamPeer.client(clients, name: "turn.example.org")
            StreamPeer.pump(server, client)
            client.say([UInt8](repeating: 1, count: 1200))
            server.say([UInt8](repeating: 1, count: 1200))
            StreamPeer.pump(server, client)
            (server.inbox, server.outbox) = ([], [])
            return server
        }
        var kept = try (0..<50).map { _ in try make() }
        ProcessMemory.giveBack()
        let before = ProcessMemory.resident()
        for _ in 0..<Self.count { kept.append(try make()) }
        let each = (ProcessMemory.resident() - before) / Self.count
        print("memory of an idle session, \(version): \(each) bytes")
        #expect(each < 40_000)
        #expect(kept.allSatisfy { $0.state == .open })
    }

    @Test("DTLS 1.2")
    func datagrams() throws {
        let context = try TestContext.datagramServer(.rsa)
        let clients = try TestContext.datagramClient(protocols: ["stun.turn"])
        func make() throws -> DatagramPeer {
            let client = try DatagramPeer.client(clients)
            let server = try #require(try TestDoor().letIn(client, context))
            DatagramPeer.pump(server, client)
            client.say([UInt8](repeating: 1, count: 1200))
            server.say([UInt8](repeating: 1, count: 1200))
            DatagramPeer.pump(server, client)
            (server.inbox, server.outbox) = ([], [])
            return server
        }
        var kept = try (0..<50).map { _ in try make() }
        ProcessMemory.giveBack()
        let before = ProcessMemory.resident()
        for _ in 0..<Self.count { kept.append(try make()) }
        let each = (ProcessMemory.resident() - before) / Self.count
        print("memory of an idle session, DTLS: \(each) bytes")
        #expect(each < 40_000)
        #expect(kept.allSatisfy { $0.state == .open })
    }
}
