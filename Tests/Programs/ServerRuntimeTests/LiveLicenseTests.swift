import Addresses
import Administration
import Observability
import Synchronization
import TestSockets
import Testing

@testable import ServerRuntime

@Suite("A vendor's licence key in a running server")
struct LiveLicenseTests {
    private let binding: [UInt8] = [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]

    private func vendor() throws -> (secret: [UInt8], open: String) {
        try LicenseKey.vendorKey(String(repeating: "5f", count: 32))
    }

    private func key(isDemonstration: Bool) throws -> String {
        try LicenseKey.issue(
            for: IPAddress(v4: 0x7F00_0001),
            isDemonstration: isDemonstration,
            days: nil,
            now: RelayService.unixSeconds,
            secret: try vendor().secret
        )
    }

    @Test(
        "Without a right key message 1022 says why and the statistics keep 10 rows; a key lifts that at the next reload"
    )
    func reload() async throws {
        let open = try vendor().open
        let host = try ServerUnderTest("license-vendor-key: \(open)\nstatistics-rows: 50\n")
        let codes = try await host.server.log(LogQuery()).entries.map(\.code)
        #expect(codes.contains(1022))
        #expect(try await host.server.status().license?.kind == .unlicensed)
        #expect(try await host.server.status().warnings.contains { $0.contains("no licence key is entered") })
        #expect(host.server.rememberedSources == 10)
        // Nobody who asks notices.
        let client = try TestClient(connectingTo: host.address())
        try client.send(binding)
        _ = try client.receive()

        try host.rewrite(
            "license-vendor-key: \(open)\nstatistics-rows: 50\nlicense-key: \(try key(isDemonstration: true))\n"
        )
        try await host.server.reload()
        #expect(try await host.server.status().license?.kind == .demonstration)
        #expect(host.server.rememberedSources == 10)

        try host.rewrite(
            "license-vendor-key: \(open)\nstatistics-rows: 50\nlicense-key: \(try key(isDemonstration: false))\n"
        )
        try await host.server.reload()
        #expect(try await host.server.status().license?.kind == .licensed)
        #expect(host.server.rememberedSources == 50)
    }

    @Test("Without a vendor's key the server is free and tells nothing of licences")
    func free() async throws {
        let host = try ServerUnderTest("license-key: nonsense\n")
        #expect(try await host.server.status().license == .free)
        #expect(host.server.rememberedSources == 100)
        let codes = try await host.server.log(LogQuery()).entries.map(\.code)
        #expect(!codes.contains(1022))
    }

    @Test("A key that ends while the server runs is told once, and the rows are limited from then on")
    func ending() async throws {
        let open = try vendor().open
        let host = try ServerUnderTest("license-vendor-key: \(open)\nlicense-key: \(try key(isDemonstration: false))\n")
        #expect(host.server.rememberedSources == 100)
        // As if it had been another key until now.
        host.server.license.withLock { $0 = .free }
        try host.rewrite("license-vendor-key: \(open)\n")
        try await host.server.reload()
        host.server.license.withLock { $0 = .free }
        try await host.server.clearLog()
        host.server.lookAtLicense()
        host.server.lookAtLicense()
        let codes = try await host.server.log(LogQuery()).entries.map(\.code)
        #expect(codes.filter { $0 == 1022 }.count == 1)
        #expect(host.server.rememberedSources == 10)
    }
}
