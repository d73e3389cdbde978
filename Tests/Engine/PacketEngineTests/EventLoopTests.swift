import Addresses
import Foundation
import TestSockets
import Testing

@testable import PacketEngine

@Suite("The event loop")
struct EventLoopTests {
    @Test("a signal from another thread wakes it, and many signals wake it once", arguments: EventLoop.Backend.usable)
    func wakeUp(backend: EventLoop.Backend) throws {
        var loop = try EventLoop(backend)
        let wakeUp = try WakeUp()
        try loop.watch(wakeUp, token: 7)
        // No task: an io_uring belongs to the thread that opened it.
        let signaller = Thread { for _ in 0..<10 { wakeUp.signal() } }
        signaller.start()
        #expect(try loop.wait() == 1)
        #expect(loop.ready(0) == EventLoop.Ready(token: 7, isReadable: true, hasError: false))
        while !signaller.isFinished { usleep(1000) }
        wakeUp.clear()
        wakeUp.signal()
        #expect(try loop.wait() == 1)
    }

    @Test("a socket shows as long as something waits at it", arguments: EventLoop.Backend.usable)
    func levelTriggered(backend: EventLoop.Backend) throws {
        var loop = try EventLoop(backend)
        let server = try UDPSocket(bindingTo: .loopback(0), sharesPort: false, bufferSize: 65_536)
        try loop.watch(server.handle, token: 3)
        let client = try TestClient(connectingTo: .loopback(server.boundPort()))
        try client.send([1])
        for _ in 0..<3 {
            #expect(try loop.wait() == 1)
            #expect(loop.ready(0).isReadable)
        }
        #expect(loop.ready(0) == EventLoop.Ready(token: 3, isReadable: true, hasError: false))
    }

    @Test("a wait is over when nothing comes, and never before its time", arguments: EventLoop.Backend.usable)
    func timeout(backend: EventLoop.Backend) throws {
        var loop = try EventLoop(backend)
        for timeout: UInt64 in [0, 1, 999_999, 1_000_001] {
            // A signal ends a wait early, and rings of other tests in this process interrupt their threads.
            var lasted = false
            for _ in 0..<5 where !lasted {
                let start = SystemClock.monotonic()
                #expect(try loop.wait(timeoutNanoseconds: timeout) == 0)
                lasted = SystemClock.monotonic() >= start + timeout
            }
            #expect(lasted, "each of five waits for \(timeout) ns ended early")
        }
    }

    @Test("many sockets show in one turn", arguments: EventLoop.Backend.usable)
    func many(backend: EventLoop.Backend) throws {
        var loop = try EventLoop(backend)
        let client = try TestClient(bindingTo: .loopback(0))
        let sockets = try (0..<200).map { _ in try RelaySocket.open(.loopback(.v4)) }
        defer { sockets.forEach(RelaySocket.close) }
        for (index, socket) in sockets.enumerated() {
            try loop.watch(socket, token: UInt64(index) << 33)
            try client.send([1], to: socket.local)
        }
        let count = try loop.wait(timeoutNanoseconds: 5_000_000_000)
        let seen = Set((0..<count).map { loop.ready($0).token >> 33 })
        #expect(seen == Set(0..<200))
    }
}
