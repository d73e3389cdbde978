import Foundation
import ServerSettings
import Testing

@Suite("Changing the settings file")
struct SettingsFileTests {
    static let hash = "$scrypt$ln=15,r=8,p=1$c2FsdA$aGFzaA=="

    static let changes: [(before: String, after: String)] = [
        ("", "http-user: ops\n"),
        ("# mine", "# mine\nhttp-user: ops\n"),
        ("log-level: 1\n\n# end\n", "log-level: 1\n\n# end\nhttp-user: ops\n"),
        ("log-level: 1\r\n# end\r\n", "log-level: 1\r\n# end\r\nhttp-user: ops\r\n"),
        ("  log-level: 1\n", "  log-level: 1\n  http-user: ops\n"),
        ("http-user: me\n", "http-user: ops\n"),
        ("http-user:   me   # keep me\nlog-level: 1\n", "http-user:   ops   # keep me\nlog-level: 1\n"),
        ("http-user: me # ä\r\nlog-level: 1\r\n", "http-user: ops # ä\r\nlog-level: 1\r\n"),
        ("http-user: 'it''s' # 'me'\n", "http-user: ops # 'me'\n"),
        ("http-user: \"a\\\"b\" # \"me\"\n", "http-user: ops # \"me\"\n"),
        ("\u{FEFF}http-user: me", "\u{FEFF}http-user: ops"),
        ("# \u{2028}http-user: größe\n", "# \u{2028}http-user: ops\n"),
        ("{log-level: 1, http-user: me}\n", "{log-level: 1, http-user: ops}\n"),
        ("http-user:\n  me # here\n", "http-user:\n  ops # here\n"),
        ("http-user: # none yet\n", "http-user: ops # none yet\n"),
        ("log-file: |\n  abc\nhttp-user: me\n", "log-file: |\n  abc\nhttp-user: ops\n"),
    ]

    @Test("Only the text of the value changes", arguments: 0..<changes.count)
    func change(_ index: Int) throws {
        let folder = try TemporaryFolder()
        // A text block ends in a line break, which is no good path; it is here for its form.
        let isBlock = Self.changes[index].before.contains("|")
        let path = try folder.file("stund.yaml", Self.changes[index].before)
        if isBlock {
            #expect(throws: SettingsError.self) { try set("ops", in: path) }
            return
        }
        try set("ops", in: path)
        let after = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(String(decoding: after, as: UTF8.self) == Self.changes[index].after)
    }

    @Test(
        "Any value that is allowed reads back as it was",
        arguments: [
            "a", "it's", "null", "~", "yes", "05", "- a", "a # b", "{a}", "*a", "é", "\"", " ", "a, b", "[", "#",
        ]
    )
    func values(_ value: String) throws {
        let folder = try TemporaryFolder()
        for before in ["", "http-user: me # note\nlog-level: 1\n", "{http-user: 'me', log-level: 1}\n"] {
            let path = try folder.file("stund.yaml", before)
            try set(value, in: path)
            #expect(load(path: path).settings?.httpUser == value)
            #expect(load(path: path).settings?.logLevel == (before.isEmpty ? 5 : 1))
        }
    }

    @Test("A new file can be read by its owner only; an old one keeps mode and owner")
    func modes() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file()
        try SettingsFile.setScalar(key: "http-password-hash", value: Self.hash, in: path)
        #expect(try mode(of: path) == 0o600)
        #expect(load(path: path).settings?.httpPasswordHash == Self.hash)
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        let isRoot = geteuid() == 0
        if isRoot {
            let owners: [FileAttributeKey: Any] = [.ownerAccountID: 1, .groupOwnerAccountID: 2]
            try FileManager.default.setAttributes(owners, ofItemAtPath: path)
        }
        try set("ops", in: path)
        #expect(try mode(of: path) == 0o640)
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.ownerAccountID] as? Int == (isRoot ? 1 : Int(geteuid())))
        #expect(attributes[.groupOwnerAccountID] as? Int == (isRoot ? 2 : Int(getegid())))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["stund.yaml"])
    }

    @Test("A symbolic link stays one, and its target changes; a link to nothing is refused")
    func links() throws {
        let folder = try TemporaryFolder()
        let target = try folder.file("real.yaml", "log-level: 1\n")
        let link = try folder.file("stund.yaml")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "real.yaml")
        try set("ops", in: link)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "real.yaml")
        #expect(try String(contentsOfFile: target, encoding: .utf8) == "log-level: 1\nhttp-user: ops\n")
        try FileManager.default.removeItem(atPath: target)
        #expect(throws: SettingsError.self) { try set("ops", in: link) }
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "real.yaml")
    }

    @Test(
        "What cannot be changed safely stays as it is",
        arguments: [
            "http-user: |\n  me\n", "http-user: a\n  b\n", "{}\n", "log-level: 1\n...\n", "log-level: 10\n", "nonsense",
            "http-user: me\nhttp-user: you\n", "http-user:\n- a\n",
        ]
    )
    func refusals(_ content: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("stund.yaml", content)
        #expect(throws: SettingsError.self) { try set("ops", in: path) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == content)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["stund.yaml"])
    }

    @Test(
        "A file that is right, but cannot take one more line, is not called wrong",
        arguments: ["{}\n", "log-level: 1\n...\n"]
    )
    func unusualForm(_ content: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("stund.yaml", content)
        do throws(SettingsError) {
            try set("ops", in: path)
            Issue.record("a line was added")
        } catch {
            #expect(
                error.description
                    == "\(path): http-user: cannot be changed safely in this file: change it with an editor"
            )
        }
    }

    @Test("A device is not replaced by a file")
    func device() throws {
        let folder = try TemporaryFolder()
        guard let device = folder.nullDevice("stund.yaml") else { try Test.cancel("no device can be made here") }
        do throws(SettingsError) {
            try SettingsFile.setScalar(key: "http-user", value: "a", in: device)
            Issue.record("the device was changed")
        } catch {
            #expect(error.description == "\(device): is a device, which keeps no settings")
        }
    }

    @Test("A wrong key, a wrong value and a folder that is not there are refused")
    func wrongArguments() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file()
        for (key, value, file) in [
            ("http-usr", "a", path), ("http-user", "a:b", path), ("http-user", "a", path + "/x"),
        ] {
            #expect(throws: SettingsError.self) { try SettingsFile.setScalar(key: key, value: value, in: file) }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    private func set(_ user: String, in path: String) throws(SettingsError) {
        try SettingsFile.setScalar(key: "http-user", value: user, in: path)
    }

    private func mode(of path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }
}
