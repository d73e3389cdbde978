import Addresses
import Glibc
import TestSockets
import Testing

@testable import PacketEngine

@Suite("io_uring: datagrams come with the event that tells of them", .enabled(if: EventLoop.refusalOfRing() == nil))
struct PacketRingTests {
    /// A loop, a batch, and sockets whose numbers are their tokens.
    private final class Relay {
        var loop: EventLoop
        var batch: DatagramBatch
        let sockets: [SocketHandle]

        init(_ count: Int, _ family: IPAddress.Family = .v4) throws {
            loop = try EventLoop(.ioUring)
            batch = DatagramBatch(for: loop)
            sockets = try (0..<count).map { _ in try RelaySocket.open(.loopback(family)) }
            for (index, socket) in sockets.enumerated() { try loop.watcher.receive(socket, token: UInt64(index)) }
        }

        /// Serves turns until so many datagrams have come, or none comes for 5 s; tells which came to which socket.
        func take(_ count: Int) throws -> [(socket: Int, bytes: [UInt8], source: SocketAddress)] {
            var taken: [(socket: Int, bytes: [UInt8], source: SocketAddress)] = []
            while taken.count < count {
                guard try loop.wait(timeoutNanoseconds: 5_000_000_000) > 0 else { return taken }
                var index = 0
                while index < loop.readyCount {
                    var ready = loop.ready(index)
                    let socket = Int(ready.token)
                    while ready.hasArrivals {
                        if batch.freeSlots == 0 { _ = batch.flush() }
                        for slot in try batch.receive(&ready, from: sockets[socket], limit: 16) {
                            let length = batch.isWhole(slot) ? batch.length(of: slot) : -1
                            let bytes = batch.bytes(of: slot)
                            var content: [UInt8] = []
                            for offset in 0..<max(0, length) {
                                let place = DatagramBatch.headroom + offset
                                content.append(unsafe bytes.unsafeLoad(fromByteOffset: place, as: UInt8.self))
                            }
                            taken.append((socket, content, batch.source(of: slot)))
                        }
                    }
                    if ready.hasEnded { try loop.watcher.receive(sockets[socket], token: ready.token) }
                    index += 1
                }
                _ = batch.flush()
            }
            return taken
        }

        deinit { sockets.forEach(RelaySocket.close) }
    }

    @Test("each comes to its socket, whole and in order, with its sender", arguments: IPAddress.Family.allCases)
    func arrivals(family: IPAddress.Family) throws {
        let relay = try Relay(3, family)
        let peers = try (0..<3).map { _ in try TestClient(bindingTo: .loopback(family)) }
        for number in UInt8(0)..<30 {
            let bytes = [UInt8](repeating: number, count: Int(number) * 70)
            try peers[Int(number) % 3].send(bytes, to: relay.sockets[Int(number) % 3].local)
        }
        let taken = try relay.take(30)
        #expect(taken.count == 30)
        for socket in 0..<3 {
            let own = taken.filter { $0.socket == socket }
            #expect(own.allSatisfy { $0.source == peers[socket].local })
            #expect(own.map(\.bytes.count) == (0..<10).map { ($0 * 3 + socket) * 70 })
            #expect(own.allSatisfy { $0.bytes.allSatisfy { [byte = $0.bytes.first] in $0 == byte } })
        }
    }

    @Test("more than all buffers hold, at once, is received in turns, and none is lost")
    func manyAtOnce() throws {
        let relay = try Relay(4)
        let peer = try TestClient(bindingTo: .loopback(0))
        // A socket's own buffer holds some 200 of them.
        for round in 0..<5 {
            for number in 0..<600 {
                try peer.send([UInt8(round), UInt8(number & 0xFF)], to: relay.sockets[number % 4].local)
            }
            #expect(try relay.take(600).count == 600)
        }
    }

    @Test("the longest datagram that UDP carries comes whole", arguments: IPAddress.Family.allCases)
    func longest(family: IPAddress.Family) throws {
        let relay = try Relay(1, family)
        let peer = try TestClient(bindingTo: .loopback(family))
        let longest = family == .v4 ? 65_507 : 65_527
        for count in [longest, 1] { try peer.send([UInt8](repeating: 1, count: count), to: relay.sockets[0].local) }
        #expect(try relay.take(2).map(\.bytes.count) == [longest, 1])
    }

    @Test(
        "a train comes with its event, and leaves part by part from the borrowed buffer",
        arguments: IPAddress.Family.allCases
    )
    func trains(family: IPAddress.Family) throws {
        let relay = try Relay(1, family)
        let peer = try TestClient(bindingTo: .loopback(family))
        // More often than there are buffers.
        for round in 0..<300 {
            let content = (0..<20 * 11 - 3).map { UInt8(truncatingIfNeeded: $0 &+ round) }
            try peer.sendTrain(content, of: 11, to: relay.sockets[0].local)
            try #require(try relay.loop.wait(timeoutNanoseconds: 5_000_000_000) == 1)
            var ready = relay.loop.ready(0)
            #expect(try relay.batch.receive(&ready, from: relay.sockets[0]) == 0..<1)
            let found = relay.batch.train(in: 0)
            let train = try #require(found)
            #expect(train.count == 20)
            for number in 0..<train.count {
                lend(train[number], header: UInt8(number), of: &relay.batch)
                relay.batch.queue(
                    train[number],
                    start: DatagramBatch.headroom - 1,
                    count: train[number].count + 1,
                    on: relay.sockets[0],
                    to: peer.local,
                    tag: 0
                )
                relay.batch.takeBack(train[number])
            }
            #expect(relay.batch.flush().count == 0)
            for number in 0..<20 {
                #expect(
                    try peer.receive() == [UInt8(number)] + content[number * 11..<min(content.count, number * 11 + 11)]
                )
            }
            if ready.hasEnded { try relay.loop.watcher.receive(relay.sockets[0], token: 0) }
        }
    }

    private func lend(_ part: DatagramBatch.Part, header: UInt8, of batch: inout DatagramBatch) {
        var bytes = batch.lend(part)
        bytes.storeBytes(of: header, toByteOffset: DatagramBatch.headroom - 1, as: UInt8.self)
    }

    @Test("an answer written into a borrowed buffer leaves with its header, and the buffer is used again")
    func echo() throws {
        let relay = try Relay(1)
        let peer = try TestClient(bindingTo: .loopback(0))
        for round in 0..<1200 {
            try peer.send([UInt8(round & 0xFF)], to: relay.sockets[0].local)
            try #require(try relay.loop.wait(timeoutNanoseconds: 5_000_000_000) == 1)
            var ready = relay.loop.ready(0)
            let slots = try relay.batch.receive(&ready, from: relay.sockets[0])
            #expect(slots == 0..<1 && !ready.hasArrivals)
            writeHeader(0xABCD_EF01, before: 0, in: &relay.batch)
            relay.batch.queue(slot: 0, offset: DatagramBatch.headroom - 4, count: 5, on: relay.sockets[0], tag: 0)
            #expect(relay.batch.flush().count == 0)
            #expect(try peer.receive() == [0x01, 0xEF, 0xCD, 0xAB, UInt8(round & 0xFF)])
        }
    }

    @Test("a socket that is unwatched and closed gives its port back at once")
    func closing() throws {
        var loop = try EventLoop(.ioUring)
        let socket = try RelaySocket.open(.loopback(.v4))
        try loop.watcher.receive(socket, token: 5)
        #expect(try loop.wait(timeoutNanoseconds: 0) == 0)
        loop.watcher.unwatch(socket, token: 5)
        loop.watcher.submit()
        RelaySocket.close(socket)
        let again = try RelaySocket.open(socket.local)
        RelaySocket.close(again)
        #expect(try loop.wait(timeoutNanoseconds: 0) == 0)
    }

    @Test("many sockets that are closed at once give their ports back, and so do those of a loop that ends")
    func closingMany() throws {
        var loop: EventLoop? = try EventLoop(.ioUring)
        var sockets = try (0..<100).map { _ in try RelaySocket.open(.loopback(.v4)) }
        for (index, socket) in sockets.enumerated() { try loop?.watcher.receive(socket, token: UInt64(index)) }
        #expect(try loop?.wait(timeoutNanoseconds: 0) == 0)
        let closed = sockets.prefix(50)
        for (index, socket) in closed.enumerated() { loop?.watcher.unwatch(socket, token: UInt64(index)) }
        loop?.watcher.submit()
        closed.forEach(RelaySocket.close)
        for socket in closed { RelaySocket.close(try RelaySocket.open(socket.local)) }
        sockets.removeFirst(50)
        loop = nil
        sockets.forEach(RelaySocket.close)
        for socket in sockets { RelaySocket.close(try RelaySocket.open(socket.local)) }
    }

    @Test("datagrams at many sockets at once show in one turn")
    func manySockets() throws {
        let relay = try Relay(200)
        let peer = try TestClient(bindingTo: .loopback(0))
        for socket in relay.sockets { try peer.send([1], to: socket.local) }
        #expect(try relay.loop.wait(timeoutNanoseconds: 5_000_000_000) == 200)
        for index in 0..<200 { relay.loop.discard(relay.loop.ready(index)) }
    }

    @Test("events that were not asked for are kept with their datagrams, whatever came before them")
    func kept() throws {
        let relay = try Relay(3)
        let peer = try TestClient(bindingTo: .loopback(0))
        for number in 0..<3 { try peer.send([UInt8(number)], to: relay.sockets[number].local) }
        #expect(try relay.loop.wait(timeoutNanoseconds: 5_000_000_000) == 3)
        // Only the first is asked for in this turn; more come to all of them.
        for turn in 0..<3 {
            let ready = relay.loop.ready(0)
            relay.loop.discard(ready)
            try peer.send([9], to: relay.sockets[turn].local)
            try relay.loop.wait(timeoutNanoseconds: 5_000_000_000)
            #expect(relay.loop.readyCount == 3)
        }
        #expect(try relay.take(3).map(\.bytes) == [[9], [9], [9]])
    }

    @Test("a refused send by a socket that is read by itself makes no event of it")
    func refusedByListener() throws {
        let relay = try Relay(0)
        let listener = try RelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(listener) }
        try relay.loop.watch(listener, token: 1)
        let received = try RelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(received) }
        try relay.loop.watcher.receive(received, token: 2)
        #expect(try relay.loop.wait(timeoutNanoseconds: 0) == 0)
        // Without SO_BROADCAST the system refuses this address (EACCES).
        let broadcast = SocketAddress(IPAddress(v4: 0xFFFF_FFFF), port: 9)
        for _ in 0..<3 {
            let slot = try takeSlot(in: &relay.batch)
            relay.batch.queue(slot: slot, offset: 0, count: 1, on: listener, to: broadcast, tag: 0)
        }
        #expect(relay.batch.flush().count == 3)
        #expect(relay.loop.readyCount == 0)
    }

    @Test("an ICMP error is told, also one that a send was told of first")
    func errors() throws {
        let relay = try Relay(1)
        let socket = relay.sockets[0]
        let closed = try SocketAddress.closed(.v4)
        let peer = try TestClient(bindingTo: .loopback(0))
        for destinations in [[closed], [closed, peer.local, peer.local]] {
            for (number, destination) in destinations.enumerated() {
                let slot = try takeSlot(in: &relay.batch)
                relay.batch.queue(slot: slot, offset: 0, count: number + 1, on: socket, to: destination, tag: 0)
            }
            #expect(relay.batch.flush().count == 0)
            // One that the error hit is sent again behind the others.
            let lengths = try Set((1..<destinations.count).map { _ in try peer.receive().count })
            #expect(lengths == Set((1..<destinations.count).map { $0 + 1 }))
            var errors = 0
            while errors == 0 {
                if relay.loop.readyCount == 0 {
                    try #require(try relay.loop.wait(timeoutNanoseconds: 5_000_000_000) > 0)
                }
                for index in 0..<relay.loop.readyCount where relay.loop.ready(index).hasError {
                    errors += Array(ErrorQueue(of: socket)).count
                    if relay.loop.ready(index).hasEnded { try relay.loop.watcher.receive(socket, token: 0) }
                }
                if errors == 0 { try relay.loop.wait(timeoutNanoseconds: 5_000_000_000) }
            }
            #expect(errors == 1)
        }
    }

    @Test("a wait that gathers is over with the last of them, and one datagram is enough when its time is up")
    func gathering() throws {
        let relay = try Relay(2)
        try #require(relay.loop.canGather == true)
        let peer = try TestClient(bindingTo: .loopback(0))
        let long = EventLoop.Gathering(datagrams: 3, nanoseconds: 60_000_000_000)
        for number in 0..<3 { try peer.send([1], to: relay.sockets[number % 2].local) }
        try relay.loop.wait(timeoutNanoseconds: nil, gathering: long)
        #expect((0..<relay.loop.readyCount).reduce(0) { $0 + relay.loop.ready($1).arrivals.count } == 3)
        let short = EventLoop.Gathering(datagrams: 100, nanoseconds: 1_000_000)
        try peer.send([1], to: relay.sockets[0].local)
        #expect(try relay.loop.wait(timeoutNanoseconds: nil, gathering: short) == 1)
    }

    private func writeHeader(_ header: UInt32, before slot: Int, in batch: inout DatagramBatch) {
        var bytes = batch.bytes(of: slot)
        bytes.storeBytes(of: header, toByteOffset: DatagramBatch.headroom - 4, as: UInt32.self)
    }
}
