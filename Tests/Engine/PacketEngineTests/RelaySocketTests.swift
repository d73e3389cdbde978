import Addresses
import Glibc
import TestSockets
import Testing

@testable import PacketEngine

@Suite("Relay sockets")
struct RelaySocketTests {
    @Test("a relay socket is set up as RFC 8656 section 14 wants, and shares its port with nobody")
    func options() throws {
        for family in IPAddress.Family.allCases {
            let socket = try RelaySocket.open(.loopback(family))
            #expect(socket.local.port != 0)
            #expect(!socket.isWildcard)
            let error = #expect(throws: SocketError.self) { try RelaySocket.open(socket.local) }
            #expect(error?.isAddressInUse == true)
            switch family {
            case .v4:
                #expect(socket.option(IPPROTO_IP, IP_MTU_DISCOVER) == IP_PMTUDISC_OMIT)
                #expect(socket.option(IPPROTO_IP, IP_RECVERR) == 1)
                #expect(socket.option(IPPROTO_IP, IP_TTL) > 0)
            case .v6:
                #expect(socket.option(IPPROTO_IPV6, IPV6_MTU_DISCOVER) == IPV6_PMTUDISC_WANT)
                #expect(socket.option(IPPROTO_IPV6, IPV6_RECVERR) == 1)
                #expect(socket.option(IPPROTO_IPV6, IPV6_V6ONLY) == 1)
                #expect(socket.option(IPPROTO_IPV6, IPV6_UNICAST_HOPS) > 0)
            }
            RelaySocket.close(socket)
            RelaySocket.close(try RelaySocket.open(socket.local))
        }
    }

    @Test("an IPv6 relay socket does not reach IPv4 in disguise", arguments: DatagramBatchTests.modes, [true, false])
    func mapped(mode: DatagramBatch.Mode, isOnAllAddresses: Bool) throws {
        let all = SocketAddress(.unspecified(.v6), port: 0)
        let socket = try RelaySocket.open(isOnAllAddresses ? all : .loopback(.v6))
        defer { RelaySocket.close(socket) }
        let disguised = IPAddress(v6High: 0, low: 0xFFFF_7F00_0001)
        var batch = try DatagramBatch.calling(by: mode)
        let slot = try takeSlot(in: &batch)
        batch.queue(slot: slot, offset: 0, count: 1, on: socket, to: SocketAddress(disguised, port: 9), tag: 3)
        let failures = batch.flush()
        #expect(failures.count == 1)
        #expect(failures.last?.tag == 3)
    }

    @Test("the DF bit is set where it is asked for, and only there (RFC 8656 section 14)", .enabled(if: geteuid() == 0))
    func dontFragmentBit() throws {
        let sniffer = try IPSniffer()
        let socket = try RelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(socket) }
        let client = try TestClient(bindingTo: .loopback(0))
        for mode in DatagramBatchTests.modes {
            var batch = try DatagramBatch.calling(by: mode)
            for number in 0..<6 {
                let slot = try takeSlot(in: &batch)
                let isWanted = number == 2 || number == 3
                batch.queue(
                    slot: slot,
                    offset: 0,
                    count: 8 + number,  // growing, so that no two make a train
                    on: socket,
                    to: client.local,
                    dontFragment: isWanted,
                    tag: 0
                )
            }
            #expect(batch.flush().count == 0)
            for number in 0..<6 {
                #expect(try sniffer.next(toPort: client.local.port) == (number == 2 || number == 3))
            }
        }
        #expect(socket.option(IPPROTO_IP, IP_MTU_DISCOVER) == IP_PMTUDISC_OMIT)
    }

    @Test(
        "IPv6: too long and not to be fragmented is refused and told; else it goes in fragments",
        arguments: DatagramBatchTests.modes
    )
    func dontFragmentV6(mode: DatagramBatch.Mode) throws {
        let socket = try RelaySocket.open(.loopback(.v6))
        defer { RelaySocket.close(socket) }
        socket.setOption(IPPROTO_IPV6, IPV6_MTU, 1280)
        let client = try TestClient(bindingTo: .loopback(.v6))
        var batch = try DatagramBatch.calling(by: mode)
        for number in 0..<3 {
            let slot = try takeSlot(in: &batch)
            batch.queue(
                slot: slot,
                offset: 0,
                count: 1900 + number,
                on: socket,
                to: client.local,
                dontFragment: number == 1,
                tag: number
            )
        }
        let failures = batch.flush()
        #expect(failures.count == 1)
        #expect(failures.last?.tag == 1)
        #expect(failures.last?.code == EMSGSIZE)
        #expect(try client.receive().count == 1900)
        #expect(try client.receive().count == 1902)
        let reports = Array(ErrorQueue(of: socket))
        #expect((1...2).contains(reports.count))
        #expect(reports.allSatisfy { $0 == .tooBig(peer: client.local, mtu: 1280) })
        #expect(Array(ErrorQueue(of: socket)).isEmpty)
    }
}

@Suite("ICMP errors of relay sockets (RFC 8656 section 11.5)")
struct ErrorQueueTests {
    @Test("port unreachable is read back with the peer it was sent to", arguments: IPAddress.Family.allCases)
    func unreachable(family: IPAddress.Family) throws {
        let socket = try RelaySocket.open(.loopback(family))
        defer { RelaySocket.close(socket) }
        let closed = try SocketAddress.closed(family)
        var batch = DatagramBatch()
        try queue(to: [closed], on: socket, in: &batch)
        #expect(batch.flush().count == 0)
        let (type, code): (UInt8, UInt8) = family == .v4 ? (3, 3) : (1, 4)
        #expect(
            Array(ErrorQueue(of: socket)) == [.icmp(.init(peer: closed, type: type, code: code, data: 0))]
        )
        #expect(Array(ErrorQueue(of: socket)).isEmpty)
    }

    @Test("an error of one peer loses no datagram to another, nor one that waits", arguments: RelayBatchTests.Way.all)
    func noLoss(way: RelayBatchTests.Way) throws {
        let socket = try RelaySocket.open(.loopback(way.family))
        defer { RelaySocket.close(socket) }
        let closed = try SocketAddress.closed(way.family)
        let peer = try TestClient(bindingTo: .loopback(way.family))
        var batch = try DatagramBatch.calling(by: way.mode)
        try queue(to: [closed, peer.local, closed, closed, peer.local, peer.local, closed], on: socket, in: &batch)
        #expect(batch.flush().count == 0)
        var got = try (0..<3).map { _ in try peer.receive() }
        // A ring sends one that an error hit once more, behind those that came after it.
        if way.mode == .ring { got.sort { $0.count < $1.count } }
        #expect(got == [1, 4, 5].map { number in [UInt8](repeating: UInt8(number), count: number + 1) })
        // The last error is still there when the socket is read, and again when it sends.
        try peer.send([77], to: socket.local)
        #expect(try batch.receive(from: socket) == 0..<1)
        batch.queue(slot: 0, offset: 64, count: 1, on: socket, tag: 0)
        #expect(batch.flush().count == 0)
        #expect(try peer.receive() == [77])
        #expect(Array(ErrorQueue(of: socket)).count == 4)
    }

    @Test("reading errors is bounded")
    func bounded() throws {
        let socket = try RelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(socket) }
        let closed = try SocketAddress.closed(.v4)
        var batch = DatagramBatch()
        try queue(to: [SocketAddress](repeating: closed, count: 7), on: socket, in: &batch)
        _ = batch.flush()
        #expect(Array(ErrorQueue(of: socket, limit: 3)).count == 3)
    }

    @Test(
        "fragmentation needed tells the MTU, and shrinks nothing (RFC 8656 section 18.13)",
        .enabled(if: geteuid() == 0)
    )
    func fragmentationNeeded() throws {
        let socket = try RelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(socket) }
        let peer = try TestClient(bindingTo: .loopback(0))
        try ICMPForger.fragmentationNeeded(mtu: 1400, of: socket.local, to: peer.local)
        #expect(
            Array(ErrorQueue(of: socket)) == [.icmp(.init(peer: peer.local, type: 3, code: 4, data: 1400))]
        )
    }

    @Test("an event loop tells an error until it is read")
    func event() throws {
        var loop = try EventLoop()
        let socket = try RelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(socket) }
        try loop.watch(socket, token: 0xFFFF_0000_0000_0001)
        var batch = DatagramBatch()
        try queue(to: [try .closed(.v4)], on: socket, in: &batch)
        _ = batch.flush()
        for _ in 0..<2 {
            #expect(try loop.wait(timeoutNanoseconds: 5_000_000_000) == 1)
            #expect(loop.ready(0) == EventLoop.Ready(token: 0xFFFF_0000_0000_0001, isReadable: false, hasError: true))
        }
        #expect(Array(ErrorQueue(of: socket)).count == 1)
        #expect(try loop.wait(timeoutNanoseconds: 0) == 0)
    }

    @Test("an error for whose details there was no memory does not show for ever")
    func lostDetails() throws {
        var loop = try EventLoop()
        let socket = try RelaySocket.open(.loopback(.v4))
        defer { RelaySocket.close(socket) }
        socket.setOption(SOL_SOCKET, SO_RCVBUF, 0)
        let peer = try TestClient(bindingTo: .loopback(0))
        // The first datagram is taken however long it is, and leaves no room for anything else.
        try peer.send([UInt8](repeating: 0, count: 4000), to: socket.local)
        var batch = DatagramBatch()
        try queue(to: [try .closed(.v4)], on: socket, in: &batch)
        _ = batch.flush()
        try loop.watch(socket, token: 1)
        #expect(try loop.wait(timeoutNanoseconds: 5_000_000_000) == 1)
        #expect(loop.ready(0).hasError)
        #expect(Array(ErrorQueue(of: socket)).isEmpty)
        #expect(try loop.wait(timeoutNanoseconds: 5_000_000_000) == 1)
        #expect(!loop.ready(0).hasError)
    }

    @Test("an error before a train loses none of it", arguments: RelayBatchTests.Way.all)
    func train(way: RelayBatchTests.Way) throws {
        let socket = try RelaySocket.open(.loopback(way.family))
        defer { RelaySocket.close(socket) }
        let closed = try SocketAddress.closed(way.family)
        let peer = try TestClient(bindingTo: .loopback(way.family))
        var batch = try DatagramBatch.calling(by: way.mode)
        let destinations = [closed, peer.local, peer.local, peer.local, closed, peer.local]
        try queue(to: destinations, on: socket, in: &batch, length: 10)
        #expect(batch.flush().count == 0)
        for number: UInt8 in [1, 2, 3, 5] { #expect(try peer.receive() == [UInt8](repeating: number, count: 10)) }
    }

    /// Queues datagrams filled with their number, of growing length unless told, so that no two make a train.
    private func queue(
        to destinations: [SocketAddress],
        on socket: SocketHandle,
        in batch: inout DatagramBatch,
        length: Int? = nil
    ) throws {
        for (number, destination) in destinations.enumerated() {
            let slot = try takeSlot(in: &batch)
            let count = length ?? number + 1
            var bytes = batch.bytes(of: slot)
            for offset in 0..<count { bytes.storeBytes(of: UInt8(number), toByteOffset: offset, as: UInt8.self) }
            batch.queue(slot: slot, offset: 0, count: count, on: socket, to: destination, tag: number)
        }
    }
}
