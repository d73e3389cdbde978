import Addresses
import Administration
import STUNCodec
import TestSockets
import TestTLS
import Testing
import WireFixtures

@testable import ServerRuntime

@Suite("Mirrors with a shared secret, by a real server (draft-rosenberg-midcom-turn-01 and -08)")
struct LiveMirrorSecretTests {
    private static let settings = "mirror: on\nmirror-clients: 127.0.0.0/8\nallow-peers: 127.0.0.0/8\nworkers: 2\n"
    private static let cookie = Wire.Attribute(0x000F, [0x72, 0xC6, 0x4B, 0xC6])

    @Test(
        "a client gets its secret by TLS, a port, sends, hears, changes its destination, and ends",
        arguments: [false, true]
    )
    func session(isWildcard: Bool) async throws {
        let range = try RelayRange.free(8)
        let settings = Self.settings + range.setting + "relay-address: 127.0.0.1\n"
        let host = try ServerUnderTest(settings, isWildcard: isWildcard)
        await host.adopt(.usual)
        let secret = try Self.secret(of: host)
        let client = try TestClient(connectingTo: host.address())
        let allocated = try Self.ask(client, 0x0003, secret)
        #expect(allocated.type == 0x0103)
        let port = try #require(allocated[1].flatMap(Wire.address))
        #expect(range.contains(port.port))
        let peers = try (0..<2).map { _ in try TestClient(bindingTo: .loopback(0)) }
        // Many at once: each has its answer, whatever order they are read in.
        for number in 1...20 as ClosedRange<UInt8> {
            try client.send(
                Self.request(
                    0x0004,
                    secret,
                    [.init(0x0011, Wire.value(peers[0].local)), .init(0x0013, [number, 0, 0, 0])],
                    id: [UInt8](repeating: number, count: 16)
                )
            )
        }
        var answers: Set<UInt8> = []
        for _ in 0..<20 {
            let bytes = try client.receive()
            #expect(
                TakenApart(bytes, as: .classic)?.type == 0x0104 && Wire.isClassicSigned(bytes, key: secret.password)
            )
            answers.insert(bytes[4])
            let received = try peers[0].receiveFrom()
            #expect(received.source == port && received.bytes.count == 4)
        }
        #expect(answers.count == 20)
        try peers[0].send([5, 6, 7], to: port)
        let indication = try #require(TakenApart(try client.receive(), as: .classic))
        #expect(indication.type == 0x0115 && indication[0x0013] == [5, 6, 7])
        #expect(indication[0x0012].flatMap(Wire.address) == peers[0].local)
        #expect(try Self.activate(peers[0].local, client, secret).type == 0x0106)
        for data in [[1], [22, 3, 1], [UInt8](repeating: 7, count: 1400)] as [[UInt8]] {
            try client.send(data)
            let received = try peers[0].receiveFrom()
            #expect(received.bytes == data && received.source == port)
            try peers[0].send(data, to: port)
            #expect(try client.receive() == data)
        }
        #expect(try Self.activate(peers[1].local, client, secret)[9]?.suffix(2) == [4, 40])
        let end = try Self.ask(client, 0x0003, secret, [.init(0x000D, [0, 0, 0, 0])])
        #expect(end[0x000D] == [0, 0, 0, 0])
        #expect(try await range.becomesFree(8))
        #expect(try await host.counter("mirrors-turn-08") == 1)
    }

    @Test("a secret of nobody is refused, and explained")
    func foreign() async throws {
        let host = try ServerUnderTest(Self.settings)
        let client = try TestClient(connectingTo: host.address())
        let secret = ([UInt8](repeating: 65, count: 32), [UInt8](repeating: 66, count: 32))
        #expect(try Self.ask(client, 0x0003, secret, isSigned: false)[9] == [0, 0, 4, 30])
        let refusals = try await host.server.explain("127.0.0.1").refusals
        #expect(refusals.first?.code == 430 && refusals.first?.cause.contains("over TLS") == true)
    }

    // MARK: Helpers

    private typealias Secret = (name: [UInt8], password: [UInt8])

    private static func secret(of host: ServerUnderTest) throws -> Secret {
        let stream = try TestTLSStream(over: TestStream(connectingTo: host.address()), protocols: [])
        try stream.send(Wire.message(0x0002, as: .classic))
        let answer = try #require(TakenApart(try stream.receiveFrame(), as: .classic))
        return (try #require(answer[6]), try #require(answer[7]))
    }

    private static func request(
        _ type: UInt16,
        _ secret: Secret,
        _ attributes: [Wire.Attribute] = [],
        id: [UInt8] = Wire.id
    ) -> [UInt8] {
        let plain = Wire.message(type, as: .classic, id: id, [cookie] + attributes + [.init(6, secret.name)])
        return Wire.classicSigned(plain, key: secret.password)
    }

    private static func ask(
        _ client: TestClient,
        _ type: UInt16,
        _ secret: Secret,
        _ attributes: [Wire.Attribute] = [],
        isSigned: Bool = true
    ) throws -> TakenApart {
        try client.send(request(type, secret, attributes))
        let bytes = try client.receive()
        #expect(Wire.isClassicSigned(bytes, key: secret.password) == isSigned)
        return try #require(TakenApart(bytes, as: .classic))
    }

    private static func activate(_ peer: SocketAddress, _ client: TestClient, _ secret: Secret) throws -> TakenApart {
        try ask(client, 0x0006, secret, [.init(0x0011, Wire.value(peer))])
    }
}
