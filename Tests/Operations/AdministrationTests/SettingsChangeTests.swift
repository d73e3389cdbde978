import AccountStore
import Foundation
import ServerSettings
import Synchronization
import Testing

@testable import Administration

@Suite("Settings changed while the server runs")
struct SettingsChangeTests {
    private let admin = AdministeredServer.admin

    @Test("All settings are reported, the manual's page first, with value, origin and what waits for a restart")
    func report() async throws {
        let host = try AdministeredServer(
            "log-level: 7\nturn-secrets: web=0123456789abcdef\nstun-port-1: 3480\n",
            flags: ["http-port": "8080"],
            environment: ["STUND_LOG_ROWS": "9"],
            spellings: ["http-port": "--html-port"]
        )
        var report = await host.administrator.settings()
        #expect(
            report.fields.prefix(9).map(\.name) == [
                "other-stun-servers", "stun-port-1", "stun-port-2", "default-binding-duration", "log-level",
                "http-port",
                "http-user", "http-password-hash", "stun-port-2-reads",
            ]
        )
        #expect(Set(report.fields.map(\.name)) == Set(Settings.keys.map(\.name)))
        #expect(report.fields.count == Settings.keys.count && report.problems.isEmpty && report.file == host.file)
        var fields = Dictionary(uniqueKeysWithValues: report.fields.map { ($0.name, $0) })
        #expect(fields["log-level"]?.value == "7" && fields["log-level"]?.origin == "\(host.file):1")
        #expect(fields["log-level"]?.isFixed == false && fields["log-level"]?.group == "logging")
        #expect(fields["http-port"]?.origin == "--html-port" && fields["http-port"]?.isFixed == true)
        #expect(fields["log-rows"]?.origin == "STUND_LOG_ROWS" && fields["log-rows"]?.isFixed == true)
        let secret = try #require(fields["turn-secrets"])
        #expect(secret.value.isEmpty && secret.isSet && secret.isSecret)
        #expect(fields["turn-users"]?.isSet == false && fields["turn"]?.choices == ["on", "off"])
        #expect(fields["stun-port-1"]?.isPending == false)
        _ = try await host.administrator.apply(SettingsChange(["stun-port-1": "3490"]), by: admin)
        try host.edit(try host.content() + "nonsense: 1\n")
        report = await host.administrator.settings()
        fields = Dictionary(uniqueKeysWithValues: report.fields.map { ($0.name, $0) })
        #expect(fields["stun-port-1"]?.isPending == true && fields["stun-port-1"]?.value == "3490")
        #expect(report.problems.count == 1 && report.problems[0].contains(":4: unknown setting \"nonsense\""))
    }

    @Test("A change is shown before it is made, then it is in the file, in force, in the history and in the log")
    func apply() async throws {
        let host = try AdministeredServer("# mine\nlog-level: 7 # loud\nhttp-user: me\n")
        let change = SettingsChange(["log-level": "8", "http-user": nil, "stun-port-1": "3490"])
        let preview = try await host.administrator.preview(change)
        #expect(
            preview.rows == [
                .init(key: "stun-port-1", before: nil, after: "3490", needsRestart: true),
                .init(key: "log-level", before: "7", after: "8", needsRestart: false),
                .init(key: "http-user", before: "me", after: nil, needsRestart: false),
            ]
        )
        #expect(
            preview.fileDiff == [
                " # mine", "-log-level: 7 # loud", "-http-user: me", "+log-level: 8 # loud", "+stun-port-1: 3490",
            ]
        )
        #expect(try host.content() == "# mine\nlog-level: 7 # loud\nhttp-user: me\n")
        #expect(try await host.administrator.settingsHistory(limit: 9).isEmpty)
        #expect(try await host.administrator.apply(change, by: admin) == preview)
        #expect(try host.content() == "# mine\nlog-level: 8 # loud\nstun-port-1: 3490\n")
        #expect(host.server.settings.settings.logLevel == 8)
        let entry = try #require(try await host.administrator.settingsHistory(limit: 9).first)
        #expect(entry.by == admin && entry.rows == preview.rows && entry.time.hasSuffix("Z"))
        #expect(host.told.contains("1119 Setting log-level changed from \"7\" to \"8\" by \"admin\" (console)"))
        #expect(host.told.contains("1119 Setting http-user changed from \"me\" to default by \"admin\" (console)"))
        // The same once more changes nothing.
        #expect(try await host.administrator.apply(change, by: admin).rows.isEmpty)
        #expect(try await host.administrator.settingsHistory(limit: 9).count == 1)
        #expect(host.server.reloads.withLock { $0 } == 1)
    }

    @Test("What is wrong is told under its key, all at once, and nothing changes")
    func refusals() async throws {
        let text = "stun-port-1: 3480\n"
        let host = try AdministeredServer(
            text,
            flags: ["log-level": "3", "http-port": "80"],
            environment: ["STUND_LOG_ROWS": "9"],
            spellings: ["log-level": "--log"]
        )
        let cases: [([String: String?], [String?], String)] = [
            (["log-level": "8"], ["log-level"], "log-level is fixed by --log 3: start the server without it"),
            (["http-port": nil], ["http-port"], "http-port is fixed by --http-port 80"),
            (["log-rows": "8"], ["log-rows"], "fixed by the environment variable STUND_LOG_ROWS"),
            (["stun-port-2": "3480"], ["stun-port-2"], "stun-port-1 and stun-port-2 are both 3480"),
            (["max-lifetime": "1"], ["max-lifetime"], "default-binding-duration"),
            (
                ["log-level": "8", "workers": "0", "turn": "x"], ["log-level", "turn", "workers"],
                "workers: \"0\" is too low"
            ),
            (["nonsense": "1"], ["nonsense"], "unknown setting"),
        ]
        for (values, keys, words) in cases {
            for isPreview in [true, false] {
                let refusal = try await #require(throws: SettingsRefusal.self) {
                    let change = SettingsChange(values)
                    _ =
                        try await isPreview
                        ? host.administrator.preview(change) : host.administrator.apply(change, by: admin)
                }
                #expect(refusal.problems.map(\.key) == keys, "\(refusal)")
                #expect(refusal.description.contains(words), "\(refusal)")
            }
        }
        #expect(try host.content() == text && host.told.isEmpty && host.server.reloads.withLock { $0 } == 0)
        #expect(try await host.administrator.settingsHistory(limit: 9).isEmpty)
    }

    @Test("When the server refuses the changed file, the old one is put back, and the history has nothing")
    func refusedReload() async throws {
        let host = try AdministeredServer("log-level: 7\n")
        host.server.refuses.withLock { $0 = true }
        let refusal = try await #require(throws: SettingsRefusal.self) {
            try await host.administrator.apply(SettingsChange(["log-level": "8"]), by: admin)
        }
        #expect(refusal.description.contains("the port is taken"))
        #expect(try host.content() == "log-level: 7\n" && host.told.isEmpty)
        #expect(try await host.administrator.settingsHistory(limit: 9).isEmpty)
    }

    @Test("What is changed with an editor is in the history too, by nobody")
    func byHand() async throws {
        let host = try AdministeredServer("log-level: 7\nturn-secrets: 0123456789abcdef\n")
        try host.edit("log-level: 6\nhttp-user: me\nturn-secrets: 0123456789abcdeg\n")
        var history = try await host.administrator.settingsHistory(limit: 9)
        #expect(history.count == 1 && history[0].by == nil)
        #expect(
            history[0].rows.map { [$0.key, $0.before, $0.after] } == [
                ["turn-secrets", "(set)", "(set)"], ["log-level", "7", "6"], ["http-user", nil, "me"],
            ]
        )
        // What is wrong is no change yet; with the next change, what came before it is told apart from it.
        try host.edit("log-level: 66\n")
        #expect(try await host.administrator.settingsHistory(limit: 9).count == 1)
        try host.edit("log-level: 5\n")
        _ = try await host.administrator.apply(SettingsChange(["log-level": "4"]), by: admin)
        history = try await host.administrator.settingsHistory(limit: 9)
        #expect(history.map { $0.by?.name } == ["admin", nil, nil])
        #expect(history[0].rows.map { [$0.before, $0.after] } == [["5", "4"]])
        #expect(history.map(\.id) == history.map(\.id).sorted(by: >))
    }

    @Test("A change is undone by its number, but no secret comes back")
    func undo() async throws {
        let host = try AdministeredServer("log-level: 7\nhttp-user: me\n")
        _ = try await host.administrator.apply(
            SettingsChange(["log-level": "8", "log-rows": "5", "http-user": nil]),
            by: admin
        )
        let id = try #require(try await host.administrator.settingsHistory(limit: 1).first?.id)
        let undoing = try await host.administrator.changeUndoing(id)
        #expect(undoing == SettingsChange(["log-level": "7", "log-rows": nil, "http-user": "me"]))
        _ = try await host.administrator.apply(undoing, by: admin)
        #expect(try host.content() == "log-level: 7\nhttp-user: me\n")
        await #expect(throws: AdministrationError.self) { try await host.administrator.changeUndoing(id + 7) }
        for secret in ["0123456789abcdef", "0123456789abcdeg"] {
            _ = try await host.administrator.apply(SettingsChange(["turn-secrets": secret]), by: admin)
        }
        let newest = try await host.administrator.settingsHistory(limit: 2).map(\.id)
        await #expect(throws: AdministrationError.self) { try await host.administrator.changeUndoing(newest[0]) }
        // It was not there before, so that nothing need be known to undo it.
        #expect(try await host.administrator.changeUndoing(newest[1]) == SettingsChange(["turn-secrets": nil]))
    }

    @Test("No secret stands in a preview, the history, the log or the store")
    func secrets() async throws {
        let host = try AdministeredServer("turn-users: alice:wonderland-1\nlog-level: 5\n")
        let change = SettingsChange([
            "turn-users": "alice:wonderland-2", "nonce-key": String(repeating: "ab", count: 32),
        ])
        let shown = "\(try await host.administrator.preview(change))"
        _ = try await host.administrator.apply(change, by: admin)
        let texts =
            [shown, "\(try await host.administrator.settingsHistory(limit: 9))", "\(host.told)"]
            + ["\(await host.administrator.settings())"]
        for secret in ["wonderland-1", "wonderland-2", "abababab"] {
            for text in texts { #expect(!text.contains(secret), "\(text)") }
            #expect(try !host.holds(secret, except: "stund.yaml"))
        }
        #expect(host.told.contains("1119 Setting turn-users changed from (hidden) to (hidden) by \"admin\" (console)"))
    }

    @Test("Changes at once are made one after the other: all are in the file, and the history is one chain")
    func together() async throws {
        let host = try AdministeredServer("log-rows: 1\n")
        // Another process has the file and the store, too.
        let editor = SettingsEditor(host.server.sources, store: try AccountStore(path: host.database))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 2...30 {
                group.addTask {
                    let change = SettingsChange(["log-rows": "\(number)"])
                    if number.isMultiple(of: 3) {
                        try await onThread { _ = try editor.apply(change, by: admin, at: 1) }
                    } else {
                        _ = try await host.administrator.apply(change, by: admin)
                    }
                }
            }
            try await group.waitForAll()
        }
        let rows = try await host.administrator.settingsHistory(limit: 99).flatMap(\.rows)
        #expect(rows.count == 29 && rows.last?.before == "1")
        for (later, earlier) in zip(rows, rows.dropFirst()) { #expect(later.before == earlier.after) }
        #expect(try host.content() == "log-rows: \(rows.first?.after ?? "")\n")
    }

    @Test("The history keeps the last 1,000 changes")
    func bounded() async throws {
        let host = try AdministeredServer()
        let store = try AccountStore(path: host.database)
        try store.changeSettings { history in
            for number in 0..<1005 { _ = try history.append(time: Int64(number), person: nil, rows: []) }
        }
        let kept = try await host.administrator.settingsHistory(limit: .max)
        #expect(kept.count == 1000 && kept.last?.time == "1970-01-01T00:00:05Z")
        #expect(try await host.administrator.settingsHistory(limit: 2).count == 2)
    }

    @Test("A password becomes the hash that http-password-hash takes")
    func hash() async throws {
        let host = try AdministeredServer()
        let hash = try await host.administrator.hash(password: "correct horse")
        #expect(try PasswordHash(parsing: hash).matches("correct horse"))
        await #expect(throws: AdministrationError.self) { try await host.administrator.hash(password: "") }
    }
}
