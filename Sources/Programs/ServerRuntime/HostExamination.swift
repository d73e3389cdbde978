public import Addresses
public import Administration
import Foundation
import PacketEngine
import ServerCore
public import ServerSettings

/// What was found on this host, and what to do about it: a line of `stund doctor`.
public struct Finding: Codable, Hashable, Sendable {
    /// How it is.
    public enum State: String, Codable, Sendable {
        /// As it should be.
        case good
        /// The server works, but not as somebody may expect.
        case warning
        /// The server does not start, or clients cannot use it.
        case bad
    }

    /// What was looked at, such as `ports`.
    public var check: String
    /// How it is.
    public var state: State
    /// What was found.
    public var finding: String
    /// What to do; empty when there is nothing to do.
    public var remedy: String

    /// Makes a finding.
    public init(_ check: String, _ state: State, _ finding: String, remedy: String = "") {
        self.check = check
        self.state = state
        self.finding = finding
        self.remedy = remedy
    }

    /// Takes a sentence of the form `what is wrong; what to do` apart.
    public init(_ check: String, _ state: State, sentence: String) {
        let end = Self.endOfFinding(sentence)
        let finding = String(sentence[..<(end?.lowerBound ?? sentence.endIndex)])
        self.init(
            check,
            state,
            Self.beginning(finding),
            remedy: end.map { Self.beginning(String(sentence[$0.upperBound...])) } ?? ""
        )
    }

    /// What a check of a running server found.
    public init(_ check: Check) {
        self.init(check.name, check.isGood ? .good : .bad, check.text)
    }

    /// The first semicolon with a space that stands in no parentheses.
    private static func endOfFinding(_ sentence: String) -> Range<String.Index>? {
        var depth = 0
        for index in sentence.indices {
            switch sentence[index] {
            case "(": depth &+= 1
            case ")": depth &-= 1
            case ";" where depth == 0 && sentence[index...].hasPrefix("; "):
                return index..<sentence.index(index, offsetBy: 2)
            default: continue
            }
        }
        return nil
    }

    private static func beginning(_ text: String) -> String {
        // The name of a setting is written as in the file.
        let isName = Settings.key(named: String(text.prefix { $0 != " " && $0 != ":" })) != nil
        let text = (isName ? String(text.prefix(1)) : text.prefix(1).uppercased()) + text.dropFirst()
        return text.hasSuffix(".") ? text : text + "."
    }
}

/// Looks at this host as a server with these settings would find it; nothing is changed and nobody is asked.
public struct HostExamination {
    let settings: Settings
    private let sandboxPlan: SandboxPlan?
    private let host = HostAddresses.all()

    /// Looks with these settings.
    ///
    /// - `settingsFile`, `paths`: where the server has them, and what it must remember.
    public init(_ settings: Settings, settingsFile: String? = nil, paths: StatePaths? = nil) {
        self.settings = settings
        sandboxPlan = settingsFile.flatMap { file in
            paths.map { SandboxPlan(settings, settingsFile: file, paths: $0) }
        }
    }

    /// All findings; `isRunning`: a server has the ports already.
    public func findings(isRunning: Bool) -> [Finding] {
        var findings = LiveServer.addressObstacles(settings).map { Finding("addresses", .bad, sentence: $0) }
        do throws(StartError) {
            let plan = try ListenPlan(settings, host: host)
            if !isRunning { findings += ports(plan) }
            findings.append(secondAddress(plan))
        } catch {
            findings.append(Finding("addresses", .bad, sentence: error.description))
        }
        findings += relayAddresses()
        findings += files()
        findings += sandbox(settings.sandbox, sandboxPlan)
        findings.append(Finding(LiveServer.clockCheck(RelayService.unixSeconds)))
        findings += certificate()
        findings += peers()
        return findings
    }

    // MARK: Ports and addresses

    private func ports(_ plan: ListenPlan) -> [Finding] {
        let obstacles = Listeners.obstacles(plan)
        var findings = obstacles.errors.map { Finding("ports", .bad, sentence: $0.description) }
        if !obstacles.ofSystemd.isEmpty {
            findings.append(
                Finding(
                    "ports",
                    .good,
                    "systemd keeps \(obstacles.ofSystemd.joined(separator: ", ")) for a .socket unit; a server that it starts by "
                        + "that gets them.",
                    remedy: "`systemctl list-sockets` must name stund.service beside them."
                )
            )
        } else if findings.isEmpty {
            let (udp, tcp) = Self.ports(of: plan)
            findings.append(
                Finding("ports", .good, "Nobody else has the ports: UDP \(udp)\(tcp.isEmpty ? "" : ", TCP \(tcp)").")
            )
        }
        let address = settings.httpAddress.first ?? IPAddress.unspecified(.v4)
        let console = SocketAddress(address, port: settings.httpPort)
        do throws(SocketError) {
            try TCPListener.probe(console)
        } catch {
            if error.isAddressInUse, PortHolder.isSystemd(console, tcp: true) { return findings }
            let holder = error.isAddressInUse ? PortHolder.describe(console, tcp: true).map { "held by \($0)" } : nil
            findings.append(
                Finding(
                    "console",
                    .warning,
                    "The console's port \(console.port) cannot be opened: \(holder ?? "\(error)"). It takes 5068 or the next free one.",
                    remedy: "Set http-port to another port, or free this one."
                )
            )
        }
        return findings
    }

    private func secondAddress(_ plan: ListenPlan) -> Finding {
        let pairs = [plan.v4, plan.v6].compactMap { ends in
            ends.primary.flatMap { one in ends.alternate.map { (one, $0) } }
        }
        if let (one, other) = pairs.first {
            let ends = one.family == .v4 ? plan.v4 : plan.v6
            // Whether only one of the two is known by another address outside.
            if (ends.primaryExternal == nil) != (ends.alternateExternal == nil) {
                let bare = ends.primaryExternal == nil ? one : other
                return Finding(
                    "second address",
                    .warning,
                    "external-ip says what stands for one of \(one) and \(other), and clients are told \(bare) as it is.",
                    remedy: "If a NAT maps \(bare) too, name it in external-ip, as external/\(bare)."
                )
            }
            let told = (ends.primaryExternal ?? one, ends.alternateExternal ?? other)
            return Finding("second address", .good, "Clients can test their NAT by \(told.0) and \(told.1).")
        }
        let others = host.map(\.address).filter { $0.family == .v4 && !$0.isLoopback && !$0.isLinkLocal }
        let advice =
            others.count > 1
            ? "This host has \(others.map(\.description).joined(separator: " and ")): address and second-address name two of them."
            : ""
        return Finding(
            "second address",
            .good,
            settings.otherStunServers.isEmpty
                ? "There is none, so that clients learn their address, but only half of what their NAT does (docs/nat-discovery.md)."
                : "There is none; other-stun-servers answer from theirs.",
            remedy: advice
        )
    }

    private func relayAddresses() -> [Finding] {
        guard settings.turn else { return [Finding("relay", .good, "turn is off: nothing is relayed.")] }
        let plan = RelayPlan(settings, outgoing: HostAddresses.outgoing)
        guard !plan.addresses.isEmpty else {
            return [Finding("relay", .bad, sentence: StartError.noRelayAddress.description)]
        }
        var findings: [Finding] = []
        for address in plan.addresses {
            let words = address.external == address.local ? "" : ", which stands for \(address.local) of this host"
            do throws(SocketError) {
                _ = try UDPSocket(
                    bindingTo: SocketAddress(address.local, port: 0),
                    sharesPort: false,
                    bufferSize: 65_536
                )
                findings.append(Finding("relay", .good, "Clients are told \(address.external)\(words)."))
            } catch {
                let reason = StartError.relayAddress(address.local, "\(error)").description
                findings.append(Finding("relay", .bad, sentence: reason))
            }
        }
        return findings + plan.warnings.map { Finding("relay", .warning, sentence: $0) }
    }

    /// Where peers and clients reach a relay, for `ask`: what this host has, and what clients are told.
    public var relayPairs: [(local: IPAddress, external: IPAddress)] {
        RelayPlan(settings, outgoing: HostAddresses.outgoing).addresses.map { ($0.local, $0.external) }
    }

    // MARK: Limits, certificate and peers

    private func files() -> [Finding] {
        do throws(StartError) {
            let warnings = try LiveServer.limitWarnings(settings)
            guard warnings.isEmpty else { return warnings.map { Finding("limits", .warning, sentence: $0) } }
            return [
                Finding(
                    "limits",
                    .good,
                    "Up to \(FileLimit.raise()) files may be open, and memory is enough for the relay ports."
                )
            ]
        } catch {
            return [Finding("limits", .bad, sentence: error.description)]
        }
    }

    private func certificate() -> [Finding] {
        switch CertificatePreview(settings) {
        case .none:
            [
                Finding(
                    "certificate",
                    .good,
                    "There is none, so neither TLS nor DTLS is served: networks that let only TLS through keep clients out.",
                    remedy: "tls-certificate names one (docs/certificates.md)."
                )
            ]
        case .good(let sentence, warning: nil): [Finding("certificate", .good, sentence + ".")]
        case .good(_, let warning?): [Finding("certificate", .warning, sentence: warning)]
        case .bad(let fault): [Finding("certificate", .bad, sentence: fault)]
        }
    }

    // MARK: What a firewall must let in

    /// The ports that clients and peers come to, as nft takes them: `3478, 3479, 49152-65535`; empty for none.
    public var neededPorts: (udp: String, tcp: String) {
        guard let plan = try? ListenPlan(settings, host: host) else { return ("", "") }
        let (udp, tcp) = Self.ports(of: plan)
        let relay = settings.turn ? "\(settings.relayPorts.lowerBound)-\(settings.relayPorts.upperBound)" : ""
        let join = { (parts: [String]) in parts.filter { !$0.isEmpty }.joined(separator: ", ") }
        // Peers connect to the relay's TCP ports (RFC 6062 section 5.3).
        return (join([udp, relay]), join([tcp, settings.tcpRelay ? relay : ""]))
    }

    private static func ports(of plan: ListenPlan) -> (udp: String, tcp: String) {
        let text = { (ports: [UInt16]) in Set(ports).sorted().map { "\($0)" }.joined(separator: ", ") }
        return (text(plan.sockets.map(\.local.port)), text(plan.streams.map(\.local.port)))
    }
}
