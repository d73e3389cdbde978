import Testing

@Suite("Answers leave from the address that was asked, or from the one that was asked for")
struct AddressTests {
    @Test("Without an address set, each local address answers as itself, on both ports")
    func wildcard() async throws {
        let ports = try Ports.free()
        try await withStund(["stun-port-1": "\(ports.first)", "stun-port-2": "\(ports.second)"], ports) {
            for address in ["127.0.0.1", "127.0.0.5", "127.7.7.7"] + (Partners.hasIPv6 ? ["::1"] : []) {
                for port in [ports.first, ports.second] {
                    for message in [WireMessage.modern(), .classic()] {
                        let client = try UDPClient(address)
                        let asked = UDPClient.Endpoint(address, port)
                        let answer = try client.ask(asked, message.bytes)
                        #expect(answer?.from == asked)
                        #expect(WireAnswer(answer?.bytes ?? [])?.type == 0x0101)
                    }
                }
            }
        }
    }

    @Test("With two addresses, each of the four sockets answers from the one that CHANGE-REQUEST names")
    func fourSockets() async throws {
        let ports = try Ports.free()
        let addresses = ["127.0.0.1", "127.0.0.2"]
        try await Server.ours.running(on: addresses[0], and: addresses[1], ports: ports) {
            let client = try UDPClient()
            for asked in 0..<4 {
                for flags in 0..<4 {
                    let change = WireMessage.change(address: flags & 2 != 0, port: flags & 1 != 0)
                    for message in [WireMessage.modern(change), .classic(change)] {
                        let endpoint = Self.endpoint(asked, addresses, ports)
                        let answer = try client.ask(endpoint, message.bytes)
                        #expect(answer?.from == Self.endpoint(asked ^ flags, addresses, ports), "\(endpoint) \(flags)")
                        let decoded = WireAnswer(answer?.bytes ?? [])
                        #expect(decoded?.transactionID == message.transactionID)
                    }
                }
            }
        }
    }

    @Test("With one address, the old dialect changes the port only, and RFC 5780 is not offered")
    func oneAddress() async throws {
        let ports = try Ports.free()
        try await Server.ours.running(on: "127.0.0.1", and: nil, ports: ports) {
            let client = try UDPClient()
            let server = UDPClient.Endpoint("127.0.0.1", ports.first)
            let portChange = WireMessage.change(address: false, port: true)
            let addressChange = WireMessage.change(address: true, port: false)

            let changed = try client.ask(server, WireMessage.classic(portChange).bytes)
            #expect(changed?.from == .init("127.0.0.1", ports.second))
            let silence = try client.ask(server, WireMessage.classic(addressChange).bytes, within: 300)
            #expect(silence == nil)
            // RFC 5780 section 7.2: a server with one address refuses the attribute as unknown.
            for change in [portChange, addressChange] {
                let refused = try client.ask(server, WireMessage.modern(change).bytes)
                #expect(WireAnswer(refused?.bytes ?? [])?.errorCode == 420)
            }
            let plain = WireAnswer(try client.ask(server, WireMessage.modern().bytes)?.bytes ?? [])
            #expect(plain?.type == 0x0101)
            #expect(plain?.value(0x802C) == nil, "OTHER-ADDRESS")
        }
    }

    @Test(
        "IPv6: the client's own address and port come back",
        .enabled(if: Partners.hasIPv6, "this host has no IPv6 loopback")
    )
    func ipv6() async throws {
        let ports = try Ports.free()
        try await Server.ours.running(on: "::1", and: nil, ports: ports) {
            let client = try UDPClient("::1")
            let answer = try client.ask(.init("::1", ports.first), WireMessage.modern().bytes)
            #expect(answer?.from == .init("::1", ports.first))
            // RFC 8489 section 14.2: family 2, port and address XORed with the cookie and the transaction id.
            let decoded = try #require(WireAnswer(answer?.bytes ?? []))
            let value = try #require(decoded.value(0x0020))
            #expect(value.count == 20 && value[1] == 2)
            #expect(decoded.port(0x0020).map { $0 ^ 0x2112 } == client.local.port)
            let address = zip(value.suffix(16), decoded.transactionID).map { $0 ^ $1 }
            #expect(address == [UInt8](repeating: 0, count: 15) + [1])
        }
    }

    @Test(
        "IPv6: coturn's client is told its own address",
        .enabled(if: Partners.hasIPv6, "this host has no IPv6 loopback"),
        .enabled(if: Partners.has("turnutils_stunclient"), "needs turnutils_stunclient")
    )
    func ipv6OfClient() async throws {
        let ports = try Ports.free()
        try await Server.ours.running(on: "::1", and: nil, ports: ports) {
            let command = ["stdbuf", "-oL", "turnutils_stunclient", "-p", "\(ports.first)", "::1"]
            let output = try await Program.run(command, limit: .seconds(5)).output
            #expect(output.contains("IPv6. UDP reflexive addr: ::1:"), "\(output)")
        }
    }

    private static func endpoint(_ number: Int, _ addresses: [String], _ ports: Ports) -> UDPClient.Endpoint {
        .init(addresses[number >> 1], number & 1 == 0 ? ports.first : ports.second)
    }
}

/// Runs `body` beside the server under test with these settings.
nonisolated(nonsending) func withStund<Result: Sendable>(
    _ settings: [String: String],
    _ ports: Ports,
    _ body: () async throws -> Result
) async throws -> Result {
    try await withTemporaryFolder { folder in
        let command = try StundCommand(folder: folder, settings: settings)
        return try await Program.running(command.arguments) { program in
            try await waitUntilBound(program, ports)
            return try await body()
        }
    }
}
