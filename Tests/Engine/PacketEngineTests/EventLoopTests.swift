import Addresses
import TestSockets
import Testing

@testable import PacketEngine

@Suite("The event loop")
struct EventLoopTests {
    @Test("a signal from another thread wakes it, and many signals wake it once")
    func wakeUp() async throws {
        var loop = try EventLoop()
        let wakeUp = try WakeUp()
        try loop.watch(wakeUp, token: 7)
        let signaller = Task.detached { for _ in 0..<10 { wakeUp.signal() } }
        #expect(try loop.wait() == 1)
        #expect(loop.ready(0) == EventLoop.Ready(token: 7, isReadable: true, hasError: false))
        await signaller.value
        wakeUp.clear()
        wakeUp.signal()
        #expect(try loop.wait() == 1)
    }

    @Test("a socket shows as long as something waits at it")
    func levelTriggered() throws {
        var loop = try EventLoop()
        let server = try UDPSocket(bindingTo: .loopback(0), sharesPort: false, bufferSize: 65_536)
        try loop.watch(server.handle, token: 3)
        let client = try TestClient(connectingTo: .loopback(server.boundPort()))
        try client.send([1])
        #expect(try loop.wait() == 1)
        #expect(try loop.wait() == 1)
        #expect(loop.ready(0) == EventLoop.Ready(token: 3, isReadable: true, hasError: false))
    }

    @Test("a wait is over when nothing comes, and never before its time")
    func timeout() throws {
        var loop = try EventLoop()
        for timeout: UInt64 in [0, 1, 999_999, 1_000_001] {
            let start = SystemClock.monotonic()
            #expect(try loop.wait(timeoutNanoseconds: timeout) == 0)
            #expect(SystemClock.monotonic() >= start + timeout)
        }
    }

    @Test("many sockets show in one turn, and one that is no longer watched does not")
    func many() throws {
        var loop = try EventLoop()
        let client = try TestClient(bindingTo: .loopback(0))
        let sockets = try (0..<200).map { _ in try RelaySocket.open(.loopback(.v4)) }
        defer { sockets.forEach(RelaySocket.close) }
        for (index, socket) in sockets.enumerated() {
            try loop.watch(socket, token: UInt64(index) << 40)
            try client.send([1], to: socket.local)
        }
        loop.unwatch(sockets[3])
        let count = try loop.wait(timeoutNanoseconds: 5_000_000_000)
        let seen = Set((0..<count).map { loop.ready($0).token >> 40 })
        #expect(seen == Set(0..<200).subtracting([3]))
    }
}
