import Addresses
import Administration
import ArgumentParser
import NameService
import ServerRuntime
import ServerSettings

/// `stund dns`: what the zone should say of the server, and what it says.
struct DNSCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dns",
        abstract: "Print lines for the zone of a domain, and compare them with what the zone has now.",
        discussion: """
            The lines are for what the settings enable: addresses, SRV for STUN and TURN over UDP, TCP, TLS and DTLS, NAPTR for TURN. Comments begin with \
            a semicolon, so that all of it can be put into a zone file. It ends with 0 when the zone is right, with 1 when \
            something is missing or differs, and with 69 when no name server answers.
            """
    )

    @OptionGroup var file: FileOption

    @Argument(help: ArgumentHelp("The domain that clients are told, such as example.org.", valueName: "domain"))
    var domain: String

    @Option(
        help: ArgumentHelp("The name of this host in the zone (default: stun. and the domain).", valueName: "name")
    )
    var host: String?

    @Option(
        help: ArgumentHelp(
            "The name server to ask, an IP address with or without a port (default: that of this host).",
            valueName: "address"
        )
    )
    var server: String?

    @Flag(help: "Only print the lines; ask no name server.")
    var noCheck = false

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard Self.name(domain) != nil else {
            throw ValidationError("\"\(TerminalText.oneLine(domain))\" is no domain such as example.org.")
        }
        if let host, Self.name(host) == nil {
            throw ValidationError("--host takes the name of this host, such as stun.example.org, without a port.")
        }
        if let server, Self.nameServer(server) == nil {
            throw ValidationError(
                "--server takes the IP address of a name server, and a port if need be (192.0.2.53:5353)."
            )
        }
    }

    func run() async throws {
        let settings = try StorePlace(file).settings().settings
        let domain = Self.name(domain) ?? domain
        let plan = ZonePlan(domain: domain, host: host.flatMap(Self.name) ?? "stun.\(domain)", settings)
        let findings = noCheck ? nil : await check(plan)
        let report = ZoneReport(plan, findings, askedAt: server)
        print(json ? try jsonText(report) : report.text, terminator: "")
        if let status = report.status { throw ExitCode(status.rawValue) }
    }

    private func check(_ plan: ZonePlan) async -> [ZoneFinding] {
        let servers = server.flatMap(Self.nameServer).map { [$0] } ?? []
        let names = NameService(servers: servers, readsHostsFile: false)
        defer { names.stop() }
        return await ZoneCheck(plan, by: names).findings()
    }

    /// A host name in lower case without a dot at its end; nil when the text is none that services can stand before.
    static func name(_ text: String) -> String? {
        let text = text.hasSuffix(".") ? String(text.dropLast()) : text
        guard !text.contains(":"), text.utf8.count <= ZonePlan.longestDomain, IPAddress(text) == nil else { return nil }
        guard let server = OtherServer(text), !server.isClassic else { return nil }
        return server.host
    }

    /// Where a name server answers: port 53 unless another one is named.
    static func nameServer(_ text: String) -> SocketAddress? {
        if let pair = SocketAddress(text) { return pair.port == 0 ? nil : pair }
        let isBracketed = text.hasPrefix("[") && text.hasSuffix("]")
        return IPAddress(isBracketed ? String(text.dropFirst().dropLast()) : text).map { SocketAddress($0, port: 53) }
    }
}

/// What `stund dns` prints.
struct ZoneReport: Encodable {
    let domain: String
    let host: String
    /// The lines of the zone file.
    let lines: [String]
    /// What was found; nil when nobody was asked.
    let findings: [ZoneFinding]?
    let text: String

    private enum CodingKeys: CodingKey {
        case domain, host, lines, findings
    }

    init(_ plan: ZonePlan, _ findings: [ZoneFinding]?, askedAt server: String?) {
        domain = plan.domain
        host = plan.host
        lines = plan.lines
        self.findings = findings
        var lines = ["; Lines for the zone \(plan.domain), of stund \(Version.current)"] + plan.lines
        let told = Self.schemes(plan).map { "\($0):\(plan.domain)" }.joined(separator: ", ")
        lines.append("; Clients that know SRV and NAPTR are told \(told) (RFC 7064, RFC 7065), without a port.")
        lines.append("; Others, such as browsers, ask for addresses only:")
        lines += Self.uris(plan).map { ";   \($0)" }
        if let findings {
            lines += [";", "; The zone now, as \(server ?? "the name server of this host") has it:"]
            let width = ZoneFinding.State.allCases.map(\.rawValue.count).max() ?? 0
            lines += findings.map { finding in
                let word = finding.state.rawValue
                let padding = String(repeating: " ", count: width - word.count)
                return "; \(word)\(padding)  \(finding.record): \(finding.text)"
            }
            lines.append("; \(Self.verdict(findings))")
        }
        text = lines.map { TerminalText.oneLine($0) + "\n" }.joined()
    }

    private static func schemes(_ plan: ZonePlan) -> [String] {
        let isSecure = plan.securePort != nil
        return ["stun"] + (isSecure ? ["stuns"] : [])
            + (plan.naming.isEmpty ? [] : ["turn"] + (isSecure ? ["turns"] : []))
    }

    /// What clients are told that ask for no SRV: host and port.
    private static func uris(_ plan: ZonePlan) -> [String] {
        let place = "\(plan.host):\(plan.port ?? OtherServer.defaultPort)"
        var uris = ["stun:\(place)"]
        if let port = plan.securePort { uris.append("stuns:\(plan.host):\(port)") }
        guard !plan.naming.isEmpty else { return uris }
        uris.append("turn:\(place)?transport=udp")
        if plan.servesTCP { uris.append("turn:\(place)?transport=tcp") }
        if let port = plan.securePort { uris.append("turns:\(plan.host):\(port)?transport=tcp") }
        return uris
    }

    /// The exit code; nil when all is right.
    var status: ExitStatus? {
        let states = Set((findings ?? []).map(\.state))
        if states.contains(.unanswered) { return .unavailable }
        return states.contains(.missing) || states.contains(.differs) ? .difference : nil
    }

    private static func verdict(_ findings: [ZoneFinding]) -> String {
        let count = { (states: ZoneFinding.State...) in findings.count { states.contains($0.state) } }
        let unanswered = count(.unanswered)
        if unanswered > 0 {
            return "\(HumanText.count(unanswered, "question")) of \(findings.count) got no answer: see --server, and "
                + "/etc/resolv.conf."
        }
        let wrong = count(.missing, .differs)
        guard wrong == 0 else { return "\(wrong) of \(findings.count) should be changed." }
        return count(.unknown) == 0 ? "The zone is right." : "Nothing is wrong, as far as it can be told from here."
    }
}
