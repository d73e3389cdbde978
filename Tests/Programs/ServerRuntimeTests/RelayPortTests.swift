import Addresses
import PacketEngine
import ServerCore
import ServerSettings
import Synchronization
import TestSockets
import Testing

@testable import ServerRuntime

/// Ports that several tasks change.
private final class PortSet: Sendable {
    let ports = Mutex<Set<UInt16>>([])
}

@Suite("Relay ports of the whole server (RFC 8656 section 7.2, RFC 6056)")
struct RelayPortTests {
    private static let local = RelayAddress(local: .loopbackV4, external: .loopbackV4)
    private let start = Instant(nanoseconds: 1_000_000_000_000)

    private func later(_ seconds: Double) -> Instant {
        Instant(nanoseconds: start.nanoseconds + UInt64(seconds * 1_000_000_000))
    }

    @Test("relay ports are from the range of the settings, 49152 to 65535 by default")
    func range() throws {
        #expect(Settings().relayPorts == 49152...65535)
        let range = try RelayRange.free(6)
        let table = RelayTable([Self.local], ports: range)
        let opened = try (0..<6).map { _ in try table.open(.any(.v4), now: start) }
        defer { for relay in opened { table.close(relay.socket, now: start) } }
        #expect(Set(opened.map(\.address.port)) == Set(range))
        #expect(opened.allSatisfy { $0.socket.local == $0.address })
        #expect(table.usage().map(\.free) == [0] && table.usage().map(\.total) == [6])
        #expect(throws: RelayPortError.noneFree) { try table.open(.any(.v4), now: start) }
        #expect(throws: RelayPortError.familyMissing(.v6)) { try table.open(.any(.v6), now: start) }
    }

    @Test("peers and clients are told the external address, and the socket has the local one")
    func external() throws {
        let address = RelayAddress(local: .loopbackV4, external: .v4("203.0.113.5"))
        let table = RelayTable([address], ports: try RelayRange.free(4))
        let opened = try table.open(.evenReservingNext(.v4), now: start)
        #expect(opened.address == SocketAddress(.v4("203.0.113.5"), port: opened.socket.local.port))
        let next = try table.open(.reserved(token: try #require(opened.token)), now: start)
        #expect(next.address == SocketAddress(.v4("203.0.113.5"), port: opened.socket.local.port + 1))
        for relay in [opened, next] { table.close(relay.socket, now: start) }
    }

    @Test("ports for TCP are a set of their own: one number may be open for both, and each is told apart (RFC 6062)")
    func tcp() throws {
        let range = try RelayRange.free(1)
        let table = RelayTable([Self.local], ports: range)
        let port = range.lowerBound
        let datagrams = try table.open(.any(.v4), now: start)
        let listening = try table.open(.tcp(.v4), now: start)
        #expect(datagrams.address == listening.address && listening.isTCP && !datagrams.isTCP)
        #expect(table.isOpen(port: port, of: .v4) && table.isListening(port: port, of: .v4))
        #expect(table.usage().map(\.free) == [0] && table.usage().map(\.total) == [1])
        #expect(throws: RelayPortError.noneFree) { try table.open(.tcp(.v4), now: start) }
        #expect(throws: RelayPortError.familyMissing(.v6)) { try table.open(.tcp(.v6), now: start) }
        _ = try TestStream(connectingTo: listening.address)
        table.close(listening.socket, isTCP: true, now: start)
        #expect(table.isOpen(port: port, of: .v4) && !table.isListening(port: port, of: .v4))
        #expect(throws: TestClient.Failure.self) { try TestStream(connectingTo: listening.address) }
        let again = try table.open(.tcp(.v4), now: later(30))
        table.close(datagrams.socket, now: start)
        #expect(!table.isOpen(port: port, of: .v4) && table.isListening(port: port, of: .v4))
        table.close(again.socket, isTCP: true, now: start)
    }

    @Test("no port is given twice while it is in use, by any worker")
    func concurrent() async throws {
        let range = try RelayRange.free(32)
        let table = RelayTable([Self.local], ports: range)
        let inUse = PortsInUse()
        await withTaskGroup(of: Void.self) { workers in
            for _ in 0..<4 {
                workers.addTask { [start] in
                    for _ in 0..<50 {
                        // Each of four workers has at most eight of the 32 ports, so there is always one for it.
                        let mine = (0..<8).compactMap { _ in try? table.open(.any(.v4), now: start) }
                        #expect(mine.count == 8)
                        for relay in mine {
                            #expect(table.isOpen(port: relay.address.port, of: .v4))
                            #expect(inUse.ports.withLock { $0.insert(relay.address.port).inserted })
                        }
                        for relay in mine {
                            _ = inUse.ports.withLock { $0.remove(relay.address.port) }
                            table.close(relay.socket, now: start)
                        }
                    }
                }
            }
        }
        #expect(table.usage().map(\.free) == [32])
        #expect(range.free == 32)
        #expect(range.allSatisfy { !table.isOpen(port: $0, of: .v4) })
    }

    @Test("when no port is left nobody gets one, and the first that is given back is given at once")
    func exhaustion() throws {
        let table = RelayTable([Self.local], ports: try RelayRange.free(2))
        let first = try table.open(.any(.v4), now: start)
        let second = try table.open(.any(.v4), now: start)
        defer { table.close(second.socket, now: start) }
        #expect(throws: RelayPortError.noneFree) { try table.open(.any(.v4), now: start) }
        table.close(first.socket, now: start)
        let again = try table.open(.any(.v4), now: start)
        #expect(again.address == first.address)
        table.close(again.socket, now: start)
    }

    @Test("a port that was given back rests for 30 seconds as long as there is another one")
    func rest() throws {
        let range = try RelayRange.free(2)
        for _ in 0..<20 {
            let table = RelayTable([Self.local], ports: range)
            let first = try table.open(.any(.v4), now: start)
            table.close(first.socket, now: start)
            let other = try table.open(.any(.v4), now: later(29))
            #expect(other.address != first.address)
            table.close(other.socket, now: later(29))
            // Where all rest, the one that has rested longest is taken.
            let again = try table.open(.any(.v4), now: later(29))
            #expect(again.address == first.address)
            table.close(again.socket, now: later(29))
        }
    }

    @Test("a port that another program holds is passed over, and tried again after a minute")
    func foreign() throws {
        let range = try RelayRange.free(2)
        var holder: TestClient? = try TestClient(bindingTo: .loopback(range.lowerBound))
        let table = RelayTable([Self.local], ports: range)
        let mine = try table.open(.any(.v4), now: start)
        #expect(mine.address.port == range.upperBound)
        #expect(throws: RelayPortError.noneFree) { try table.open(.any(.v4), now: start) }
        #expect(table.usage().map(\.free) == [0])
        withExtendedLifetime(holder) {}
        holder = nil
        #expect(throws: RelayPortError.noneFree) { try table.open(.any(.v4), now: later(59)) }
        let other = try table.open(.any(.v4), now: later(61))
        #expect(other.address.port == range.lowerBound)
        for relay in [mine, other] { table.close(relay.socket, now: start) }
    }

    @Test("a pair of which another program holds the odd port is none, and its even port is not lost")
    func foreignNext() throws {
        let range = try RelayRange.free(2)
        let holder = try TestClient(bindingTo: .loopback(range.upperBound))
        let table = RelayTable([Self.local], ports: range)
        #expect(throws: RelayPortError.noneFree) { try table.open(.evenReservingNext(.v4), now: start) }
        withExtendedLifetime(holder) {}
        #expect(RelayRange.isFree(range.lowerBound))
        let even = try table.open(.even(.v4), now: start)
        #expect(even.address.port == range.lowerBound)
        table.close(even.socket, now: start)
    }

    @Test("what the system refuses is told with its error number, and costs no port")
    func system() throws {
        let nowhere = RelayAddress(local: .v4("192.0.2.1"), external: .v4("192.0.2.1"))
        let table = RelayTable([nowhere], ports: 10_000...10_003)
        for request in [RelayPortRequest.any(.v4), .even(.v4), .evenReservingNext(.v4)] {
            for _ in 0..<8 {
                // EADDRNOTAVAIL: this host has no such address.
                #expect(throws: RelayPortError.system(99)) { try table.open(request, now: start) }
            }
        }
        #expect(table.usage().map(\.free) == [4])
    }

    @Test(
        "a reserved port is kept 30 seconds for one Allocate with its token, whichever worker it comes to, then given back (row 35)"
    )
    func reservation() throws {
        let range = try RelayRange.free(16)
        let table = RelayTable([Self.local], ports: range)
        let firstLoop = try EventLoop()
        let secondLoop = try EventLoop()
        var first = RelaySockets(table, watchedBy: firstLoop.watcher)
        var second = RelaySockets(table, watchedBy: secondLoop.watcher)
        let even = try first.open(.evenReservingNext(.v4), now: start)
        let token = try #require(even.token)
        #expect(even.address.port % 2 == 0)
        // The odd port's socket is open from the start, but no allocation has it yet.
        #expect(!RelayRange.isFree(even.address.port + 1))
        #expect(!second.isOpen(port: even.address.port + 1, of: .v4))
        #expect(throws: RelayPortError.unknownToken) { try second.open(.reserved(token: token &+ 1), now: later(1)) }
        let odd = try second.open(.reserved(token: token), now: later(29.9))
        #expect(odd.address.port == even.address.port + 1)
        #expect(first.isOpen(port: odd.address.port, of: .v4))
        #expect(throws: RelayPortError.unknownToken) { try first.open(.reserved(token: token), now: later(29.9)) }
        second.closeUnclaimed(now: later(100))
        #expect(!RelayRange.isFree(odd.address.port), "what was claimed is not taken away")

        let another = try first.open(.evenReservingNext(.v4), now: start)
        second.closeUnclaimed(now: later(29.9))
        #expect(!RelayRange.isFree(another.address.port + 1))
        second.closeUnclaimed(now: later(30))
        #expect(RelayRange.isFree(another.address.port + 1))
        let late = try #require(another.token)
        #expect(throws: RelayPortError.unknownToken) { try second.open(.reserved(token: late), now: later(30)) }

        first.close(even.id, now: start)
        first.close(another.id, now: start)
        second.close(odd.id, now: start)
        first.closeEnded(now: start)
        second.closeEnded(now: start)
        #expect(range.free == 16)
        #expect(table.usage().map(\.free) == [16])
    }

    @Test("a token that is too old is unknown also before anybody has looked for such ones")
    func lateToken() throws {
        let range = try RelayRange.free(2)
        let table = RelayTable([Self.local], ports: range)
        let even = try table.open(.evenReservingNext(.v4), now: start)
        let token = try #require(even.token)
        #expect(throws: RelayPortError.unknownToken) { try table.open(.reserved(token: token), now: later(30)) }
        #expect(RelayRange.isFree(range.upperBound))
        table.close(even.socket, now: start)
    }

    @Test("an eighth of the ports is kept for tokens at most, so that nobody reserves all of them (row 35)")
    func reservedAtMost() throws {
        let range = try RelayRange.free(16)
        let table = RelayTable([Self.local], ports: range)
        var opened = try (0..<2).map { _ in try table.open(.evenReservingNext(.v4), now: start) }
        #expect(throws: RelayPortError.noneFree) { try table.open(.evenReservingNext(.v4), now: start) }
        // Who claims one, or leaves it for 30 seconds, makes room.
        opened.append(try table.open(.reserved(token: try #require(opened[0].token)), now: later(1)))
        opened.append(try table.open(.evenReservingNext(.v4), now: later(1)))
        #expect(throws: RelayPortError.noneFree) { try table.open(.evenReservingNext(.v4), now: later(1)) }
        opened.append(try table.open(.evenReservingNext(.v4), now: later(30.5)))
        #expect(throws: RelayPortError.noneFree) { try table.open(.evenReservingNext(.v4), now: later(30.5)) }
        // Everybody else still gets a port.
        opened.append(try table.open(.even(.v4), now: later(30.5)))
        opened.append(try table.open(.any(.v4), now: later(30.5)))
        for relay in opened { table.close(relay.socket, now: start) }
    }

    @Test("the sockets of reserved ports are closed with the server")
    func end() throws {
        let range = try RelayRange.free(2)
        var table: RelayTable? = RelayTable([Self.local], ports: range)
        let even = try #require(try table?.open(.evenReservingNext(.v4), now: start))
        table?.close(even.socket, now: start)
        #expect(!RelayRange.isFree(range.upperBound))
        table = nil
        #expect(range.free == 2)
    }

    @Test("row 16: ports follow one another without a pattern, and each is as likely as any")
    func random() throws {
        let range = try RelayRange.free(16)
        let table = RelayTable([Self.local], ports: range)
        var drawn: [Int] = []
        for number in 0..<6400 {
            // Each draw is from all ports: the last one has rested.
            let relay = try table.open(.any(.v4), now: later(Double(number) * 31))
            drawn.append(Int(relay.address.port - range.lowerBound))
            table.close(relay.socket, now: later(Double(number) * 31))
        }
        // 400 times each, and 400 times each difference; ten standard deviations are 194.
        let ports = Dictionary(grouping: drawn) { $0 }.mapValues(\.count)
        let steps = Dictionary(grouping: zip(drawn, drawn.dropFirst()).map { ($1 - $0 + 16) % 16 }) { $0 }
        for number in 0..<16 {
            #expect((206...594).contains(ports[number] ?? 0), "port \(number)")
            #expect((206...594).contains(steps[number]?.count ?? 0), "step \(number)")
        }
    }
}

/// The ports that the workers of a test have.
private final class PortsInUse: Sendable {
    let ports = Mutex<Set<UInt16>>([])
}

@Suite("The relay sockets of one worker")
struct RelaySocketsTests {
    @Test("a number means nothing once its allocation has ended, and is used again once its socket is closed")
    func numbers() throws {
        let range = try RelayRange.free(8)
        let address = RelayAddress(local: .loopbackV4, external: .loopbackV4)
        let loop = try EventLoop()
        var sockets = RelaySockets(RelayTable([address], ports: range), watchedBy: loop.watcher)
        let now = Instant(nanoseconds: 1)
        let opened = try (0..<3).map { _ in try sockets.open(.any(.v4), now: now) }
        #expect(opened.map(\.id.index) == [0, 1, 2])
        #expect(sockets[1]?.local == opened[1].address)
        sockets.close(opened[1].id, now: now)
        sockets.close(opened[1].id, now: now)
        #expect(sockets[1] == nil && sockets[3] == nil)
        #expect(!sockets.isOpen(port: opened[1].address.port, of: .v4))
        // What is queued on it may still leave, and no other socket has its descriptor.
        #expect(range.free == 5)
        #expect(try sockets.open(.any(.v4), now: now).id.index == 3)
        sockets.closeEnded(now: now)
        #expect(range.free == 5)
        #expect(try sockets.open(.any(.v4), now: now).id.index == 1)
        #expect(try sockets.open(.any(.v4), now: now).id.index == 4)
        for index in 0..<5 { sockets.close(RelayID(index: Int32(index)), now: now) }
        sockets.closeEnded(now: now)
        #expect(range.free == 8)
    }

    @Test("what comes to a relay socket wakes the worker's event loop with the socket's number")
    func watched() throws {
        let address = RelayAddress(local: .loopbackV4, external: .loopbackV4)
        var loop = try EventLoop()
        var sockets = RelaySockets(RelayTable([address], ports: try RelayRange.free(8)), watchedBy: loop.watcher)
        let now = Instant(nanoseconds: 1)
        let opened = try (0..<3).map { _ in try sockets.open(.any(.v4), now: now) }
        let peer = try TestClient(bindingTo: .loopback(0))
        try peer.send([1], to: opened[2].address)
        #expect(try loop.wait(timeoutNanoseconds: 5_000_000_000) == 1)
        #expect(RelaySockets.isRelay(loop.ready(0).token))
        #expect(sockets.index(of: loop.ready(0).token) == 2)
        for relay in opened { sockets.close(relay.id, now: now) }
        sockets.closeEnded(now: now)
        // A late event of a socket that is gone is none of the socket that has its number now.
        _ = try (0..<3).map { _ in try sockets.open(.any(.v4), now: now) }
        #expect(sockets.index(of: loop.ready(0).token) == nil)
    }
}

extension IPAddress {
    /// 127.0.0.1.
    static let loopbackV4 = IPAddress(v4: 0x7F00_0001)
}
