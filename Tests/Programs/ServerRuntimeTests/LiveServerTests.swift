import Addresses
import Administration
import Foundation
import Observability
import PacketEngine
import ServerSettings
import TestSockets
import Testing

@testable import ServerRuntime

@Suite("The running server, on loopback")
struct LiveServerTests {
    /// The PDU in the log of the 2002 manual.
    let manualPDU: [UInt8] = [0, 1, 0, 8, 0x2B, 0x8C, 0x53, 0x0C, 0, 3, 0, 4, 0, 0, 0, 0]
    let binding: [UInt8] = [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]

    @Test("it answers, counts the source and lists its counters")
    func answers() async throws {
        let host = try ServerUnderTest("workers: 2\n")
        let client = try TestClient(connectingTo: host.address())
        for _ in 0..<3 {
            try client.send(manualPDU)
            #expect(try client.receive().prefix(8) == [1, 1, 0, 12, 0x2B, 0x8C, 0x53, 0x0C])
        }
        let statistics = try await host.server.statistics(StatisticsQuery())
        #expect(statistics.rows.map(\.source) == ["\(client.local)"])
        #expect(statistics.rows.first?.noChange == 3)
        #expect(statistics.rows.first?.hits == 3)
        let status = try await host.server.status()
        #expect(status.workers == 2)
        #expect(status.counters.first { $0.name == "answers-rosenberg" }?.value == 3)
        #expect(status.listeners.map { $0.prefix(3) } == ["udp", "udp", "tcp"])
        try await host.server.clearStatistics()
        #expect(try await host.server.statistics(StatisticsQuery()).rows.isEmpty)
    }

    @Test("with a second address each change flag moves the answer to the socket that RFC 5780 names")
    func changedAddresses() throws {
        let host = try ServerUnderTest("second-address: 127.0.0.2\n")
        let client = try TestClient(bindingTo: .loopback(0))
        let first = host.address().address
        let second = IPAddress(v4: 0x7F00_0002)
        let sockets = [(first, host.port1), (first, host.port2), (second, host.port1), (second, host.port2)]
        for (address, port) in sockets {
            for flags in [UInt8(0), 2, 4, 6] {
                let request: [UInt8] = [0, 1, 0, 8] + (0..<16).map { $0 } + [0, 3, 0, 4, 0, 0, 0, flags]
                try client.send(request, to: SocketAddress(address, port: port))
                let answer = try client.receiveFrom()
                let otherAddress = address == first ? second : first
                let otherPort = port == host.port1 ? host.port2 : host.port1
                let expected = SocketAddress(
                    flags & 4 == 0 ? address : otherAddress,
                    port: flags & 2 == 0 ? port : otherPort
                )
                #expect(answer.source == expected, "asked \(address):\(port) with flags \(flags)")
            }
        }
    }

    @Test("on all addresses an answer leaves from the address that was asked")
    func wildcard() throws {
        let host = try ServerUnderTest("", isWildcard: true)
        for last in [UInt32(1), 5, 77] {
            let asked = SocketAddress(IPAddress(v4: 0x7F00_0000 | last), port: host.port1)
            let client = try TestClient(connectingTo: asked)
            try client.send(binding)
            #expect(try client.receive().prefix(2) == [1, 1])
        }
        let client6 = try TestClient(connectingTo: SocketAddress(IPAddress(v6High: 0, low: 1), port: host.port1))
        try client6.send(binding)
        #expect(try client6.receive().count == 44)
    }

    @Test("a request to a broadcast address, which every worker gets, is answered by none")
    func broadcast() async throws {
        let host = try ServerUnderTest("workers: 4\n", isWildcard: true)
        let client = try TestClient(bindingTo: .loopback(0))
        try client.send(binding, to: SocketAddress(IPAddress(v4: 0x7FFF_FFFF), port: host.port1))
        let own: [UInt8] = binding.dropLast() + [99]
        try client.send(own, to: host.address())
        // The first answer to come is the one to the second request.
        #expect(try client.receive()[19] == 99)
        #expect(try await host.counter("drops-group-destination", reaching: 4) == 4)
        #expect(try await host.counter("answers-rfc8489") == 1)
    }

    @Test("at level 8 the log shows the PDU as the manual prints it")
    func log() async throws {
        let host = try ServerUnderTest("log-level: 8\n")
        let client = try TestClient(connectingTo: host.address())
        try client.send(manualPDU)
        _ = try client.receive()
        let report = try await host.server.log(LogQuery())
        let received = try #require(report.lines.first { $0.contains("Received pdu") })
        #expect(received.hasPrefix("[8] "))
        #expect(
            received.hasSuffix(
                ": Received pdu from \(client.local)\n00 01 00 08 2b 8c 53 0c 00 03 00 04 00 00 00 00"
            )
        )
        #expect(report.lines.contains { $0.hasSuffix("Send response to \(client.local)") })
        #expect(report.entries.map(\.code).contains(1006))
        try await host.server.clearLog()
        #expect(try await host.server.log(LogQuery()).lines.isEmpty)
    }

    @Test(
        "the log begins with the settings that were read and with the start, and an answer from port 2 is told as one"
    )
    func startAndOtherPort() async throws {
        let host = try ServerUnderTest("log-level: 8\n")
        let entries = try await host.server.log(LogQuery()).entries
        #expect(entries.prefix(2).map(\.code) == [1024, 1026])
        #expect(entries[0].text.contains("stund.yaml") && entries[1].text.contains("udp 127.0.0.1:\(host.port1)"))
        let client = try TestClient(bindingTo: .loopback(0))
        let changePort = [0, 1, 0, 8] + [UInt8](repeating: 9, count: 16) + [0, 3, 0, 4, 0, 0, 0, 2]
        try client.send(changePort, to: host.address())
        #expect(try client.receiveFrom().source.port == host.port2)
        #expect(try await host.server.log(LogQuery()).entries.map(\.code).suffix(2) == [1006, 1019])
    }

    @Test("what is refused is in the log with its number and its cause")
    func refusals() async throws {
        let host = try ServerUnderTest("log-level: 7\n")
        let client = try TestClient(connectingTo: host.address())
        let tid = [UInt8](repeating: 9, count: 16)
        let changeIP = [0, 1, 0, 8] + tid + [0, 3, 0, 4, 0, 0, 0, 4]
        let unknownAttribute = [0, 1, 0, 4] + tid + [0x77, 0x77, 0, 0]
        let response = [1, 1, 0, 0] + tid
        let unknownFamily = [0, 1, 0, 12] + tid + [0, 2, 0, 8, 0, 7, 0, 53, 8, 8, 8, 8]
        let wrongLength = [0, 1, 0, 4] + tid
        for datagram in [wrongLength, changeIP, response, [9, 9, 9], unknownFamily, unknownAttribute] {
            try client.send(datagram)
        }
        // What has a wrong length is processed all the same (message 1008).
        #expect(try client.receive().prefix(2) == [1, 1])
        // The last one is answered, so all before it have been read.
        #expect(try client.receive().prefix(2) == [1, 0x11])
        let entries = try await host.server.log(LogQuery()).entries
        #expect(Set(entries.map(\.code)).isSuperset(of: [1014, 1004, 1005, 1008, 1009, 1010]))
        #expect(entries.first { $0.code == 1010 }?.text.contains("0x7777") == true)
    }

    @Test("a reload takes over what it can, says what needs a restart, and keeps the old settings when the new are bad")
    func reload() async throws {
        let host = try ServerUnderTest("log-level: 5\n")
        try host.rewrite("log-level: 8\nstatistics-rows: 7\nworkers: 1\n")
        try await host.server.reload()
        var codes = try await host.server.log(LogQuery()).entries.map(\.code)
        #expect(codes.contains(1103))
        #expect(codes.contains(1111))

        try host.rewrite("log-level: 99\n")
        await #expect(throws: SettingsError.self) { try await host.server.reload() }
        let client = try TestClient(connectingTo: host.address())
        try client.send(binding)
        _ = try client.receive()
        codes = try await host.server.log(LogQuery()).entries.map(\.code)
        #expect(codes.contains(1102))
        #expect(codes.contains(1006), "the level of the first reload is still in force")
    }

    @Test("a setting that was changed and changed back needs no restart, and a file that is gone is refused")
    func reloadBack() async throws {
        let host = try ServerUnderTest("workers: 2\n")
        try host.rewrite("workers: 1\n")
        try await host.server.reload()
        #expect(try await host.server.status().warnings.contains { $0.hasPrefix("workers has changed") })
        try await host.server.clearLog()
        try host.rewrite("workers: 2\n")
        try await host.server.reload()
        #expect(try await !host.server.log(LogQuery()).entries.contains { $0.code == 1111 })
        #expect(try await !host.server.status().warnings.contains { $0.hasPrefix("workers has changed") })
        try host.removeFile()
        await #expect(throws: ReloadError.self) { try await host.server.reload() }
    }

    @Test("settings that were refused when a signal asked to reread them are told by the status until they are right")
    func reloadOnSignal() async throws {
        let host = try ServerUnderTest("log-level: 5\n")
        try host.rewrite("loglevel: 3\n")
        await host.server.reloadOnSignal()
        let warning = try await host.server.status().warnings.first { $0.hasPrefix("the settings were refused at ") }
        #expect(warning?.contains("the next start would fail: ") == true && warning?.contains("log-level") == true)
        try host.rewrite("log-level: 3\n")
        await host.server.reloadOnSignal()
        #expect(try await !host.server.status().warnings.contains { $0.hasPrefix("the settings were refused") })
    }

    @Test("a second server on the same port is refused and told who holds it")
    func secondServer() throws {
        let host = try ServerUnderTest("")
        let error = #expect(throws: StartError.self) { try ServerUnderTest("", ports: (host.port1, host.port2)) }
        #expect(error?.code == .primaryPortNotOpened)
        #expect(error?.description.contains("(pid \(ProcessInfo.processInfo.processIdentifier))") == true)
        #expect(error?.description.contains("stun-port-1") == true)
        let free = try ServerUnderTest.freePorts().0
        let second = #expect(throws: StartError.self) { try ServerUnderTest("", ports: (free, host.port2)) }
        #expect(second?.code == .secondaryPortNotOpened)
        #expect(second?.description.contains("stun-port-2") == true)
    }

    @Test("a start that fails is in the log file too, for whoever looks for it later")
    func failedStartInLogFile() throws {
        let host = try ServerUnderTest("")
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("stund-test-\(UUID()).log")
        defer { try? FileManager.default.removeItem(at: file) }
        #expect(throws: StartError.self) {
            try ServerUnderTest("log-file: \(file.path)\n", ports: (host.port1, host.port2))
        }
        #expect(try String(contentsOf: file, encoding: .utf8).contains("STUN port 1 not opened"))
    }

    @Test("after a stop the ports are free")
    func stop() throws {
        let host = try ServerUnderTest("")
        host.server.stop()
        try UDPSocket.probe(host.address())
    }

    @Test("many clients are spread over the workers, and the statistics add them up")
    func manyWorkers() async throws {
        let host = try ServerUnderTest("workers: 4\nstatistics-rows: 50\n")
        let clients = try (0..<60).map { _ in try TestClient(connectingTo: host.address()) }
        for client in clients { try client.send(binding) }
        for client in clients { _ = try client.receive() }
        let statistics = try await host.server.statistics(StatisticsQuery())
        #expect(statistics.rows.count == 50)
        #expect(statistics.totalSources == 50)
        #expect(try await host.counter("answers-rfc8489") == 60)
    }
}
