import Addresses
import STUNCodec
import TestSockets
import TestTLS
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite("Shared secrets by a real server (RFC 3489 sections 8 and 9)")
struct LiveSharedSecretTests {
    @Test("a phone gets its secret by TLS, and what it asks by UDP with it is answered with integrity by every worker")
    func exchange() async throws {
        let host = try ServerUnderTest("turn: off\nworkers: 2\n")
        await host.adopt(.usual)
        for number in 1...8 as ClosedRange<UInt8> {
            let (name, password) = try Self.secret(of: host, [UInt8](repeating: number, count: 16))
            let client = try TestClient(connectingTo: host.address())
            try client.send(Self.signed(name, password))
            let answer = try client.receive()
            #expect(TakenApart(answer, as: .classic)?.type == 0x0101)
            #expect(Array(answer.suffix(20)) == Self.code(of: answer.dropLast(24), password))
            try client.send(Self.signed(name, name))
            #expect(TakenApart(try client.receive(), as: .classic)?[9]?.prefix(4) == [0, 0, 4, 31])
        }
    }

    @Test("of servers with one cluster key the secret of each is good on the others, and on no other server")
    func fleet() async throws {
        let key = "cluster-key: \(String(repeating: "ab", count: 32))\n"
        let hosts = try [key, key, ""].map { try ServerUnderTest("turn: off\n" + $0) }
        await hosts[0].adopt(.usual)
        let (name, password) = try Self.secret(of: hosts[0], [UInt8](repeating: 9, count: 16))
        for (host, type) in [(hosts[1], 0x0101), (hosts[2], 0x0111)] as [(ServerUnderTest, UInt16)] {
            let client = try TestClient(connectingTo: host.address())
            try client.send(Self.signed(name, password))
            #expect(TakenApart(try client.receive(), as: .classic)?.type == type)
        }
    }

    // MARK: Helpers

    /// The name and the password that a server gives by TLS.
    private static func secret(of host: ServerUnderTest, _ id: [UInt8]) throws -> ([UInt8], [UInt8]) {
        let stream = try TestTLSStream(over: TestStream(connectingTo: host.address()), protocols: [])
        try stream.send(Wire.message(0x0002, as: .classic, id: id))
        let answer = try #require(TakenApart(try stream.receiveFrame(), as: .classic))
        #expect(answer.type == 0x0102)
        return (try #require(answer[6]), try #require(answer[7]))
    }

    private static func signed(_ name: [UInt8], _ password: [UInt8]) -> [UInt8] {
        let whole = Wire.message(as: .classic, [.init(6, name), .init(8, [UInt8](repeating: 0, count: 20))])
        return whole.dropLast(20) + code(of: whole.dropLast(24), password)
    }

    /// The HMAC-SHA1 of bytes that are filled with zeros to a multiple of 64.
    private static func code(of bytes: ArraySlice<UInt8>, _ password: [UInt8]) -> [UInt8] {
        TestHash.sha1.hmac(bytes + [UInt8](repeating: 0, count: (64 - bytes.count % 64) % 64), key: password)
    }
}
