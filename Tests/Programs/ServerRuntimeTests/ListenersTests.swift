import Addresses
import PacketEngine
import ServerSettings
import TestSockets
import Testing

@testable import ServerRuntime

@Suite("The sockets of the settings, opened")
struct ListenersTests {
    @Test("listeners that are read take trains; a port that only answers does not")
    func trains() throws {
        var settings = Settings()
        settings.address = [.loopbackV4]
        (settings.stunPort1, settings.stunPort2, settings.stunPort2Reads) = (0, 0, false)
        let host = [HostAddresses.Entry(interface: "lo", address: .loopbackV4, prefixLength: 8)]
        let plan = try ListenPlan(settings, host: host)
        let opened = try Listeners.open(plan, workers: 2, bufferSize: 65_536)
        #expect(opened.map { $0.sockets.map(\.isRead) } == [[true, false], [true, false]])
        for listener in opened.flatMap(\.sockets) {
            // UDP_GRO, udp(7)
            #expect(listener.socket.handle.option(17, 104) == (listener.isRead ? 1 : 0))
        }
    }

    @Test("of sockets that were passed each is read by one worker, and a worker without one answers by another's")
    func passed() throws {
        var settings = Settings()
        settings.address = [.loopbackV4]
        // Bound to ports that are free, as a .socket unit does it.
        let (first, second) = (
            try PassedSocket.bound(at: SocketAddress(.loopbackV4, port: 0)),
            try PassedSocket.bound(at: SocketAddress(.loopbackV4, port: 0))
        )
        let third = try PassedSocket.bound(at: first.local)
        (settings.stunPort1, settings.stunPort2) = (first.local.port, second.local.port)
        settings.tcp = false
        let host = [HostAddresses.Entry(interface: "lo", address: .loopbackV4, prefixLength: 8)]
        let plan = try ListenPlan(settings, host: host)
        for (wanted, expected) in [
            (1, [[true, true, true]]), (2, [[true, true], [true, false]]), (8, [[true, true], [true, false]]),
        ] {
            let passed = PassedSockets([first, second, third])
            let opened = try Listeners.open(plan, workers: wanted, bufferSize: 65_536, passed: passed)
            #expect(opened.map { $0.sockets.map(\.isRead) } == expected)
            #expect(opened[0].texts == ["udp \(first.local)", "udp \(second.local)"])
            #expect(passed.closeUnused().isEmpty)
            for listener in opened.flatMap(\.sockets) where listener.isRead {
                // UDP_GRO as for its own, and IP_RECVTOS (ip(7)).
                #expect(listener.socket.handle.option(17, 104) == 1)
                #expect(listener.socket.handle.option(0, 13) == 1)
            }
        }
    }

    @Test("no socket of one address is opened beside a passed one of all addresses")
    func besidePassed() throws {
        let given = try PassedSocket.bound(at: SocketAddress(.unspecified(.v4), port: 0))
        var settings = Settings()
        (settings.stunPort1, settings.stunPort2) = (
            given.local.port, try PassedSocket.bound(at: SocketAddress(.loopbackV4, port: 0)).local.port
        )
        settings.tcp = false
        let host = [HostAddresses.Entry(interface: "lo", address: .loopbackV4, prefixLength: 8)]
        let plan = try ListenPlan(settings, host: host)
        let opened = try Listeners.open(
            plan,
            workers: 1,
            bufferSize: 65_536,
            passed: PassedSockets([given])
        )
        let shortcuts = opened[0].sockets.filter(\.isShortcut).map(\.socket.local.port)
        #expect(!shortcuts.contains(given.local.port) && shortcuts.contains(settings.stunPort2))
        let listener = try #require(opened[0].sockets.first { $0.socket.local == given.local })
        // IP_PKTINFO (ip(7)): an answer leaves from the address that was asked.
        #expect(listener.socket.handle.option(0, 8) == 1)
    }
}
