import Administration
import ServerSettings

/// The manual's "Licensing" (section 4.3): whether a key is needed and right, and what the program is made of.
struct LicensePage: ConsolePage {
    let name = "license"
    let administrator: Administrator

    private struct Package: Sendable {
        let package: String
        let license: String
    }

    private struct Model: Sendable {
        let address: String
        /// The kind of licence in words.
        let kind: String
        let isFree: Bool
        let key: String
        /// One or none.
        let lastDays: [String]
        let troubles: [String]
        let text: String
        let packages: [Package]
    }

    /// What the program is linked with: packages of Package.swift and what those need, then libraries.
    private static let packages: [(String, String)] =
        [("GRDB.swift", "MIT"), ("Yams", "MIT")]
        + [
            "hummingbird", "swift-argument-parser", "swift-async-algorithms", "swift-atomics", "swift-collections",
            "swift-configuration", "swift-distributed-tracing", "swift-http-types", "swift-log", "swift-metrics",
            "swift-mustache", "swift-nio", "swift-nio-extras", "swift-service-context", "swift-service-lifecycle",
            "swift-system", "Swift", "OpenSSL",
        ].map { ($0, "Apache-2.0") }
        + [("SQLite", "Public domain"), ("c-ares", "MIT"), ("hiredis", "BSD-3-Clause")]

    func show(_ request: PageRequest) async throws -> PageBody {
        let status = try await administrator.server.status()
        let license = status.license ?? .free
        return PageBody(
            template: "license",
            model: Model(
                address: license.address ?? Self.address(status),
                kind: request.texts("license_\(license.kind.rawValue)"),
                isFree: license.kind == .free,
                key: administrator.server.settings.settings.licenseKey ?? "",
                lastDays: license.lastDay.map { [$0] } ?? [],
                troubles: license.trouble.map { [$0] } ?? [],
                text: EmbeddedTexts.files["LICENSE"] ?? "",
                packages: Self.packages.map { Package(package: $0, license: $1) }
            )
        )
    }

    /// The address that clients know the server by, as far as it knows that itself.
    private static func address(_ status: ServerStatus) -> String {
        if let address = status.relay?.addresses.first?.address { return address }
        let listener = status.listeners.first?.split(separator: " ").last ?? ""
        return listener.lastIndex(of: ":").map { String(listener[..<$0]) } ?? String(listener)
    }
}
