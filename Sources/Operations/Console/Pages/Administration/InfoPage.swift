import Administration
import Foundation
import HTTPTypes
import ServerSettings

/// The manual's "Version" (section 4.5): which server this is, what it can do, and whether it does.
struct InfoPage: ConsolePage {
    let name = "info"
    let administrator: Administrator
    let version: String

    private struct Fact: Sendable {
        let term: String
        let values: [String]
    }

    private struct Outcome: Sendable {
        let check: String
        let isGood: Bool
        let finding: Prose
    }

    private struct Model: Sendable {
        let action: String
        let canEdit: Bool
        let licensePath: String
        let version: String
        let facts: [Fact]
        let features: [Fact]
        let readiness: [Outcome]
        let isReady: Bool
        let hasSelfTest: Bool
        let selfTest: [Outcome]
        let isSelfTestGood: Bool
        let warnings: [Prose]
    }

    func show(_ request: PageRequest) async throws -> PageBody { try await body(request, selfTest: nil) }

    func act(_ form: Fields, _ request: PageRequest) async throws -> PageAction {
        guard form["do"] == "selftest" else { throw ConsoleError(.badRequest, .badRequest, "do") }
        return .show(try await body(request, selfTest: await administrator.server.selfTest()))
    }

    private func body(_ request: PageRequest, selfTest: [Check]?) async throws -> PageBody {
        let status = try await administrator.server.status()
        let readiness = await administrator.server.readiness()
        let fleet = try await administrator.server.fleet()
        return PageBody(
            template: "info",
            model: Model(
                action: request.path(name),
                canEdit: request.isAdmin,
                licensePath: request.path("license"),
                version: version,
                facts: facts(status, request.texts),
                features: features(status, fleet, request.texts),
                readiness: readiness.checks.map { Self.outcome($0, request.texts) },
                isReady: readiness.isReady,
                hasSelfTest: selfTest != nil,
                selfTest: (selfTest ?? []).map { Self.outcome($0, request.texts) },
                isSelfTestGood: selfTest?.allSatisfy(\.isGood) ?? false,
                warnings: status.warnings.map { Prose($0, request.texts) }
            )
        )
    }

    private static func outcome(_ check: Check, _ texts: Texts) -> Outcome {
        Outcome(
            check: texts.said(check.name) ?? check.name,
            isGood: check.isGood,
            finding: Prose(check.text, texts)
        )
    }

    private func facts(_ status: ServerStatus, _ texts: Texts) -> [Fact] {
        [
            Fact(term: texts("info_uptime"), values: [HumanText.duration(status.uptime)]),
            Fact(term: texts("info_licence"), values: licence(status.license ?? .free, texts)),
            Fact(term: texts("info_build"), values: [Self.build]),
            Fact(term: texts("info_system"), values: [ProcessInfo.processInfo.operatingSystemVersionString]),
            Fact(term: texts("info_process"), values: [String(status.pid)]),
            Fact(term: texts("info_workers"), values: [String(status.workers)]),
            Fact(term: texts("info_engine"), values: [status.engine.sentence]),
            Fact(term: texts("info_sandbox"), values: [status.sandbox ?? texts("info_none")]),
            Fact(term: texts("info_files"), values: [files(status, texts)]),
            Fact(term: texts("info_listeners"), values: status.listeners),
            Fact(term: texts("info_console"), values: [status.consoleURL ?? texts("info_console_closed")]),
            Fact(term: texts("info_file"), values: [status.settingsFile]),
            Fact(term: texts("info_folder"), values: [status.stateFolder]),
        ]
    }

    /// The kind and, where there is one, the end.
    private func licence(_ license: LicenseState, _ texts: Texts) -> [String] {
        let lastDay = license.lastDay.map { "\(texts("license_last_day")): \($0)" }
        return [texts("license_\(license.kind.rawValue)")] + (lastDay.map { [$0] } ?? [])
    }

    private func features(_ status: ServerStatus, _ fleet: FleetReport, _ texts: Texts) -> [Fact] {
        let settings = administrator.server.settings.settings
        func state(_ isOn: Bool) -> String { texts(isOn ? "info_on" : "info_off") }
        let relays = status.relay?.addresses.map { address in
            let local = address.localAddress.map { " (\($0))" } ?? ""
            return address.address + local + ": " + texts("info_ports", "\(address.portsFree)", "\(address.portsTotal)")
        }
        let hasIPv6 = status.listeners.contains { $0.contains("[") }
        return [
            Fact(term: texts("info_dialects"), values: [texts("info_dialects_all")]),
            Fact(term: texts("info_discovery"), values: [texts("info_discovery_\(discovery(fleet))")]),
            Fact(term: texts("info_turn"), values: [state(status.relay != nil)]),
            Fact(term: texts("info_relays"), values: relays ?? [texts("info_none")]),
            Fact(term: texts("info_memory"), values: [memory(status, texts)]),
            Fact(term: "IPv6", values: [state(hasIPv6)]),
            Fact(term: texts("info_encryption"), values: encryption(status, hasDTLS: settings.dtls, texts)),
            Fact(term: texts("info_login"), values: [state(administrator.asksForLogin)]),
        ]
    }

    /// Where answers for another address come from: this host's second one, the other servers, or nowhere.
    private func discovery(_ fleet: FleetReport) -> String {
        if !administrator.server.settings.settings.secondAddress.isEmpty { return "both" }
        let others = fleet.servers.filter { $0.kind == .classic || $0.kind == .peer && fleet.hasKey }
        if others.contains(where: { $0.kind == .peer && $0.isUsable }) { return "fleet" }
        if others.contains(where: \.isUsable) { return "foreign" }
        return others.isEmpty ? "port" : "lost"
    }

    private func encryption(_ status: ServerStatus, hasDTLS: Bool, _ texts: Texts) -> [String] {
        guard let certificate = status.certificate else { return [texts("info_off")] }
        return [hasDTLS ? "TLS, DTLS" : "TLS"] + certificate.names
            + [
                texts(certificate.isValid ? "info_certificate_until" : "info_certificate_invalid", certificate.expires),
                "SHA-256 \(certificate.fingerprint)",
            ]
    }

    private func files(_ status: ServerStatus, _ texts: Texts) -> String {
        guard let files = status.files else { return texts("info_none") }
        return texts("info_files_of", "\(files.open)", "\(files.limit)", "\(files.relaySockets)")
    }

    private func memory(_ status: ServerStatus, _ texts: Texts) -> String {
        guard let memory = status.relay?.memory else { return texts("info_none") }
        return texts("info_memory_of", memory.usedText, memory.limitText ?? texts("info_unlimited"))
    }

    /// What the program was built with.
    private static var build: String {
        #if compiler(>=6.4)
        let compiler = "Swift 6.4+"
        #elseif compiler(>=6.3)
        let compiler = "Swift 6.3"
        #else
        let compiler = "Swift 6.2"
        #endif
        #if DEBUG
        return compiler + ", debug"
        #else
        return compiler + ", release"
        #endif
    }
}
