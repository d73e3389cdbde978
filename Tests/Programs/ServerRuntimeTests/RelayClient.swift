import Addresses
import Foundation
import PacketEngine
import STUNCodec
import Synchronization
import TestSockets
import Testing
import WireFixtures

/// A client of the relay on a real socket; what it sends and gets is put together and taken apart byte by byte.
final class RelayClient {
    static let password = "wonderland-of-the-tests"
    /// The settings by which `RelayClient` may use the relay and exchange data with peers on loopback.
    static let settings = "turn-users: alice:\(password)\nallow-peers: 127.0.0.0/8\n"

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The socket of a client over UDP.
    let socket: TestClient
    /// The connection of a client over TCP or TLS.
    private let stream: (any TestFrames)?
    /// The session of a client over DTLS.
    private let session: DTLSTestClient?
    private let server: SocketAddress
    private let name: String
    private let password: String
    private var nonce: [UInt8]?
    /// How often the server wanted another nonce than its last one.
    private(set) var staleNonces = 0
    private var count: UInt64 = 0
    /// What came while an answer was waited for.
    private var early: [[UInt8]] = []

    init(
        asking server: SocketAddress,
        user: String = "alice",
        password: String = RelayClient.password,
        from local: SocketAddress = .loopback(0)
    ) throws {
        socket = try TestClient(bindingTo: local)
        stream = nil
        session = nil
        self.server = server
        name = user
        self.password = password
    }

    /// A client over TCP or TLS.
    init(over stream: any TestFrames, user: String = "alice", password: String = RelayClient.password) throws {
        socket = try TestClient(bindingTo: .loopback(0))
        self.stream = stream
        session = nil
        server = stream.local
        name = user
        self.password = password
    }

    /// A client over DTLS.
    init(over session: DTLSTestClient, user: String = "alice", password: String = RelayClient.password) {
        socket = session.socket
        stream = nil
        self.session = session
        server = session.socket.local
        name = user
        self.password = password
    }

    private var key: [UInt8] { TestHash.md5.digest(Array("\(name):stund:\(password)".utf8)) }

    /// Sends a request, with a credential once the server has given a nonce, and takes the answer apart.
    func request(_ method: UInt16, _ attributes: [Wire.Attribute] = [], peers: [SocketAddress] = []) throws -> Answer {
        if nonce == nil { nonce = try exchange(message(method, attributes, peers)).attributes[0x0015] }
        let answer = try exchange(message(method, attributes, peers))
        guard answer.code == 438 else { return answer }
        staleNonces += 1
        nonce = answer.attributes[0x0015]
        return try exchange(message(method, attributes, peers))
    }

    /// A request as `request` sends it.
    func message(_ method: UInt16, _ attributes: [Wire.Attribute], _ peers: [SocketAddress] = []) -> [UInt8] {
        let id = nextID()
        var all = attributes + peers.map { Wire.Attribute(0x0012, Wire.veiled($0, id: id)) }
        guard let nonce else { return Wire.message(method, as: .cookie, id: id, all) }
        all += [.init(0x0006, Array(name.utf8)), .init(0x0014, Array("stund".utf8)), .init(0x0015, nonce)]
        return Wire.signed(Wire.message(method, as: .cookie, id: id, all), key: key)
    }

    private func nextID() -> [UInt8] {
        count += 1
        return [0x21, 0x12, 0xA4, 0x42, 0, 0, 0, 0] + (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }
    }

    private func exchange(_ request: [UInt8]) throws -> Answer {
        try send(request)
        while true {
            let bytes = try next()
            guard bytes.count >= 20, bytes[4..<20] == request[4..<20] else {
                early.append(bytes)
                continue
            }
            guard let answer = Answer(bytes) else { throw Failure(description: "no STUN message: \(bytes)") }
            // A success answer of TURN is signed by who knows the key (RFC 8489 section 9.2.4).
            if answer.isSuccess { #expect(Wire.isSigned(bytes, key: key, type: 0x0008)) }
            return answer
        }
    }

    /// The next datagram that is no answer.
    func receive() throws -> [UInt8] { early.isEmpty ? try next() : early.removeFirst() }

    private func next() throws -> [UInt8] {
        if let session { return try session.receive() }
        return try stream.map { try $0.receiveFrame() } ?? socket.receive()
    }

    func send(_ bytes: [UInt8]) throws {
        if let session { return try session.send(bytes) }
        if let stream { try stream.send(bytes) } else { try socket.send(bytes, to: server) }
    }

    /// Sends datagrams of `segment` bytes each, but for a shorter last one, as a train.
    func sendTrain(_ bytes: [UInt8], of segment: Int) throws { try socket.sendTrain(bytes, of: segment, to: server) }
}

extension RelayClient {
    /// An answer or an indication.
    struct Answer {
        let attributes: TakenApart

        init?(_ bytes: [UInt8]) {
            guard let message = TakenApart(bytes, as: .cookie) else { return nil }
            attributes = message
        }

        var isSuccess: Bool { attributes.type & 0x0110 == 0x0100 }
        var code: Int? {
            attributes[0x0009].flatMap { $0.count >= 4 ? Int($0[2]) * 100 + Int($0[3]) : nil }
        }
        var mapped: SocketAddress? { address(0x0020) }
        var relayed: SocketAddress? { address(0x0016) }
        var peer: SocketAddress? { address(0x0012) }

        private func address(_ type: UInt16) -> SocketAddress? {
            attributes[type].flatMap { Wire.unveiled($0, id: attributes.id) }
        }
    }

    static let udp = Wire.Attribute(0x0019, [17, 0, 0, 0])

    /// Allocates a relay address, or fails with the server's error.
    @discardableResult
    func allocate(_ more: [Wire.Attribute] = []) throws -> SocketAddress {
        let answer = try request(0x0003, [Self.udp] + more)
        guard answer.isSuccess, let relayed = answer.relayed else {
            throw Failure(description: "Allocate was refused with \(answer.code ?? 0)")
        }
        return relayed
    }

    /// Ends the allocation.
    func release() throws {
        #expect(try request(0x0004, [.init(0x000D, [0, 0, 0, 0])]).isSuccess)
        // The worker closes the socket after that answer is sent, and before it reads anything more.
        #expect(try request(0x0004).code == 437)
    }

    /// Permits peers.
    func permit(_ peers: SocketAddress...) throws -> Answer { try request(0x0008, peers: peers) }

    /// Binds a channel.
    func bind(_ channel: UInt16, to peer: SocketAddress) throws {
        #expect(try request(0x0009, [.init(0x000C, Wire.bytes(channel) + [0, 0])], peers: [peer]).isSuccess)
    }

    /// Sends data by a Send indication.
    func send(_ data: [UInt8], to peer: SocketAddress, _ more: [Wire.Attribute] = []) throws {
        try send(indication(data, to: peer, more))
    }

    /// A Send indication.
    func indication(_ data: [UInt8], to peer: SocketAddress, _ more: [Wire.Attribute] = []) -> [UInt8] {
        let id = nextID()
        let attributes = [Wire.Attribute(0x0012, Wire.veiled(peer, id: id)), .init(0x0013, data)] + more
        return Wire.message(0x0016, as: .cookie, id: id, attributes)
    }

    /// Sends data by a channel, padded where it goes by a stream (RFC 8656 section 12.5).
    func send(_ data: [UInt8], by channel: UInt16) throws {
        let padding = [UInt8](repeating: 0, count: stream == nil ? 0 : (4 - data.count % 4) % 4)
        try send(Wire.bytes(channel) + Wire.bytes(UInt16(data.count)) + data + padding)
    }
}

/// Relay ports of a test's own: below those that the kernel gives to clients, so that nobody else takes them.
enum RelayRange {
    private static let next = Mutex(UInt16(10_000 + ProcessInfo.processInfo.processIdentifier % 200 * 40))

    /// So many neighbouring ports that are free, from an even one on.
    static func free(_ count: UInt16) throws -> ClosedRange<UInt16> {
        try next.withLock { next in
            for _ in 0..<1000 {
                if next > 19_000 { next = 10_000 }
                let range = next...(next + count - 1)
                next = (range.upperBound + 2) & ~1
                if range.allSatisfy(isFree) { return range }
            }
            throw RelayClient.Failure(description: "no \(count) free UDP ports from 10000 to 19000")
        }
    }

    /// A TCP port of 127.0.0.1 that is free, and for UDP too.
    static func freeStream() -> UInt16? {
        guard let range = try? free(1) else { return nil }
        let place = SocketAddress(IPAddress(v4: 0x7F00_0001), port: range.lowerBound)
        return (try? TCPListener.probe(place)) == nil ? nil : range.lowerBound
    }

    /// Whether nobody has a port of 127.0.0.1.
    static func isFree(_ port: UInt16) -> Bool { (try? TestClient(bindingTo: .loopback(port))) != nil }
}

extension ClosedRange<UInt16> {
    /// The setting.
    var setting: String { "relay-ports: \(lowerBound)-\(upperBound)\n" }
    /// How many of these ports of 127.0.0.1 nobody has.
    var free: Int { count { RelayRange.isFree($0) } }
}
