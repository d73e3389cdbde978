import Addresses
import SecureTransport
import TestSockets
import TestTLS

@testable import ServerRuntime

/// A client of DTLS on a real socket.
final class DTLSTestClient {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let socket: TestClient
    let peer: DatagramPeer

    /// On a socket of its own, or on one that had another session before.
    init(connectingTo server: SocketAddress, on socket: TestClient? = nil) throws {
        self.socket = try socket ?? TestClient(connectingTo: server)
        peer = try DatagramPeer.client(TestContext.datagramClient(), name: "turn.example.org")
    }

    /// One whose session is open.
    static func open(to server: SocketAddress, on socket: TestClient? = nil) throws -> DTLSTestClient {
        let client = try DTLSTestClient(connectingTo: server, on: socket)
        try client.shakeHands()
        return client
    }

    /// Sends what the session has.
    func flush() throws {
        for datagram in peer.takeOutbox() { try socket.send(datagram) }
    }

    func shakeHands() throws {
        try flush()
        while peer.state == .handshaking {
            peer.take(try socket.receive())
            try flush()
        }
        guard peer.state == .open else { throw Failure(description: "\(peer.state)") }
    }

    /// Begins the handshake and stops before the end: the server waits for the client's keys.
    func shakeHandsByHalf() throws {
        try flush()
        peer.take(try socket.receive())
        try flush()
    }

    func send(_ message: [UInt8]) throws {
        guard peer.say(message) else { throw Failure(description: "nothing can be sent: \(peer.state)") }
        try flush()
    }

    func receive() throws -> [UInt8] {
        while peer.inbox.isEmpty {
            guard peer.state == .open else { throw Failure(description: "\(peer.state)") }
            peer.take(try socket.receive())
            try flush()
        }
        return peer.inbox.removeFirst()
    }

    /// Says that the session ends.
    func close() throws {
        peer.close()
        try flush()
    }
}
