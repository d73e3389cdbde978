import Addresses
import Administration
import Glibc
import PacketEngine
import TestSockets
import TestTLS
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite("RFC 6062 for clients by TLS: their bytes are copied")
struct LiveTLSRelayTests {
    private static let settings = TCPRelayClient.settings
    /// A megabyte in which no part is like another.
    private static let megabyte = (0..<1 << 20).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 11) }

    @Test("a megabyte goes each way, whichever worker the client's connection comes to", arguments: [1, 4])
    func exchange(workers: Int) async throws {
        let host = try ServerUnderTest(Self.settings + "workers: \(workers)\n")
        await host.adopt(.usual)
        let client = try TCPRelayClient(of: host, by: .tls)
        let peer = try TCPPeer()
        for _ in 0..<8 {
            let id = try client.connect(to: peer.address)
            let far = try peer.accept()
            try far.send([1, 2, 3])
            let near = try client.bindByTLS(id)
            #expect(try near.receive(exactly: 3) == [1, 2, 3])
            let arriving = Background { try far.receive(exactly: Self.megabyte.count) }
            try near.send(Self.megabyte)
            #expect(try arriving.value().isSame(as: Self.megabyte))
            let sending = Background { try far.send(Self.megabyte) }
            #expect(try near.receive(exactly: Self.megabyte.count).isSame(as: Self.megabyte))
            try sending.value()
            // An end of the peer ends the session, with its notice.
            far.endSending()
            #expect(try near.endsWithNotice())
            #expect(far.ends())
        }
        #expect(try await host.counter("relayed-bytes-to-peers", reaching: 8 << 20) == 8 << 20)
    }

    @Test("a client that takes leave has all that it sent delivered, also to a peer that reads late")
    func farewell() async throws {
        let host = try ServerUnderTest(Self.settings + "workers: 2\n")
        await host.adopt(.usual)
        let client = try TCPRelayClient(of: host, by: .tls)
        #expect(try client.control.permit(.loopback(0)).isSuccess)
        for _ in 0..<4 {
            let far = try TestStream(connectingTo: client.relayed, buffers: 4096)
            let near = try client.bindByTLS(try client.attempt().id)
            let content = Array(Self.megabyte.prefix(200_000))
            try near.send(content)
            try near.close()
            #expect(try far.receiveAll().isSame(as: content))
        }
    }

    @Test("who does not read slows the other one down, and nothing is lost or kept without bound")
    func slow() async throws {
        let host = try ServerUnderTest(Self.settings + "workers: 1\n")
        await host.adopt(.usual)
        let client = try TCPRelayClient(of: host, by: .tls)
        #expect(try client.control.permit(.loopback(0)).isSuccess)
        let far = try TestStream(connectingTo: client.relayed, buffers: 65_536)
        let near = try client.bindByTLS(try client.attempt().id, buffers: 65_536)
        let content = Array([Self.megabyte, Self.megabyte, Self.megabyte, Self.megabyte].joined())
        // The peer sends until nothing moves any more.
        var (sent, idle) = (0, 0)
        while idle < 50 {
            let count = try far.sendSome(content[sent...])
            sent += count
            idle = count > 0 ? 0 : idle + 1
            if count == 0 { try await Task.sleep(for: .milliseconds(2)) }
        }
        #expect(sent < 2 << 20)
        // Another one is served meanwhile, from the same memory.
        let other = try TestStream(connectingTo: client.relayed)
        let served = try client.bindByTLS(try client.attempt().id)
        for number in 0..<100 {
            try served.send([UInt8(number)])
            #expect(try other.receive(exactly: 1) == [UInt8(number)])
            try other.send([UInt8(number), 1])
            #expect(try served.receive(exactly: 2) == [UInt8(number), 1])
        }
        let rest = Array(content[sent...])
        let sending = Background {
            try far.send(rest)
            far.endSending()
        }
        #expect(try near.receive(exactly: content.count).isSame(as: content))
        try sending.value()
        #expect(try near.endsWithNotice())
    }

    @Test("a client whose connection ends and whose TLS has not said so is cut off: its peer gets a reset and no end")
    func cutOff() async throws {
        let host = try ServerUnderTest(Self.settings + "workers: 2\n")
        await host.adopt(.usual)
        let client = try TCPRelayClient(of: host, by: .tls)
        #expect(try client.control.permit(.loopback(0)).isSuccess)
        for saysSo in [false, true] {
            let far = try TestStream(connectingTo: client.relayed)
            let near = try client.bindByTLS(try client.attempt().id)
            try near.send([1, 2, 3])
            #expect(try far.receive(exactly: 3) == [1, 2, 3])
            if saysSo { try near.close() }
            near.stream.endSending()
            let end = Result { try far.receive() }
            switch end {
            case .success(let bytes): #expect(saysSo && bytes.isEmpty)
            case .failure(let error): #expect(!saysSo && (error as? TestClient.Failure)?.code == ECONNRESET)
            }
        }
    }

    @Test("what breaks TLS breaks the peer's connection, and the end of the allocation says so to the client")
    func ends() async throws {
        let host = try ServerUnderTest(Self.settings + "workers: 2\n")
        await host.adopt(.usual)
        var client: TCPRelayClient? = try TCPRelayClient(of: host, by: .tls)
        let relayed = try #require(client?.relayed)
        #expect(try client?.control.permit(.loopback(0)).isSuccess == true)
        for isBroken in [true, false] {
            let far = try TestStream(connectingTo: relayed)
            let attempt = try #require(try client?.attempt())
            let near = try #require(try client?.bindByTLS(attempt.id))
            if isBroken {
                try near.sendRaw([1, 2, 3, 4, 5, 6, 7, 8])
                #expect(far.ends())
            } else {
                client = nil
                #expect(far.ends())
                #expect(try near.endsWithNotice())
            }
        }
        try await host.waitForSessions(0)
    }
}
