import Foundation
import Testing

@Suite("stund license")
struct LicenseCommandTests {
    @Test("A vendor makes a key, issues a licence for an address, and the server of that address takes it")
    func wholeWay() async throws {
        try await withTemporaryFolder { folder in
            let vendor = folder + "/vendor.key"
            func stund(_ words: String...) async throws -> Program.State {
                try await Program.run([Partners.stund, "license"] + words)
            }
            let made = try await stund("key", vendor)
            let open = try #require(made.lines.first { $0.hasPrefix("license-vendor-key: ") })
            let mode = try FileManager.default.attributesOfItem(atPath: vendor)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            #expect(try await stund("key", vendor).exitCode == 73)
            let issued = try await stund("issue", vendor, "--address", "127.0.0.1", "--demonstration")
            let key = try #require(issued.lines.last { $0.hasPrefix("stund-dem-127.0.0.1-") }, "\(issued.output)")
            let settings = folder + "/stund.yaml"
            try "\(open)\nlicense-key: \(key)\n".write(toFile: settings, atomically: true, encoding: .utf8)
            let shown = try await stund("show", "--config", settings)
            #expect(shown.exitCode == 0 && shown.output.hasPrefix("licence: demonstration, for 127.0.0.1, until "))
            try "\(open)\nlicense-key: \(key.dropLast(3))\n".write(toFile: settings, atomically: true, encoding: .utf8)
            let cut = try await stund("--config", settings)
            #expect(cut.exitCode == 1 && cut.output.contains("unlicensed"), "\(cut.output)")
            #expect(try await stund("issue", vendor, "--address", "nowhere").exitCode == 64)
            #expect(
                try await stund("issue", vendor, "--address", "127.0.0.1", "--demonstration", "--days", "31").exitCode
                    == 65
            )
            #expect(try await stund("issue", folder + "/none", "--address", "127.0.0.1").exitCode == 66)
            try "no key".write(toFile: folder + "/bad", atomically: true, encoding: .utf8)
            #expect(try await stund("issue", folder + "/bad", "--address", "127.0.0.1").exitCode == 65)
        }
    }
}
