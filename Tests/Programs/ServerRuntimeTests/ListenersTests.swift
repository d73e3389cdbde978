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
}
