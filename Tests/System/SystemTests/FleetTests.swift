import Foundation
import Testing

@Suite("Three servers with one address each answer for one another (the manual's other STUN servers)")
struct FleetTests {
    private static let places = Places(2)

    @Test(
        "Each client names the NAT as with a server that has two addresses; also when one of three is dead, and back",
        .enabled(if: Partners.canBuildNATs, Comment(rawValue: Partners.reasonAgainstNamespaces ?? "")),
        .timeLimit(.minutes(10)),
        arguments: NATKind.allCases
    )
    func sameVerdicts(kind: NATKind) async throws {
        try await Self.places.withPlace {
            try await Fleet.with(kind) { fleet in
                try await fleet.running(0) { _ in
                    try await fleet.running(1) { _ in
                        try await fleet.running(2) { third in
                            try await fleet.wait(until: 0, sees: 2)
                            try await expectVerdicts(kind, fleet, "with three servers")
                            third.signal(SIGKILL)
                            _ = try await third.exitCode()
                        }
                        try await fleet.wait(until: 0, sees: 1)
                        try await expectVerdicts(kind, fleet, "with one of three dead")
                        try await fleet.running(2) { _ in
                            try await fleet.wait(until: 0, sees: 2)
                            try await expectVerdicts(kind, fleet, "with the third server back")
                        }
                    }
                }
            }
        }
    }

    @Test(
        "With no other server left a change of port is answered still, and a change of address is not",
        .enabled(if: Partners.canBuildNATs, Comment(rawValue: Partners.reasonAgainstNamespaces ?? ""))
    )
    func alone() async throws {
        try await Fleet.with(.none, purpose: "alone") { fleet in
            try await fleet.running(0, settings: ["log-level": "6"]) { server in
                // Until then it waits for the others, which are not there.
                #expect(await server.wait { $0.output.contains("try:") })
                let verdict = try await Client.stun.verdict(
                    on: UDPClient.Endpoint(Fleet.addresses[0], 3478),
                    source: Namespaces.clientAddress,
                    namespace: fleet.client
                )
                // What this client says of a server that has one address and two ports.
                #expect(verdict.contains("Firewall"))
                let isTold = await server.wait { $0.output.contains("Change IP request not answered") }
                #expect(isTold, "\(server.state.output)")
            }
        }
    }

    @Test(
        "Discoveries that repeat their requests all end right while servers are killed and come back, one after the other",
        .enabled(if: Partners.canBuildNATs, Comment(rawValue: Partners.reasonAgainstNamespaces ?? "")),
        .timeLimit(.minutes(5)),
        arguments: ["rfc5780", "rfc3489"]
    )
    func killed(dialect: String) async throws {
        try await Fleet.with(.fullcone2, purpose: dialect) { fleet in
            try await fleet.running(0) { first in
                try await fleet.running(1) { second in
                    try await fleet.running(2) { third in
                        for server in 0..<3 { try await fleet.wait(until: server, sees: 2) }
                        async let discoveries = fleet.discovery(
                            Fleet.addresses[0],
                            Fleet.addresses[1],
                            Fleet.addresses[2],
                            "--dialect",
                            dialect,
                            "--seconds",
                            "36",
                            limit: .seconds(110)
                        )
                        try await withThrowingTaskGroup { group in
                            for (server, program) in [first, second, third].enumerated() {
                                group.addTask { try await Self.kill(program, server, of: fleet) }
                            }
                            try await group.waitForAll()
                        }
                        let end = try await discoveries
                        #expect(end.exitCode == 0, "\(end.output)")
                    }
                }
            }
        }
    }

    /// Kills a server when it is its turn, each ten seconds one of the three, and starts it again four seconds later.
    private static func kill(_ program: Program, _ server: Int, of fleet: Fleet) async throws {
        try await Task.sleep(for: .seconds(3 + 10 * server))
        program.signal(SIGKILL)
        _ = try await program.exitCode()
        try await Task.sleep(for: .seconds(4))
        try await fleet.running(server) { _ in try await Task.sleep(for: .seconds(50 - 10 * server)) }
    }

    private func expectVerdicts(_ kind: NATKind, _ fleet: Fleet, _ when: Comment) async throws {
        let expected = try #require(NATTests.verdicts[kind])
        for client in [Client.stun, .pystun3, .natdiscovery] where Partners.has(client.path) {
            let verdict = try await client.verdict(
                on: UDPClient.Endpoint(Fleet.addresses[0], 3478),
                source: Namespaces.clientAddress,
                namespace: fleet.client
            )
            #expect(verdict == expected[client], "\(client), \(when)")
        }
    }
}
