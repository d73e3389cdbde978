import Addresses
import PacketEngine
import TestSockets
import TestTLS
import Testing
import WireFixtures

/// A TCP allocation with its control connection (RFC 6062).
final class TCPRelayClient {
    static let settings = RelayClient.settings + "tcp-relay: on\n"
    private static let tcp = Wire.Attribute(0x0019, [6, 0, 0, 0])

    let control: RelayClient
    let relayed: SocketAddress
    private let server: SocketAddress

    init(of host: ServerUnderTest, user: String = "alice", by kind: StreamKind = .tcp) throws {
        server = host.address()
        let stream = try TestStream(connectingTo: server)
        control = try RelayClient(over: kind == .tls ? TestTLSStream(over: stream) : stream, user: user)
        let answer = try control.request(0x0003, [Self.tcp])
        guard answer.isSuccess, let relayed = answer.relayed else {
            throw RelayClient.Failure(description: "Allocate was refused with \(answer.code ?? 0)")
        }
        self.relayed = relayed
    }

    /// Connect: the number of the connection.
    func connect(to peer: SocketAddress) throws -> [UInt8] {
        let answer = try control.request(0x000A, peers: [peer])
        guard let id = answer.attributes[0x002A] else {
            throw RelayClient.Failure(description: "Connect was refused with \(answer.code ?? 0)")
        }
        return id
    }

    /// The code with which Connect is refused.
    func refusal(of peer: SocketAddress) throws -> Int? { try control.request(0x000A, peers: [peer]).code }

    /// The number and the peer of the next ConnectionAttempt.
    func attempt() throws -> (id: [UInt8], peer: SocketAddress) {
        let indication = try #require(RelayClient.Answer(try control.receive()))
        #expect(indication.attributes.type == 0x001C)
        return (try #require(indication.attributes[0x002A]), try #require(indication.peer))
    }

    /// ConnectionBind on a connection of its own, which carries data then.
    func bind(_ id: [UInt8], buffers: Int32? = nil) throws -> TestStream {
        try Self.bind(id, by: TestStream(connectingTo: server, buffers: buffers))
    }

    /// The same by TLS.
    func bindByTLS(_ id: [UInt8], buffers: Int32? = nil) throws -> TestTLSStream {
        try Self.bind(id, by: TestTLSStream(over: TestStream(connectingTo: server, buffers: buffers)))
    }

    private static func bind<Stream: TestFrames>(_ id: [UInt8], by stream: Stream) throws -> Stream {
        let answer = try RelayClient(over: stream).request(0x000B, [.init(0x002A, id)])
        guard answer.isSuccess else {
            throw RelayClient.Failure(description: "ConnectionBind was refused with \(answer.code ?? 0)")
        }
        return stream
    }

    /// A ConnectionBind request that needs no challenge any more.
    func bindRequest(_ id: [UInt8]) -> [UInt8] { control.message(0x000B, [.init(0x002A, id)]) }

    /// A peer that has connected and is bound, with the client's end.
    func joinedByPeer(buffers: Int32? = nil) throws -> (client: TestStream, peer: TestStream) {
        let peer = try TestStream(connectingTo: relayed, buffers: buffers)
        let attempt = try attempt()
        #expect(attempt.peer == peer.local)
        return (try bind(attempt.id, buffers: buffers), peer)
    }
}

/// A peer that clients connect to.
struct TCPPeer {
    private let listener: TCPListener

    init(_ family: IPAddress.Family = .v4) throws { listener = try TCPListener(bindingTo: .loopback(family)) }

    var address: SocketAddress { listener.local }

    func accept() throws -> TestStream { TestStream(try StreamPair.accept(at: listener.handle)) }

    /// Whether nobody has connected.
    var hasNothing: Bool { (try? listener.accept()) == nil }
}
