import Administration
import Foundation
import ServerSettings

/// What the template `setup_preview` shows: what a change does before it is saved.
struct SetupPreviewModel: Sendable {
    struct Row: Sendable {
        let key: String
        let label: String
        let before: String
        let after: String
        let effect: String
    }

    struct Line: Sendable {
        let line: String
        let isAdded: Bool
        let isRemoved: Bool
    }

    struct Hidden: Sendable {
        let name: String
        let value: String
    }

    let action: String
    let rows: [Row]
    let diff: [Line]
    let warnings: [String]
    let hidden: [Hidden]
    /// Asks whether the other servers of the fleet shall have the change too; nil where there are none, or nothing is for them.
    let others: String?
    /// What they do not get.
    let onlyHere: String?

    init(
        _ preview: SettingsPreview,
        _ entries: SetupEntries,
        _ report: SettingsReport,
        pending: String,
        servers: [String],
        _ request: PageRequest
    ) {
        let texts = request.texts
        action = request.path("admin")
        rows = preview.rows.map { row in
            let field = report.fields.first { $0.name == row.key }
            func shown(_ text: String?) -> String {
                guard text == nil, let value = field?.defaultValue, !value.isEmpty else {
                    return SetupModel.shown(text, texts, isSecret: field?.isSecret ?? true)
                }
                return texts("settings_default_of", value)
            }
            let needsRestart = row.needsRestart
            return Row(
                key: row.key,
                label: texts["label_\(row.key)"] ?? row.key,
                before: shown(row.before),
                after: shown(row.after),
                effect: texts(needsRestart ? "settings_at_restart" : "settings_at_once")
            )
        }
        diff = preview.fileDiff.map { line in
            Line(line: line, isAdded: line.hasPrefix("+"), isRemoved: line.hasPrefix("-"))
        }
        warnings = preview.warnings
        var hidden = [Hidden(name: "pending", value: pending)]
        for (key, text) in entries.values.sorted(by: { $0.key < $1.key }) where entries.secrets[key] == nil {
            // Without a text, a secret is removed and any other setting gets its default.
            let isRemoval = text == nil && Settings.key(named: key)?.isSecret == true
            hidden.append(
                isRemoval
                    ? Hidden(name: SetupEntries.removal(key), value: "on")
                    : Hidden(name: SetupEntries.field(key), value: text ?? "")
            )
        }
        self.hidden = hidden
        let own = preview.rows.map(\.key).filter { Settings.key(named: $0)?.isOfOneHost ?? true }
        let isForAll = !servers.isEmpty && own.count < preview.rows.count
        others = isForAll ? texts("setup_also_fleet", ShownText(servers.joined(separator: ", "), most: 300).text) : nil
        onlyHere = isForAll && !own.isEmpty ? texts("setup_also_fleet_not", own.joined(separator: ", ")) : nil
    }
}

/// What the template `setup_fleet` shows: what became of a change on the other servers.
struct SetupFleetModel: Sendable {
    struct Outcome: Sendable {
        let server: String
        let problem: String?
    }

    let outcomes: [Outcome]
    let moved: SetupMovedModel?
    let back: String
    let fleet: String

    init(_ outcomes: [Fleet.Outcome], moved: SetupMovedModel?, _ request: PageRequest) {
        self.outcomes = outcomes.map { outcome in
            Outcome(
                server: ShownText(outcome.server, most: 120).text,
                problem: outcome.problem.map { FleetWords.reason($0, request.texts) }
            )
        }
        self.moved = moved
        back = request.path("admin")
        fleet = request.path("fleet")
    }
}

/// What the template `setup_moved` shows: where the console is from now on.
struct SetupMovedModel: Sendable {
    let sentence: String
    let links: [String]
    let isOnOtherPort: Bool

    /// Nil when the console stays where it is, with the same login.
    init?(from before: Settings, to after: Settings, _ request: PageRequest) {
        let (old, new) = (ConsoleAddress(before), ConsoleAddress(after))
        let isSameLogin = before.httpPasswordHash == after.httpPasswordHash && before.httpUser == after.httpUser
        guard old != new || !isSameLogin else { return nil }
        isOnOtherPort = old.ports.first != new.ports.first
        sentence = request.texts(old == new ? "setup_login_again" : "setup_moves")
        guard old != new, let port = new.ports.first else {
            links = [request.path("admin")]
            return
        }
        // Whoever sits at this host, or at the end of a tunnel, needs no name.
        let isOnLoopback = new.isLocal || new.hosts.contains("::") || new.hosts.contains("0.0.0.0")
        let local = isOnLoopback ? [ConsoleAddress.url(host: "127.0.0.1", port: Int(port), name: "")] : []
        let names = new.hosts.map {
            ConsoleAddress.url(host: $0, port: Int(port), name: ProcessInfo.processInfo.hostName)
        }
        links = (names + local).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
}
