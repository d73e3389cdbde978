import Addresses
import Glibc
import TestSockets
import Testing

@testable import PacketEngine

@Suite("TCP listeners")
struct TCPListenerTests {
    @Test("an address that somebody listens at is refused by the probe, and free once the listener is gone")
    func probe() throws {
        var first: TCPListener? = try TCPListener(bindingTo: .loopback(0))
        let address = SocketAddress.loopback(try #require(first).boundPort())
        let error = #expect(throws: SocketError.self) { try TCPListener.probe(address) }
        #expect(error?.isAddressInUse == true)
        #expect(error?.description == "\(address): bind: Address already in use")
        // Without the probe the second server would get in, as each worker does.
        _ = try TCPListener(bindingTo: address)
        first = nil
        try TCPListener.probe(address)
    }

    @Test("connections that an ended listener has left do not hold its address")
    func leftConnections() throws {
        var first: TCPListener? = try TCPListener(bindingTo: .loopback(0))
        let address = try #require(first).local
        let pairs = try (0..<2).map { _ in try StreamPair(at: #require(first).handle) }
        // One end waits for late packets (TIME_WAIT), the other connection is still there.
        StreamSocket.close(pairs[0].server)
        #expect(try pairs[0].client.receive().isEmpty)
        first = nil
        try TCPListener.probe(address)
        _ = try TCPListener(bindingTo: address)
        StreamSocket.close(pairs[1].server)
    }

    @Test(
        "a connection tells both its addresses, on one address and on all",
        arguments: IPAddress.Family.allCases,
        [true, false]
    )
    func addresses(family: IPAddress.Family, isWildcard: Bool) throws {
        let all = SocketAddress(family == .v4 ? IPAddress(v4: 0) : IPAddress(v6High: 0, low: 0), port: 0)
        let listener = try TCPListener(bindingTo: isWildcard ? all : .loopback(family))
        #expect(try listener.accept() == nil)
        let target = SocketAddress.loopback(family, listener.boundPort())
        let client = try TestStream(connectingTo: target)
        let stream = try StreamPair.accept(at: listener.handle)
        defer { StreamSocket.close(stream) }
        #expect(stream.local == target)
        #expect(stream.remote == client.local)
        #expect(try listener.accept() == nil)
    }

    @Test("all IPv6 addresses leave IPv4 alone")
    func families() throws {
        let six = try TCPListener(bindingTo: SocketAddress(IPAddress(v6High: 0, low: 0), port: 0))
        #expect(throws: TestClient.Failure.self) { try TestStream(connectingTo: .loopback(six.boundPort())) }
    }

    @Test(
        "accepted connections wait for nothing, send at once, keep little unsent, and ask dead clients for a sign of life"
    )
    func options() throws {
        let pair = try StreamPair()
        defer { StreamSocket.close(pair.server) }
        #expect(pair.server.flags.file & O_NONBLOCK != 0)
        #expect(pair.server.flags.own & FD_CLOEXEC != 0)
        #expect(pair.server.option(IPPROTO_TCP, TCP_NODELAY) == 1)
        #expect(pair.server.option(SOL_SOCKET, SO_KEEPALIVE) == 1)
        #expect(pair.server.option(IPPROTO_TCP, TCP_KEEPIDLE) == 120)
        #expect(pair.server.option(IPPROTO_TCP, TCP_KEEPINTVL) == 30)
        #expect(pair.server.option(IPPROTO_TCP, TCP_KEEPCNT) == 4)
        #expect(pair.server.option(IPPROTO_TCP, 25) == StreamOptions.notSent)
    }

    @Test("one who does not read has the system keep little for him")
    func unread() throws {
        let pair = try StreamPair(buffers: 4096)
        defer { StreamSocket.close(pair.server) }
        let bytes = [UInt8](repeating: 1, count: 65_536)
        var written = 0
        while case .bytes(let count) = pair.server.write(bytes) { written += count }
        #expect(written > 65_536)
        #expect(written < 1_000_000)
    }

    @Test("a client that is gone already is passed over or ends at once, and the next is served")
    func gone() throws {
        let listener = try TCPListener(bindingTo: .loopback(0))
        let first = try TestStream(connectingTo: listener.local)
        first.reset()
        let pair = try StreamPair(at: listener.handle)
        defer { StreamSocket.close(pair.server) }
        var stream = pair.server
        if stream.remote != pair.client.local {
            #expect(stream.read().outcome == .failed(ECONNRESET))
            stream = try StreamPair.accept(at: listener.handle)
        }
        #expect(stream.remote == pair.client.local)
    }

    @Test("without descriptors the connection waits on, and the error says what is missing")
    func noDescriptors() throws {
        let listener = try TCPListener(bindingTo: .loopback(0))
        let client = try TestStream(connectingTo: listener.local)
        let error = try withoutDescriptors {
            do throws(SocketError) {
                _ = try listener.accept()
                return nil as SocketError?
            } catch {
                return error
            }
        }
        #expect(error?.isOutOfFiles == true)
        #expect(error?.description.contains("raise the limit of open files") == true)
        let stream = try StreamPair.accept(at: listener.handle)
        #expect(stream.remote == client.local)
        StreamSocket.close(stream)
    }

    @Test("workers share an address, and each connection comes to one of them")
    func shared() throws {
        let first = try TCPListener(bindingTo: .loopback(0))
        let second = try TCPListener(bindingTo: first.local)
        let clients = try (0..<64).map { _ in try TestStream(connectingTo: first.local) }
        var remotes: [[SocketAddress]] = [[], []]
        for (number, listener) in [first, second].enumerated() {
            while let stream = try listener.accept() {
                remotes[number].append(stream.remote)
                StreamSocket.close(stream)
            }
        }
        #expect(Set(remotes.joined()) == Set(clients.map(\.local)))
        #expect(remotes.allSatisfy { !$0.isEmpty })
    }
}
