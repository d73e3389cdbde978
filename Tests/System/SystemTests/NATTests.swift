import Foundation
import Testing

@Suite("Real clients behind real NATs, against ours and the reference servers")
struct NATTests {
    /// What each client says of each kind when it talks to its reference server.
    ///
    /// stunclient asks once, then for an answer from the other address and port, then for one at another port of its
    /// own (RESPONSE-PORT): so it counts to three only where everything comes through. Behind `fullcone2` it stops at
    /// one, since nothing was ever sent from that other port and so the NAT has no mapping for it.
    static let verdicts: [NATKind: [Client: String]] = [
        .none: [
            .stun: "Open", .pystun3: "Open Internet",
            .natdiscovery: mapping("Endpoint Independent", "Endpoint Independent"),
            .stunclient: responses(3),
        ],
        .fullcone: [
            .stun: "Independent Mapping, Independent Filter, preserves ports, no hairpin", .pystun3: "Full Cone",
            .natdiscovery: mapping("Endpoint Independent", "Endpoint Independent"), .stunclient: responses(3),
        ],
        .fullcone2: [
            .stun: "Independent Mapping, Independent Filter, preserves ports, no hairpin", .pystun3: "Full Cone",
            .natdiscovery: mapping("Endpoint Independent", "Endpoint Independent"), .stunclient: responses(1),
        ],
        .addr: [
            .stun: "Independent Mapping, Address Dependent Filter, preserves ports, no hairpin",
            .pystun3: "Restric NAT",
            .natdiscovery: mapping("Endpoint Independent", "Address Dependent"), .stunclient: responses(1),
        ],
        .port: [
            .stun: "Independent Mapping, Port Dependent Filter, preserves ports, no hairpin",
            .pystun3: "Restric Port NAT",
            .natdiscovery: mapping("Endpoint Independent", "Address and Port Dependent"), .stunclient: responses(1),
        ],
        .sym: [
            .stun: "Dependent Mapping, random port, no hairpin", .pystun3: "Symmetric NAT",
            .natdiscovery: mapping("Address and Port Dependent", "Address and Port Dependent"),
            .stunclient: responses(1),
        ],
        // For RFC 5780 a firewall is a NAT that maps nothing and filters by address and port.
        .symfw: [
            .stun: "Firewall", .pystun3: "Symmetric UDP Firewall",
            .natdiscovery: mapping("Endpoint Independent", "Address and Port Dependent"), .stunclient: responses(1),
        ],
        .blocked: [
            .stun: "Blocked or could not reach STUN server", .pystun3: "Blocked", .natdiscovery: "no answer",
            .stunclient: responses(0),
        ],
    ]

    @Test(
        "Each client names the NAT as it does with its reference server",
        .enabled(if: Partners.canBuildNATs, Comment(rawValue: Partners.reasonAgainstNamespaces ?? "")),
        .timeLimit(.minutes(5)),
        arguments: NATKind.allCases
    )
    func sameVerdicts(kind: NATKind) async throws {
        let expected = try #require(Self.verdicts[kind])
        // At most four at a time: the clients of 2001 wait about a second for all their answers together.
        try await Self.places.withPlace {
            try await Namespaces.with(kind) { namespaces in
                let verdicts = try await verdicts(client: namespaces.client, server: namespaces.server)
                for (question, verdict) in verdicts {
                    #expect(verdict == expected[question.client], "\(question.client) with \(question.server)")
                }
                #expect(!verdicts.isEmpty)
            }
        }
    }

    /// A server as in most clouds: each of its two addresses is mapped to one outside.
    ///
    /// Nobody outside has a way to the addresses that it has itself. The namespaces are taken the other way round: the
    /// server is in the one behind the NAT.
    @Test(
        "Behind a NAT that maps both of its addresses one to one, the server tells clients those outside",
        .enabled(if: Partners.canBuildNATs, Comment(rawValue: Partners.reasonAgainstNamespaces ?? "")),
        .timeLimit(.minutes(3))
    )
    func mappedServer() async throws {
        try await Namespaces.with(.port, purpose: "mapped") { namespaces in
            let nat = String(namespaces.client.dropLast("client".count)) + "nat"
            let pairs = ["198.18.7.1": "10.77.0.2", "198.18.7.2": "10.77.0.3"]
            func elements(_ pairs: some Sequence<(String, String)>) -> String {
                pairs.map { "\($0) : \($1)" }.joined(separator: ", ")
            }
            let rules = """
                flush ruleset
                table ip one {
                    map in { type ipv4_addr : ipv4_addr; elements = { \(elements(pairs.map { ($0, $1) })) } }
                    map out { type ipv4_addr : ipv4_addr; elements = { \(elements(pairs.map { ($1, $0) })) } }
                    chain pre { type nat hook prerouting priority -100; iifname "outside" dnat to ip daddr map @in; }
                    chain post { type nat hook postrouting priority 100; oifname "outside" snat to ip saddr map @out; }
                }
                """
            let commands = [
                ["ip", "-n", namespaces.client, "address", "add", "10.77.0.3/24", "dev", "eth0"],
                ["ip", "-n", nat, "address", "add", "198.18.7.2/24", "dev", "outside"],
                ["ip", "netns", "exec", nat, "nft", rules],
            ]
            for command in commands {
                let end = try await Program.run(command)
                try #require(end.exitCode == 0, "\(end.output)")
            }
            try await withTemporaryFolder { folder in
                let ports = try Ports.free()
                let settings = [
                    "address": "10.77.0.2", "second-address": "10.77.0.3", "turn": "off",
                    "external-ip": "198.18.7.1 198.18.7.2/10.77.0.3",
                    "stun-port-1": "\(ports.first)", "stun-port-2": "\(ports.second)",
                ]
                let command = try StundCommand(folder: folder, settings: settings).arguments
                try await Program.running(command, namespace: namespaces.client) { server in
                    try await waitUntilBound(server, ports, namespace: namespaces.client)
                    for client in [Client.stun, .natdiscovery] where Partners.has(client.path) {
                        let verdict = try await client.verdict(
                            on: UDPClient.Endpoint("198.18.7.1", ports.first),
                            source: Namespaces.serverAddress,
                            namespace: namespaces.server
                        )
                        #expect(verdict == Self.verdicts[.none]?[client], "\(client)")
                    }
                }
            }
        }
    }

    private static let places = Places(4)

    private struct Question: Hashable, Sendable {
        let client: Client
        let server: Server
    }

    /// Runs all three servers beside each other and asks each client about ours and about its reference.
    private func verdicts(client namespace: String, server: String) async throws -> [Question: String] {
        let first = Namespaces.serverAddress
        let second = Namespaces.serverSecondAddress
        let ports: [Server: Ports] = [
            .ours: Ports(first: 3478, second: 3479), .vovida: Ports(first: 4478, second: 4479),
            .coturn: Ports(first: 5478, second: 5479),
        ]
        func running(_ servers: ArraySlice<Server>) async throws -> [Question: String] {
            if let next = servers.first, let itsPorts = ports[next] {
                return try await next.running(on: first, and: second, ports: itsPorts, namespace: server) {
                    try await running(servers.dropFirst())
                }
            }
            return try await withThrowingTaskGroup { group in
                for client in Client.allCases where Partners.has(client.path) {
                    for asked in [.ours, client.reference] {
                        guard let port = ports[asked]?.first else { continue }
                        group.addTask {
                            let endpoint = UDPClient.Endpoint(first, port)
                            let verdict = try await client.verdict(
                                on: endpoint,
                                source: Namespaces.clientAddress,
                                namespace: namespace
                            )
                            return (Question(client: client, server: asked), verdict)
                        }
                    }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
        }
        return try await running(Server.allCases[...])
    }

    private static func mapping(_ mapping: String, _ filtering: String) -> String {
        "\(mapping) Mapping, \(filtering) Filtering"
    }

    private static func responses(_ count: Int) -> String { "\(count) RFC 5780 responses" }
}
