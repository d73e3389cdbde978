public import Administration
public import ArgumentParser
import Foundation
import ServerSettings

/// `stund status`: how the running server does.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how the running server does."
    )

    @OptionGroup var file: FileOption

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        guard case .status(let status) = try RunningServerAddress(file).send(.status) else { throw Self.mismatch }
        print(json ? try jsonText(status) : StatusText(status).text, terminator: "")
    }
}

/// `stund log`: the recent log messages of the running server.
struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Show the recent log messages of the running server, oldest first."
    )

    @OptionGroup var file: FileOption

    @Option(help: ArgumentHelp("At most so many messages, the newest ones.", valueName: "n"))
    var limit: Int?

    @Option(help: ArgumentHelp("Only messages of this level and more urgent ones, 0 to 9.", valueName: "n"))
    var level: Int?

    @Option(help: ArgumentHelp("Only messages with this number.", valueName: "n"))
    var code: Int?

    @Option(help: ArgumentHelp("Only messages that contain this text.", valueName: "text"))
    var search: String?

    @Flag(help: "Print each STUN message in words below its bytes.")
    var decode = false

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(help: "Forget the messages instead.")
    var clear = false

    func validate() throws { try Self.check(limit) }

    func run() async throws {
        let server = try RunningServerAddress(file)
        if clear {
            _ = try server.send(.clearLog)
            return
        }
        var query = LogQuery(limit: limit)
        query.level = level
        query.code = code
        query.search = search ?? ""
        guard case .log(let report) = try server.send(.log(query)) else { throw Self.mismatch }
        if json {
            print(try jsonText(report.entries), terminator: "")
        } else if report.lines.isEmpty {
            print(query == LogQuery() ? "No messages yet." : "No such message.")
        } else {
            for (line, entry) in zip(report.lines, report.entries) {
                print(TerminalText.visible(line))
                for words in decode ? entry.decoded ?? [] : [] { print("    " + TerminalText.visible(words)) }
            }
        }
    }
}

/// `stund statistics`: who used the running server.
struct StatisticsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "statistics",
        abstract: "Show who used the running server, newest access first."
    )

    @OptionGroup var file: FileOption

    @Option(help: ArgumentHelp("At most so many sources.", valueName: "n"))
    var limit: Int?

    @Option(help: ArgumentHelp("Only sources whose address contains this text.", valueName: "text"))
    var search: String?

    @Option(help: ArgumentHelp("The order: \(StatisticsQuery.Column.names).", valueName: "column"))
    var sort: StatisticsQuery.Column?

    @Flag(help: "Turn the order round.")
    var reverse = false

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(help: "Forget all sources instead.")
    var clear = false

    func validate() throws { try Self.check(limit) }

    func run() async throws {
        let server = try RunningServerAddress(file)
        if clear {
            _ = try server.send(.clearStatistics)
            return
        }
        var query = StatisticsQuery(limit: limit)
        query.search = search ?? ""
        query.sort = sort ?? query.sort
        query.isReversed = reverse
        guard case .statistics(let report) = try server.send(.statistics(query)) else { throw Self.mismatch }
        print(json ? try jsonText(report) : StatisticsTable(report).text, terminator: "")
    }
}

extension ParsableCommand {
    /// For an answer of another kind than the request's.
    static var mismatch: Failure {
        Failure(.software, "the server gave an answer of another kind: is it of another version than this program?")
    }

    static func check(_ limit: Int?) throws {
        if let limit, limit < 0 { throw ValidationError("--limit takes a number from 0 on.") }
    }
}

extension StatisticsQuery.Column: ExpressibleByArgument {}
extension SessionsQuery.Column: ExpressibleByArgument {}

extension CaseIterable where Self: RawRepresentable<String> {
    /// All of them, for help.
    static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}

/// Readable JSON with a line end.
func jsonText(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
}

/// What `stund status` prints.
struct StatusText {
    let text: String

    init(_ status: ServerStatus) {
        var lines = [
            "stund \(status.version) runs as process \(status.pid) for \(HumanText.duration(status.uptime, parts: 4))",
            "settings file  \(status.settingsFile)",
            "state folder   \(status.stateFolder)",
            "workers        \(status.workers) by \(status.engine.sentence)",
        ]
        if let sandbox = status.sandbox { lines.append("sandbox        \(sandbox)") }
        for (index, listener) in status.listeners.enumerated() {
            lines.append((index == 0 ? "listens on     " : "               ") + listener)
        }
        if let drain = status.drain { lines.insert(drain.sentence, at: 1) }
        let connections = status.connections
        if connections.tcp + connections.dtls + connections.peers > 0 {
            let clients = "\(connections.tcp) by TCP (\(connections.tls) with TLS), \(connections.dtls) by DTLS"
            lines.append("connections    \(clients), \(connections.peers) with peers")
        }
        if let files = status.files {
            lines.append(
                "files          \(files.open) of \(files.limit) open, room for \(files.relaySockets) relay sockets"
            )
        }
        if let url = status.consoleURL { lines.append("console        \(url)") }
        if let certificate = status.certificate {
            let names = certificate.names.isEmpty ? "without a name" : certificate.names.joined(separator: ", ")
            lines.append("certificate    \(names), until \(certificate.expires)")
        }
        if let license = status.license { lines.append("licence        \(license.sentence)") }
        if let relay = status.relay { lines += Self.lines(of: relay) }
        if let store = status.fleetStore {
            let servers = HumanText.count(store.members, "server")
            lines.append(
                "fleet          \(servers) by \(store.place)" + (store.isReached ? "" : ", which does not answer")
            )
        }
        // Zeros would bury the few that tell something; --json has them all.
        let counted = status.counters.filter { $0.value > 0 }
        let width = counted.map(\.name.count).max() ?? 0
        lines += counted.isEmpty ? ["", "nothing received yet"] : [""]
        for counter in counted {
            lines.append(
                counter.name + String(repeating: " ", count: width - counter.name.count) + "  \(counter.value)"
            )
        }
        if !status.warnings.isEmpty { lines.append("") }
        for warning in status.warnings { lines.append("warning: \(warning)") }
        text = lines.map(TerminalText.visible).joined(separator: "\n") + "\n"
    }

    private static func lines(of relay: ServerStatus.Relay) -> [String] {
        let addresses = relay.addresses.enumerated().map { index, address in
            let local = address.localAddress.map { " (here \($0))" } ?? ""
            return (index == 0 ? "relays from    " : "               ")
                + "\(address.address)\(local), \(address.portsFree) of \(address.portsTotal) ports free"
        }
        let realms = relay.realms.joined(separator: ", ")
        return addresses + [
            "realms         \(realms)",
            "accounts       \(HumanText.count(relay.users, "user")), \(HumanText.count(relay.secrets, "secret"))",
            "sessions       \(relay.sessions)",
        ]
            + (relay.memory.map { ["memory         \($0.usedText) of \($0.limitText ?? "unlimited") for allocations"] }
                ?? [])
    }
}
