import Foundation
import ServerSettings
import Testing

@Suite("Changing several settings of the file in one step")
struct SettingsFileChangeTests {
    struct Edit: Sendable, CustomTestStringConvertible {
        let before: String
        let values: [String: String?]
        let after: String

        var testDescription: String { before }
    }

    static let edits = [
        Edit(
            before: "# top\nlog-level: 1 # loud\nhttp-user: me\n\n# end\n",
            values: ["log-level": "8", "http-user": "ops", "log-rows": "9"],
            after: "# top\nlog-level: 8 # loud\nhttp-user: ops\n\n# end\nlog-rows: 9\n"
        ),
        // Ports that are swapped contradict nothing when both change at once.
        Edit(
            before: "stun-port-1: 1000\nstun-port-2: 2000\n",
            values: ["stun-port-1": "2000", "stun-port-2": "1000"],
            after: "stun-port-1: 2000\nstun-port-2: 1000\n"
        ),
        Edit(before: "log-level: 1\nhttp-user: me\n", values: ["log-level": nil], after: "http-user: me\n"),
        Edit(before: "log-level: 1\r\nhttp-user: me\r\n", values: ["http-user": nil], after: "log-level: 1\r\n"),
        Edit(before: "http-user: me", values: ["http-user": nil], after: ""),
        Edit(before: "\u{FEFF}http-user: me\n", values: ["http-user": nil], after: "\u{FEFF}"),
        Edit(
            before: "  \"log-level\" : '1'  # why\n  log-rows: 2\n",
            values: ["log-level": nil],
            after: "  # why\n  log-rows: 2\n"
        ),
        Edit(before: "address:\nlog-level: 1\n", values: ["address": nil], after: "log-level: 1\n"),
        Edit(before: "address: [192.0.2.1] # x\n", values: ["address": nil], after: "# x\n"),
        Edit(
            before: "deny-peers: [192.0.2.0/24, '2001:db8::/32'] # x\n",
            values: ["deny-peers": "198.51.100.0/24 2001:db8::/48"],
            after: "deny-peers: [198.51.100.0/24, '2001:db8::/48'] # x\n"
        ),
        Edit(
            before: "{deny-peers: [192.0.2.1], log-level: 1}\n",
            values: ["deny-peers": ""],
            after: "{deny-peers: [], log-level: 1}\n"
        ),
        Edit(
            before: "turn-users: [\"a:b]\", c:d'e, 'f:''g']\nlog-level: 1\n",
            values: ["turn-users": "a:[b"],
            after: "turn-users: ['a:[b']\nlog-level: 1\n"
        ),
        Edit(before: "log-level: 1\n", values: ["log-rows": nil, "log-level": "1"], after: "log-level: 1\n"),
        // What is wrong and replaced is no reason to refuse.
        Edit(
            before: "log-level: [1]\nlog-rows: x\n",
            values: ["log-level": "2", "log-rows": nil],
            after: "log-level: 2\n"
        ),
    ]

    @Test("Only the texts of the values change, and lines without a value go", arguments: edits)
    func edit(_ edit: Edit) throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("stund.yaml", edit.before)
        let change = try SettingsFileChange(edit.values, in: path)
        #expect(try content(path) == edit.before)
        try change.write().keep()
        #expect(try content(path) == edit.after)
        #expect(change.rows.isEmpty == (edit.before == edit.after))
        #expect(try SettingsFile.values(in: path) == change.valuesAfter)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["stund.yaml"])
    }

    struct Refusal: Sendable {
        let before: String
        let values: [String: String?]
        let keys: [String?]
        let text: String

        init(_ before: String, _ values: [String: String?], _ keys: [String?], _ text: String) {
            self.before = before
            self.values = values
            self.keys = keys
            self.text = text
        }
    }

    static let refusals = [
        Refusal(
            "log-level: 1\n",
            ["log-level": "10", "log-rows": "0", "http-user": "a"],
            ["log-level", "log-rows"],
            "is too low"
        ),
        Refusal("log-level: 1\n", ["log-levle": "1"], ["log-levle"], "did you mean \"log-level\""),
        Refusal(
            "{log-level: 1, log-rows: 2}\n",
            ["log-level": nil],
            ["log-level"],
            ":1: log-level: does not stand on a line of its own"
        ),
        Refusal("{log-level: 1}\n", ["log-level": nil], ["log-level"], "does not stand on a line of its own"),
        Refusal("log-level:\n  1\n", ["log-level": nil], ["log-level"], "does not stand on a line of its own"),
        Refusal(
            "deny-peers:\n- 192.0.2.1\n",
            ["deny-peers": nil],
            ["deny-peers"],
            "does not stand on a line of its own"
        ),
        Refusal(
            "deny-peers:\n- 192.0.2.1\n",
            ["deny-peers": "192.0.2.2"],
            ["deny-peers"],
            "is written over several lines"
        ),
        Refusal(
            "deny-peers: [192.0.2.1,\n  192.0.2.3]\n",
            ["deny-peers": ""],
            ["deny-peers"],
            "is written over several lines"
        ),
        Refusal("log-rows: x\n", ["log-level": "1"], ["log-rows"], "stund.yaml:1: log-rows: \"x\" is not"),
        Refusal("log-level: 1\n", ["http-user": "a\u{1}"], ["http-user"], "control character"),
    ]

    @Test("It is refused as a whole when one value is wrong, each problem under its key", arguments: refusals.indices)
    func refuse(_ index: Int) throws {
        let refusal = Self.refusals[index]
        let folder = try TemporaryFolder()
        let path = try folder.file("stund.yaml", refusal.before)
        let error = try #require(throws: SettingsError.self) { try SettingsFileChange(refusal.values, in: path) }
        #expect(error.problems.map(\.key) == refusal.keys)
        #expect(error.description.contains(refusal.text), "\(error)")
        #expect(try content(path) == refusal.before)
    }

    @Test("A file that somebody saved meanwhile is not overwritten, and an undone change leaves the very old file")
    func meanwhile() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("stund.yaml", "log-level: 1\n")
        let change = try SettingsFileChange(["log-level": "2"], in: path)
        try change.write().undo()
        #expect(try content(path) == "log-level: 1\n")
        try change.write().keep()
        try change.takeBack()
        #expect(try content(path) == "log-level: 1\n")
        _ = try folder.file("stund.yaml", "log-level: 3\n")
        #expect(throws: SettingsError.self) { try change.write() }
        #expect(throws: SettingsError.self) { try change.takeBack() }
        #expect(try content(path) == "log-level: 3\n")
        let first = try SettingsFileChange(["log-level": "2"], in: folder.path + "/new.yaml")
        try first.write().undo()
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["stund.yaml"])
    }

    @Test("What a killed process has left beside the file is removed by a later change, but not what is at work now")
    func leftovers() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("stund.yaml", "")
        let old = try folder.file(".stund-1a.tmp", "turn-secrets: x")
        let others = [try folder.file(".stund-2b.tmp", "x"), try folder.file(".stund-mine", "x")]
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -120)], ofItemAtPath: old)
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -120)],
            ofItemAtPath: others[1]
        )
        try SettingsFile.setScalar(key: "log-level", value: "1", in: path)
        #expect(!FileManager.default.fileExists(atPath: old))
        for file in others { #expect(FileManager.default.fileExists(atPath: file)) }
    }

    @Test("The lines that change are shown with those around them, and no secret, on whichever side it stands")
    func diff() throws {
        let folder = try TemporaryFolder()
        let before = """
            # one
            # two
            # three
            log-level: 1 # loud
            http-user: me
            turn-secrets:
              - web=0123456789abcdef
              # a note
              - 0123456789abcdeg
            # turn-users: old:0123456789abcdeh
            nonce-key: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'
            log-rows: 5
            a-last: 1
            """.replacing("a-last: 1", with: "workers: 1\n")
        let path = try folder.file("stund.yaml", before)
        let change = try SettingsFileChange(
            [
                "log-level": "2", "nonce-key": String(repeating: "ab", count: 32),
                "turn-users": "alice:0123456789abcdei",
            ],
            in: path
        )
        #expect(
            change.diff == [
                " # two", " # three", "-log-level: 1 # loud", "+log-level: 2 # loud", " http-user: me",
                " turn-secrets: (hidden)", "   (hidden)", " # (hidden)", "-nonce-key: (hidden)", "+nonce-key: (hidden)",
                " log-rows: 5", " workers: 1", "+turn-users: (hidden)",
            ]
        )
        let flow = try folder.file("flow.yaml", "{log-level: 1, turn-secrets: [0123456789abcdef]}\n")
        #expect(try SettingsFileChange(["log-level": "2"], in: flow).diff == ["-(hidden)", "+(hidden)"])
        #expect(try SettingsFileChange(["log-level": "1"], in: flow).diff.isEmpty)
    }

    @Test("Settings that contradict each other are found before anything is written")
    func contradiction() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("stund.yaml", "stun-port-1: 1000\n")
        let change = try SettingsFileChange(["stun-port-2": "2000"], in: path)
        let flags = ["stun-port-1": "2000"]
        let error = try #require(throws: SettingsError.self) {
            try change.load(from: SettingsSources(file: path, flags: flags))
        }
        #expect(error.problems.map(\.key) == ["stun-port-2"])
        #expect(try change.load(from: SettingsSources(file: path)).settings.stunPort2 == 2000)
        #expect(try content(path) == "stun-port-1: 1000\n")
    }

    @Test("Every key belongs to a group")
    func groups() {
        #expect(Settings.keys.allSatisfy { !$0.group.isEmpty })
        #expect(Settings.key(named: "log-level")?.group == "logging")
        #expect(Settings.key(named: "turn")?.kind.choices == ["on", "off"])
        #expect(Settings.key(named: "log-format")?.kind.choices == ["text", "json"])
    }

    private func content(_ path: String) throws -> String {
        // Not `String(contentsOfFile:)`, which would hide a byte order mark.
        String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
    }
}
