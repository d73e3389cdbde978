import Foundation
import Testing

@Suite("The console of one server shows and drains the others")
struct FleetAPITests {
    @Test(
        "Statistics are those of all; another server is drained and taken back, and its log tells who asked and where",
        .enabled(if: Partners.canBuildNATs, Comment(rawValue: Partners.reasonAgainstNamespaces ?? "")),
        .enabled(if: Partners.has("curl"), "needs curl"),
        .timeLimit(.minutes(2))
    )
    func drain() async throws {
        try await Fleet.with(.none, purpose: "console") { fleet in
            try await fleet.runningAll { servers in
                try await fleet.wait(until: 0, sees: 2)
                let statistics = try await api(fleet, "GET", "fleet/statistics")
                #expect(statistics.contains(#""missing":[]"#), "\(statistics)")
                let other = Fleet.addresses[1] + ":3478"
                let begun = try await api(fleet, "POST", "fleet/drain", #"{"server": "\#(other)", "stay": true}"#)
                #expect(begun.contains(#""state":"draining""#) || begun.contains(#""state":"drained""#), "\(begun)")
                let isTold = await servers[1].wait {
                    $0.output.contains(#"Drain began: "anybody on this host on "#) && $0.output.contains("(fleet)")
                }
                #expect(isTold, "\(servers[1].state.output)")
                // The others go on, and see it by its heartbeats.
                try await fleet.wait(until: 0, sees: 1)
                #expect(!servers[0].state.output.contains("Drain") && !servers[2].state.output.contains("Drain"))
                let ended = try await api(fleet, "DELETE", "fleet/drain?server=\(other)")
                #expect(ended.contains(#""state":"serving""#), "\(ended)")
                try await fleet.wait(until: 0, sees: 2)
                let unknown = try await api(fleet, "POST", "fleet/drain", #"{"server": "192.0.2.1"}"#)
                #expect(unknown.contains("no server of the fleet is called 192.0.2.1"), "\(unknown)")
            }
        }
    }

    /// What the API of the first server answers, asked on its host.
    private func api(_ fleet: Fleet, _ method: String, _ path: String, _ body: String? = nil) async throws -> String {
        let content = body.map { ["--header", "Content-Type: application/json", "--data", $0] } ?? []
        // The console opens after the ports for clients.
        let patience = ["--retry", "20", "--retry-connrefused", "--retry-delay", "1"]
        let command = ["curl", "--silent", "--show-error"] + patience + ["--request", method] + content
        let address = "http://127.0.0.1:5068/api/v1/\(path)"
        return try await Program.run(command + [address], namespace: fleet.namespace(of: 0)).output
    }
}
