import Addresses
import Glibc
import TestSockets
import Testing

@testable import PacketEngine

@Suite("RFC 6062: TCP relay sockets")
struct TCPRelaySocketTests {
    @Test("peers connect to the port, and connections to peers leave from it", arguments: IPAddress.Family.allCases)
    func bothWays(family: IPAddress.Family) throws {
        let relay = try TCPRelaySocket.open(.loopback(family))
        defer { RelaySocket.close(relay) }
        #expect(relay.local.port != 0)
        var streams: [StreamHandle] = []
        defer { streams.forEach(StreamSocket.close) }
        for _ in 0..<3 {
            // In turns: connections that were accepted, and such that went out, have the port by then.
            let peer = try TCPListener(bindingTo: .loopback(family))
            let out = try TCPRelaySocket.connect(from: relay, to: peer.local)
            let accepted = try StreamPair.accept(at: peer.handle)
            streams += [out, accepted]
            #expect(accepted.remote == relay.local)
            #expect(StreamSocket.connectionError(of: out) == 0)
            let pair = try StreamPair(at: relay)
            streams.append(pair.server)
            #expect(pair.server.local == relay.local)
            #expect(pair.server.write([1]) == .bytes(1))
            #expect(try pair.client.receive() == [1])
            #expect(out.write([2]) == .bytes(1))
            StreamSocket.endSending(out)
            #expect(try accepted.readAll() == [2])
        }
    }

    @Test("a port that somebody listens at is refused")
    func taken() throws {
        let relay = try TCPRelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(relay) }
        for _ in 0..<2 {
            let error = #expect(throws: SocketError.self) { _ = try TCPRelaySocket.open(relay.local) }
            #expect(error?.isAddressInUse == true)
        }
        let listener = try TCPListener(bindingTo: .loopback(0))
        let error = #expect(throws: SocketError.self) { _ = try TCPRelaySocket.open(listener.local) }
        #expect(error?.isAddressInUse == true)
    }

    @Test("nobody else gets the port, neither before nor after a connection has left from it")
    func notStolen() throws {
        let relay = try TCPRelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(relay) }
        let peer = try TCPListener(bindingTo: .loopback(0))
        var streams: [StreamHandle] = []
        defer { streams.forEach(StreamSocket.close) }
        for _ in 0..<3 {
            // A listener that shares its port, by a program of the same user.
            let error = #expect(throws: SocketError.self) { _ = try TCPListener(bindingTo: relay.local) }
            #expect(error?.isAddressInUse == true)
            #expect(throws: SocketError.self) { try TCPListener.probe(relay.local) }
            let stream = try TCPRelaySocket.connect(from: relay, to: peer.local)
            streams.append(try StreamPair.accept(at: peer.handle))
            // The same peer can be connected to again once the first connection is gone.
            StreamSocket.abort(stream)
        }
    }

    @Test("a port can be opened again while connections from it end")
    func again() throws {
        let peer = try TCPListener(bindingTo: .loopback(0))
        let relay = try TCPRelaySocket.open(.loopback(.v4))
        let stream = try TCPRelaySocket.connect(from: relay, to: peer.local)
        let accepted = try StreamPair.accept(at: peer.handle)
        StreamSocket.close(stream)
        #expect(try accepted.readAll().isEmpty)
        StreamSocket.close(accepted)
        RelaySocket.close(relay)
        RelaySocket.close(try TCPRelaySocket.open(relay.local))
    }

    @Test("a second connection to a peer that has one is refused by the system, and the first goes on")
    func twice() throws {
        let peer = try TCPListener(bindingTo: .loopback(0))
        let relay = try TCPRelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(relay) }
        let stream = try TCPRelaySocket.connect(from: relay, to: peer.local)
        defer { StreamSocket.close(stream) }
        let accepted = try StreamPair.accept(at: peer.handle)
        defer { StreamSocket.close(accepted) }
        let error = #expect(throws: SocketError.self) { _ = try TCPRelaySocket.connect(from: relay, to: peer.local) }
        #expect(error?.code == EADDRNOTAVAIL)
        #expect(stream.write([1]) == .bytes(1))
        #expect(throws: SocketError.self) { _ = try TCPListener(bindingTo: relay.local) }
    }
}
