import ClusterStore
import Testing

@testable import stund

@Suite("stund drain --server and --all-servers: by the Redis of the fleet")
struct FleetDrainTests {
    private func fleet() async throws -> (MemoryClusterStore, FleetDrain) {
        let store = MemoryClusterStore()
        for (name, host) in [("192.0.2.1:3478", "one"), ("192.0.2.2:3478", "two"), ("192.0.2.3:3478", "two")] {
            try await store.publish(FleetMember(name: name, host: host), expiresIn: .seconds(600))
        }
        return (store, FleetDrain(store))
    }

    private func failure(_ work: () async throws -> String) async -> Failure? {
        do {
            _ = try await work()
            return nil
        } catch {
            return error as? Failure
        }
    }

    @Test("One is asked by its name or that of its host, and it is taken back by either")
    func one() async throws {
        let (store, fleet) = try await fleet()
        for (begin, cancel) in [("192.0.2.1:3478", "one"), ("one", "192.0.2.1:3478")] {
            let text = try await fleet.begin(server: begin)
            #expect(text.contains("`stund drain --cancel --server 192.0.2.1:3478` takes it back"))
            #expect(try await store.drains() == DrainSignals(members: ["192.0.2.1:3478"]))
            #expect(try await fleet.cancel(server: cancel).contains("is no longer asked"))
            #expect(try await store.drains() == DrainSignals())
        }
        // One that has stopped meanwhile, too.
        try await store.setDrain(.member("192.0.2.9:3478"))
        _ = try await fleet.cancel(server: "192.0.2.9:3478")
        #expect(try await store.drains() == DrainSignals())
    }

    @Test("All are asked, which leaves those that are asked by name")
    func all() async throws {
        let (store, fleet) = try await fleet()
        _ = try await fleet.begin(server: "one")
        #expect(try await fleet.begin(server: nil).contains("--cancel --all-servers"))
        #expect(try await fleet.cancel(server: "one").contains("but all are: `stund drain --cancel --all-servers`"))
        _ = try await fleet.begin(server: "one")
        #expect(try await fleet.cancel(server: nil).contains("but these are by name: 192.0.2.1:3478"))
        #expect(try await store.drains() == DrainSignals(members: ["192.0.2.1:3478"]))
    }

    @Test("A name that is none, one of two servers, and what was not asked are refused, and nothing is changed")
    func refused() async throws {
        let (store, fleet) = try await fleet()
        let unknown = await failure { try await fleet.begin(server: "three") }
        #expect(unknown?.status == .dataError && unknown?.description.contains("192.0.2.1:3478 (one)") == true)
        let two = await failure { try await fleet.begin(server: "two") }
        #expect(
            two?.description
                == "two is the host of several servers, name one of them: 192.0.2.2:3478 (two), 192.0.2.3:3478 (two)"
        )
        let idle = await failure { try await fleet.cancel(server: "one") }
        #expect(idle?.description == "one is not asked to drain by name; no server is")
        #expect(await failure { try await fleet.cancel(server: nil) } != nil)
        #expect(try await store.drains() == DrainSignals())
    }
}
