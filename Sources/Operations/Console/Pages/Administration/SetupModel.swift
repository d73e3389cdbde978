import Administration
import Foundation

/// What the template `setup` shows.
struct SetupModel: Sendable {
    /// What somebody should know who opens a console without password.
    struct Hint: Sendable {
        let sentences: [String]
        let tunnel: String

        init(port: Int, _ texts: Texts) {
            sentences = ["setup_open_1", "setup_open_2", "setup_open_3"].map { texts($0) }
            tunnel = "ssh -L \(port):127.0.0.1:\(port) \(ProcessInfo.processInfo.hostName)"
        }
    }

    /// Settings under a heading.
    struct Group: Sendable {
        let anchor: String
        let heading: String
        let fields: [SetupField]
    }

    /// A fault with a link to its field.
    struct Fault: Sendable {
        let target: String
        let name: String?
        let message: String
    }

    /// A change that was made.
    struct Change: Sendable {
        struct Row: Sendable {
            let name: String
            let before: String
            let after: String
        }

        let id: Int64
        let time: String
        let person: String
        let rows: [Row]
        let canUndo: Bool
    }

    let file: String
    let action: String
    let canEdit: Bool
    let notice: String?
    let hint: Hint?
    let hasFileProblems: Bool
    let fileProblems: [String]
    let hasFaults: Bool
    let faults: [Fault]
    let groups: [Group]
    let pending: String
    let hasHistory: Bool
    let history: [Change]
    let moreHistory: String?

    init(
        _ report: SettingsReport,
        _ entries: SetupEntries,
        history: [SettingsHistoryEntry],
        moreHistory: String?,
        hint: Hint?,
        notice: String?,
        pending: String,
        _ request: PageRequest
    ) {
        file = report.file
        action = request.path("admin")
        canEdit = request.isAdmin
        self.notice = notice
        self.hint = hint
        hasFileProblems = !report.problems.isEmpty
        fileProblems = report.problems
        groups = SetupGroups.make(report).map { group, fields in
            Group(
                anchor: "g-" + group,
                heading: request.texts("settings_group_\(group)"),
                fields: fields.flatMap { SetupField.fields($0, entries, request) }
            )
        }
        faults = Self.faults(entries, report, request.texts)
        hasFaults = !faults.isEmpty
        self.pending = pending
        self.moreHistory = moreHistory
        hasHistory = !history.isEmpty
        self.history = history.map { Self.change($0, report, request) }
    }

    private static func faults(_ entries: SetupEntries, _ report: SettingsReport, _ texts: Texts) -> [Fault] {
        let names = [""] + report.fields.map(\.name)
        let unknown = entries.faults.keys.filter { !names.contains($0) }.sorted()
        return (names + unknown).flatMap { name in
            (entries.faults[name] ?? []).map { message in
                Fault(
                    target: name == SetupEntries.passwordKey ? "password" : SetupEntries.field(name),
                    name: names.dropFirst().contains(name) ? texts["label_\(name)"] ?? name : nil,
                    message: SetupField.message(message, of: name, texts)
                )
            }
        }
    }

    private static func change(
        _ entry: SettingsHistoryEntry,
        _ report: SettingsReport,
        _ request: PageRequest
    ) -> Change {
        let texts = request.texts
        let secrets = Set(report.fields.filter(\.isSecret).map(\.name))
        let person = entry.by.map { texts("settings_by_\($0.way.rawValue)", TerminalText.visible($0.name)) }
        return Change(
            id: entry.id,
            time: ShownLogEntry.time(entry.time),
            person: person ?? texts("settings_by_hand"),
            rows: entry.rows.map { row in
                .init(
                    name: row.key,
                    before: shown(row.before, texts, isSecret: secrets.contains(row.key)),
                    after: shown(row.after, texts, isSecret: secrets.contains(row.key))
                )
            },
            canUndo: request.isAdmin && entry.rows.allSatisfy { $0.before == nil || !secrets.contains($0.key) }
        )
    }

    /// The text of a value in a history or preview.
    static func shown(_ text: String?, _ texts: Texts, isSecret: Bool) -> String {
        guard !isSecret else { return texts(text == nil ? "setup_secret_not_set" : "setup_secret_set") }
        switch text {
        case nil: return texts("settings_default")
        case "": return texts("settings_empty")
        case let text?: return TerminalText.visible(text)
        }
    }
}

/// The headings that settings stand under.
enum SetupGroups {
    /// The fields of the manual's form (section 4.4) in its order.
    private static let manual = [
        "other-stun-servers", "stun-port-1", "stun-port-2", "default-binding-duration", "log-level",
    ]
    private static let web = [
        "http-port", "http-user", "http-password-hash", "http-address", "http-tls", "http-metrics-open",
    ]

    /// The settings in their groups, those of the manual first.
    static func make(_ report: SettingsReport) -> [(group: String, fields: [SettingsReport.Field])] {
        let byName = Dictionary(report.fields.map { ($0.name, $0) }) { first, _ in first }
        var result = [("manual", manual.compactMap { byName[$0] }), ("web", web.compactMap { byName[$0] })]
        let first = Set(manual + web)
        for field in report.fields where !first.contains(field.name) {
            if let index = result.firstIndex(where: { $0.0 == field.group }) {
                result[index].1.append(field)
            } else {
                result.append((field.group, [field]))
            }
        }
        return result.filter { !$0.1.isEmpty }.map { (group: $0.0, fields: $0.1) }
    }
}
