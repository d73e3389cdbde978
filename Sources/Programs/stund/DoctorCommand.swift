import Addresses
import Administration
import ArgumentParser
import Foundation
import NameService
import ServerRuntime
import ServerSettings

/// `stund doctor`: looks whether this host and its settings are fit for clients, and says what to do.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look whether this host is fit for the settings, and say what to do.",
        discussion: """
            Ports, addresses, relay, limits, clock, certificate, rules for peers and firewall; of a running server its own \
            self-test too. Nothing is changed, and nobody else is asked unless --ask names a STUN server: then that one \
            tells at which address it sees this host. It ends with 0 when nothing is bad, and with 71 when something is.
            """
    )

    @OptionGroup var file: FileOption

    @Option(
        help: ArgumentHelp(
            "A STUN server elsewhere, to be asked at which address it sees this host.",
            valueName: "host:port"
        )
    )
    var ask: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if let ask, OtherServer(ask)?.isClassic != false {
            throw ValidationError(
                "--ask takes a host name or an IP address, and a port if need be (stun.example.org:3478)."
            )
        }
    }

    func run() async throws {
        let place = try StorePlace(file)
        try place.expectSettings()
        let loaded = try place.settings()
        let running = try place.runningStatus()
        let examination = HostExamination(loaded.settings, settingsFile: loaded.file, paths: try file.paths())
        var findings = loaded.warnings.map { Finding("settings", .warning, $0) }
        if findings.isEmpty { findings.append(Finding("settings", .good, "The settings are right.")) }
        if let running {
            findings.append(
                Finding(
                    "server",
                    .good,
                    "A server runs with these settings, as process \(running.pid), and has the ports."
                )
            )
        }
        findings += StartObstacles(loaded).found.map { Finding($0.check, .bad, sentence: $0.sentence) }
        findings += examination.findings(isRunning: running != nil)
        if running != nil { findings += try selfTest() }
        if let ask, let server = OtherServer(ask) { findings += await self.ask(server, examination) }
        findings.append(FirewallLook.finding(needed: examination.neededPorts))
        let report = DoctorReport(findings)
        print(json ? try jsonText(report) : report.text, terminator: "")
        if !report.isFit { throw ExitCode(ExitStatus.osError.rawValue) }
    }

    private func selfTest() throws -> [Finding] {
        guard case .readiness(let report) = try RunningServerAddress(file).send(.selfTest) else { return [] }
        // Clock and certificate are looked at here already.
        return report.checks.filter { !["clock", "certificate"].contains($0.name) }.map { check in
            var finding = Finding(check)
            finding.check = "self-test: \(check.name)"
            return finding
        }
    }

    private func ask(_ server: OtherServer, _ examination: HostExamination) async -> [Finding] {
        var addresses = IPAddress(server.host).map { [$0] } ?? []
        if addresses.isEmpty {
            let names = NameService(servers: [], readsHostsFile: true)
            defer { names.stop() }
            do throws(NameError) {
                addresses = try await names.addresses(of: server.host).records.map(\.address)
            } catch {
                return [Finding("public address", .warning, "\(server.host) cannot be looked up: \(error).")]
            }
        }
        let pairs = examination.relayPairs
        let asked = pairs.compactMap { pair in
            addresses.first { $0.family == pair.local.family }.map { (pair, SocketAddress($0, port: server.port)) }
        }
        guard !asked.isEmpty else {
            return [Finding("public address", .warning, "\(server) has no address of a family that is relayed here.")]
        }
        return asked.map { pair, address in
            Finding(
                AddressProbe.ask(address, from: pair.local),
                server: "\(server)",
                local: pair.local,
                external: pair.external
            )
        }
    }
}

/// What `stund doctor` tells.
struct DoctorReport: Encodable {
    /// Whether nothing is bad.
    let isFit: Bool
    let findings: [Finding]

    init(_ findings: [Finding]) {
        self.findings = findings
        isFit = !findings.contains { $0.state == .bad }
    }

    var text: String {
        let width = 7
        var lines = findings.flatMap { finding in
            let word = finding.state.rawValue
            let padding = String(repeating: " ", count: width - word.count)
            let first = "\(word)\(padding)  \(finding.check): \(finding.finding)"
            return [first] + (finding.remedy.isEmpty ? [] : ["         -> \(finding.remedy)"])
        }
        let (bad, warnings) = (findings.count { $0.state == .bad }, findings.count { $0.state == .warning })
        lines.append("")
        lines.append(
            bad > 0
                ? "\(bad) of \(findings.count) findings \(bad == 1 ? "is" : "are") bad: clients cannot use the server as it is."
                : warnings > 0
                    ? "Nothing is bad; \(warnings) of \(findings.count) findings should be looked at." : "All is well."
        )
        return lines.map { TerminalText.oneLine($0) + "\n" }.joined()
    }
}

/// Looks whether a firewall of this host may keep clients out, as far as nft tells it.
enum FirewallLook {
    /// The part of `nft -j list chains` that matters.
    private struct List: Decodable {
        struct Row: Decodable {
            let chain: Chain?
        }
        let nftables: [Row]
    }

    struct Chain: Decodable, Equatable {
        let family: String
        let table: String
        let name: String
        let hook: String?
        let policy: String?
    }

    static func finding(needed: (udp: String, tcp: String)) -> Finding {
        finding(needed: needed, rules: rules())
    }

    /// - `rules`: what `nft -j list chains` prints; nil when it cannot be asked.
    static func finding(needed: (udp: String, tcp: String), rules: Data?) -> Finding {
        let wanted = [("UDP", needed.udp), ("TCP", needed.tcp)].filter { !$0.1.isEmpty }.map { "\($0.0) \($0.1)" }
        let ports = wanted.joined(separator: " and ")
        guard let rules, let list = try? JSONDecoder().decode(List.self, from: rules) else {
            return Finding(
                "firewall",
                .good,
                "The rules of this host cannot be read here (nft, as root).",
                remedy: "Every firewall between, that of a cloud too, must let \(ports) in."
            )
        }
        let closed = list.nftables.compactMap(\.chain).filter { $0.hook == "input" && $0.policy == "drop" }
        guard let chain = closed.first else {
            return Finding(
                "firewall",
                .good,
                "No chain of nft drops by default what comes in.",
                remedy: "Other firewalls, that of a cloud, say, must let \(ports) in."
            )
        }
        let commands = [("udp", needed.udp), ("tcp", needed.tcp)].filter { !$0.1.isEmpty }.map { name, list in
            "nft add rule \(chain.family) \(chain.table) \(chain.name) \(name) dport '{ \(list) }' accept"
        }
        return Finding(
            "firewall",
            .warning,
            "The chain \(chain.name) of the table \(chain.table) drops by default what comes in.",
            remedy: "If no rule of it lets \(ports) in: \(commands.joined(separator: "; "))"
        )
    }

    private static func rules() -> Data? {
        guard let path = ["/usr/sbin/nft", "/sbin/nft"].first(where: FileManager.default.isExecutableFile) else {
            return nil
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = ["-j", "list", "chains"]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            return nil
        }
        let data = try? output.fileHandleForReading.readToEnd()
        process.waitUntilExit()
        return process.terminationStatus == 0 ? data : nil
    }
}
