import Foundation
import Testing

@Suite(
    "A server of three that drains sends new clients to the others (RFC 8489 section 10)",
    .enabled(if: Partners.canBuildNATs, Comment(rawValue: Partners.reasonAgainstNamespaces ?? "")),
    .timeLimit(.minutes(3))
)
struct FleetRedirectTests {
    private static let settings = [
        "turn-users": "\(Relay.user):\(Relay.password)", "allow-peers": "198.18.0.0/15", "rfc5766-channels": "on",
        "drain-time": "0",
    ]

    /// Runs `body` when the first of three servers has two healthy others and drains.
    nonisolated(nonsending) private func withDraining(
        _ purpose: String,
        _ body: (Fleet, [Program]) async throws -> Void
    ) async throws {
        try await Fleet.with(.none, purpose: purpose) { fleet in
            try await fleet.runningAll(settings: Self.settings) { servers in
                try await fleet.wait(until: 0, sees: 2)
                let drain = try await fleet.stund(0, "drain", "--stay")
                #expect(drain.exitCode == 0, "\(drain.output)")
                try await body(fleet, servers)
            }
        }
    }

    /// How often servers answered an Allocate with success, and how often they sent somebody away.
    private func counts(_ fleet: Fleet) async throws -> (granted: [Int], redirected: [Int]) {
        var counts = (granted: [Int](), redirected: [Int]())
        for server in Fleet.addresses.indices {
            let lines = try await fleet.stund(server, "metrics").lines
            func value(_ name: String) -> Int {
                lines.first { $0.hasPrefix(name + " ") }.flatMap { Int($0.split(separator: " ")[1]) } ?? -1
            }
            counts.granted.append(value(#"stund_turn_granted_total{method="allocate"}"#))
            counts.redirected.append(value(#"stund_redirects_total{cause="draining"}"#))
        }
        return counts
    }

    @Test(
        "coturn's client follows: its call goes through another server, and none of it is lost",
        .enabled(if: Partners.has("turnutils_uclient"), "needs turnutils_uclient, of Debian's coturn")
    )
    func coturn() async throws {
        try await withDraining("coturn") { fleet, _ in
            let call = ["turnutils_uclient", "-y", "-c", "-n", "20", "-u", Relay.user, "-w", Relay.password]
            let end = try await Program.run(call + [Fleet.addresses[0]], namespace: fleet.client, limit: .seconds(60))
            #expect(end.output.contains("Total lost packets 0 (0.000000%)"), "\(end.output)")
            let counts = try await counts(fleet)
            #expect(counts.granted[0] == 0 && counts.granted[1] + counts.granted[2] >= 2, "\(counts)")
            #expect(counts.redirected[0] >= 1 && counts.redirected[1...] == [0, 0], "\(counts)")
        }
    }

    @Test(
        "Chromium follows: two browsers exchange a megabyte each way through another server",
        .enabled(if: Partners.has("chromium", "python3"), "needs chromium and python3")
    )
    func chromium() async throws {
        try await Places.heavy.withPlace {
            try await withDraining("chromium") { fleet, _ in
                let clients = ["--namespace", fleet.client, "--namespace", fleet.client]
                let turn = ["--turn", Fleet.addresses[0] + ":3478", "--user", Relay.user, "--password", Relay.password]
                let end = try await BrowserTests.run(
                    ["exchange", "--bytes", "1000000", "--limit", "90"] + clients + turn
                )
                let counts = try await counts(fleet)
                let view = end.exitCode == 0 ? "" : try await fleet.stund(0, "fleet").output
                #expect(end.exitCode == 0, "\(counts)\n\(view)\n\(end.output)")
                #expect(counts.granted[0] == 0 && counts.granted[1] + counts.granted[2] >= 2, "\(counts)")
            }
        }
    }

    @Test(
        "aioice, which does not know ALTERNATE-SERVER, gets no relay, and one when the drain is taken back",
        .enabled(if: Partners.hasPythonPeers, "needs aiortc of PyPI (`Scripts/install-packages test` fetches it)")
    )
    func aioice() async throws {
        try await withDraining("aioice") { fleet, _ in
            let turn = ["--turn", Fleet.addresses[0] + ":3478", "--user", Relay.user, "--password", Relay.password]
            let refused = try await PythonPeerTests.run(["ice"] + turn, namespace: fleet.client)
            #expect(refused.exitCode == 1, "\(refused.output)")
            #expect(try await counts(fleet).granted == [0, 0, 0])
            _ = try await fleet.stund(0, "drain", "--cancel")
            let served = try await PythonPeerTests.run(["ice"] + turn, namespace: fleet.client)
            #expect(served.exitCode == 0, "\(served.output)")
        }
    }

    @Test(
        "libnice follows: two agents talk through another server",
        .enabled(if: Partners.hasLibnice, "needs Debian's python3-gi and gir1.2-nice-0.1")
    )
    func libnice() async throws {
        try await withDraining("libnice") { fleet, _ in
            let command = ["/usr/bin/python3", "-B", Partners.helpers + "/libnice_peers.py"]
            let turn = ["--turn", Fleet.addresses[0] + ":3478", "--user", Relay.user, "--password", Relay.password]
            let end = try await Program.run(command + turn, namespace: fleet.client, limit: .seconds(60))
            #expect(end.exitCode == 0, "\(end.output)")
            let counts = try await counts(fleet)
            #expect(counts.granted[0] == 0 && counts.granted[1] + counts.granted[2] >= 2, "\(counts)")
        }
    }

    @Test("When the other two drain as well nobody is named, and a drain that is taken back is named again")
    func others() async throws {
        try await withDraining("others") { fleet, _ in
            for server in 1...2 { _ = try await fleet.stund(server, "drain", "--stay") }
            let call = ["turnutils_uclient", "-y", "-c", "-n", "1", "-u", Relay.user, "-w", Relay.password]
            let ask = {
                try await Program.run(call + [Fleet.addresses[0]], namespace: fleet.client, limit: .seconds(60)).output
            }
            try await waitUntil("no other server is named") { try await ask().contains("error 508") }
            _ = try await fleet.stund(2, "drain", "--cancel")
            try await waitUntil("the third server is named") { try await ask().contains("Total lost packets 0 ") }
            let counts = try await counts(fleet)
            #expect(counts.granted[1] == 0 && counts.granted[2] >= 2, "\(counts)")
        }
    }
}
