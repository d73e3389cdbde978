import Testing

@Suite("Real clients on loopback, against ours and the reference server")
struct LoopbackClientTests {
    /// Without a NAT between them, with two addresses and two ports: what each client must find.
    static let verdicts: [Client: String] = [
        .stun: "Open",
        .pystun3: "Open Internet",
        .natdiscovery: "Endpoint Independent Mapping, Endpoint Independent Filtering",
        .stunclient: "3 RFC 5780 responses",
    ]

    @Test("A client finds the same with ours as with its reference server", arguments: Client.allCases)
    func sameVerdict(client: Client) async throws {
        guard Partners.has(client.path) else { try Test.cancel("needs \(client)") }
        let expected = try #require(Self.verdicts[client])
        #expect(try await verdict(of: client, with: client.reference) == expected)
        #expect(try await verdict(of: client, with: .ours) == expected)
    }

    /// With one address no answer comes from another one: to a classic client, a firewall's silence.
    ///
    /// It learns its own address all the same. RFC 5780 is not offered, so its clients end with the plain answer. There is no
    /// reference for this: vovida's server does not run with one address.
    static let verdictsOfOneAddress: [Client: String] = [
        .stun: "Firewall",
        .pystun3: "Symmetric UDP Firewall",
        .natdiscovery: "no RFC 5780 answer",
        .stunclient: "0 RFC 5780 responses",
    ]

    @Test("With one address a client ends in order, without a verdict that needs two", arguments: Client.allCases)
    func oneAddress(client: Client) async throws {
        guard Partners.has(client.path) else { try Test.cancel("needs \(client)") }
        #expect(try await verdict(of: client, with: .ours, second: nil) == Self.verdictsOfOneAddress[client])
    }

    @Test("Every client is here to be asked, on loopback and behind NATs")
    func everyClient() throws {
        // A client that is missing is left out by the tests with arguments, and none of their results shows it.
        let missing = Client.allCases.filter { !Partners.has($0.path) }
        for verdicts in [Self.verdicts, Self.verdictsOfOneAddress] + NATTests.verdicts.values {
            #expect(Set(verdicts.keys) == Set(Client.allCases))
        }
        guard missing.isEmpty else {
            try Test.cancel("not installed, so never asked: \(missing.map(\.rawValue).joined(separator: ", "))")
        }
    }

    private func verdict(
        of client: Client,
        with server: Server,
        second: String? = "127.0.0.2"
    ) async throws -> String {
        let ports = try Ports.free()
        return try await server.running(on: "127.0.0.1", and: second, ports: ports) {
            try await client.verdict(on: .init("127.0.0.1", ports.first), source: "127.0.0.1")
        }
    }
}
