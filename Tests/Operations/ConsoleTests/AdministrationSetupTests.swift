import Administration
import Foundation
import ServerSettings
import Testing

@testable import Console

@Suite("The setup page")
struct AdministrationSetupTests {
    @Test("all settings are there with help, the manual's first, and fit into 60 kB in both languages")
    func whole() async throws {
        let fixture = try await ConsoleFixture()
        for language in ["en", "de"] {
            let page = try await fixture.get("/admin.htm", language: language)
            #expect(page.status == 200)
            for key in Settings.keys where key.name != SetupEntries.passwordKey {
                #expect(page.text.contains("name=\"s-\(key.name)\""), "\(key.name)")
            }
            #expect(page.text.utf8.count < 60_000, "\(language): \(page.text.utf8.count) bytes")
            print("setup page, \(language): \(page.text.utf8.count) bytes")
            let order = [
                "s-other-stun-servers", "s-stun-port-1", "s-stun-port-2", "s-default-binding-duration", "s-log-level",
            ]
            let places = order.compactMap { page.text.range(of: "name=\"\($0)\"")?.lowerBound }
            #expect(places.count == order.count && places == places.sorted())
        }
        await fixture.stop()
    }

    @Test("the fields of the manual's page have its names, and stand in its order")
    func manual() async throws {
        let fixture = try await ConsoleFixture()
        var rest = try await fixture.get("/admin_en.htm").text[...]
        let labels = [
            "Other STUN server", "STUN port 1", "STUN port 2", "Default binding duration (TURN)", "Log Level (0-9)",
            "HTTP port", "HTTP user", "HTTP password", "HTTP password (confirm)",
        ]
        for label in labels {
            let place = try #require(rest.firstRange(of: ">\(label)</label>"), "\(label)")
            rest = rest[place.upperBound...]
        }
        await fixture.stop()
    }

    @Test("a change is shown before it is saved, and the comments in the file stay")
    func roundTrip() async throws {
        let fixture = try await ConsoleFixture(settings: "# why five\nlog-level: 5 # the manual's\n")
        let preview = try await fixture.post("/admin.htm", fixture.form(["s-log-level": "8"]))
        #expect(preview.status == 200)
        #expect(preview.text.contains("name=\"s-log-level\" value=\"8\""))
        #expect(!preview.text.contains("name=\"s-log-rows\""))
        #expect(try fixture.file().contains("log-level: 5 "))
        let saved = try await fixture.post("/admin.htm", fixture.hidden(preview.text, "save"))
        #expect(saved.status == 303)
        #expect(saved.headers["location"] == "/admin.htm?done=settings")
        #expect(try fixture.file().contains("# why five\nlog-level: 8 # the manual's\n"))
        #expect(fixture.server.settings.settings.logLevel == 8)
        await fixture.stop()
    }

    @Test("faults are told at their fields, and what was typed stays")
    func faults() async throws {
        let fixture = try await ConsoleFixture()
        let typed = [
            "s-log-level": "77", "s-log-rows": "no number", "s-draft-address-layout": "draft-99",
            "s-external-ip": "<b>",
        ]
        let page = try await fixture.post("/admin.htm", fixture.form(typed))
        #expect(page.status == 422)
        for (name, text) in typed where name != "s-draft-address-layout" {
            let shown = text.replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            #expect(page.text.contains("id=\"\(name)\" name=\"\(name)\" value=\"\(shown)\""), "\(name)")
        }
        #expect(page.text.contains("<option selected>draft-99</option>"))
        for name in typed.keys {
            #expect(page.text.contains("id=\"\(name)-p\""), "\(name)")
            #expect(page.text.contains("<a href=\"#\(name)\">"), "\(name)")
        }
        #expect(page.text.contains("is too high"))
        #expect(page.text.contains("aria-invalid=\"true\""))
        #expect(!(try fixture.file()).contains("log-level"))
        await fixture.stop()
    }

    @Test("an empty field takes the setting out of the file")
    func empty() async throws {
        let fixture = try await ConsoleFixture(settings: "log-level: 7\n")
        let preview = try await fixture.post("/admin.htm", fixture.form(["s-log-level": ""]))
        #expect(preview.text.contains("default (5)"))
        let saved = try await fixture.post("/admin.htm", fixture.hidden(preview.text, "save"))
        #expect(saved.status == 303)
        #expect(!(try fixture.file()).contains("log-level"))
        await fixture.stop()
    }

    @Test("what a flag fixes is shown as such, and refused")
    func fixed() async throws {
        let fixture = try await ConsoleFixture(flags: ["log-level": "3"])
        let page = try await fixture.get("/admin.htm")
        let input = try #require(page.text.firstMatch(of: /<input id="s-log-level"[^>]*>/)).output
        #expect(input.hasSuffix("disabled>"))
        #expect(page.text.contains("Fixed by"))
        let refused = try await fixture.post("/admin.htm", fixture.form(["s-log-level": "8"]))
        #expect(refused.status == 422)
        #expect(refused.text.contains("is fixed by"))
        await fixture.stop()
    }

    @Test("a change is in the history, and can be undone")
    func undo() async throws {
        let fixture = try await ConsoleFixture(settings: "log-level: 5\n")
        let preview = try await fixture.post("/admin.htm", fixture.form(["s-log-level": "8"]))
        _ = try await fixture.post("/admin.htm", fixture.hidden(preview.text, "save"))
        let page = try await fixture.get("/admin.htm")
        let id = try #require(page.text.firstMatch(of: /name="id" value="([0-9]+)"/)).output.1
        #expect(page.text.contains("anybody on this host"))
        let undone = try await fixture.post("/admin.htm", ["do": "undo", "id": String(id), "token": page.formToken])
        #expect(undone.text.contains("name=\"s-log-level\" value=\"5\""))
        _ = try await fixture.post("/admin.htm", fixture.hidden(undone.text, "save"))
        #expect(try fixture.file().contains("log-level: 5\n"))
        #expect(try await fixture.post("/admin.htm", ["do": "undo", "id": "999"]).status == 422)
        await fixture.stop()
    }

    @Test("Back keeps what was typed")
    func back() async throws {
        let fixture = try await ConsoleFixture()
        let preview = try await fixture.post("/admin.htm", fixture.form(["s-log-level": "8"]))
        let page = try await fixture.post("/admin.htm", fixture.hidden(preview.text, "back"))
        #expect(page.status == 200)
        #expect(page.text.contains("name=\"s-log-level\" value=\"8\""))
        await fixture.stop()
    }

    @Test("a password is typed twice, stored as a hash, and no page has it or the hash")
    func password() async throws {
        let fixture = try await ConsoleFixture()
        let differing = ["password": "correct horse", "password-2": "correct house"]
        let refused = try await fixture.post("/admin.htm", fixture.form(differing))
        #expect(refused.status == 422)
        #expect(refused.text.contains("The two passwords differ"))
        let both = try await fixture.post("/admin.htm", fixture.form(differing.merging(["s-log-level": "99"]) { $1 }))
        #expect(both.text.contains("The two passwords differ") && both.text.contains("is too high"))
        let short = try await fixture.post("/admin.htm", fixture.form(["password": "short", "password-2": "short"]))
        #expect(short.status == 422)
        let right = ["password": "correct horse", "password-2": "correct horse"]
        let preview = try await fixture.post("/admin.htm", fixture.form(right))
        #expect(preview.status == 200)
        for page in [refused.text, preview.text] {
            #expect(!page.contains("correct ho"))
            #expect(!page.contains("$scrypt"))
        }
        #expect(await fixture.administrator.authenticate(name: "admin", password: "correct horse") == nil)
        let saved = try await fixture.post("/admin.htm", fixture.hidden(preview.text, "save"))
        #expect(saved.status == 200)
        #expect(saved.text.contains("The console moves now"))
        #expect(try fixture.file().contains("http-password-hash: "))
        #expect(await fixture.administrator.authenticate(name: "admin", password: "correct horse") != nil)
        await fixture.stop()
    }

    @Test("whoever moves the console gets the page that says where it is now, however often")
    func moves() async throws {
        let fixture = try await ConsoleFixture()
        for _ in 1...4 {
            let old = try fixture.url("/")
            let port = UInt16.random(in: 20000...29999)
            let preview = try await fixture.post("/admin.htm", fixture.form(["s-http-port": String(port)]))
            // The answer comes when the port is being closed.
            let url = fixture.console.url
            fixture.server.set { [console = fixture.console] in
                $0.afterReload = { while console.url == url { await Task.yield() } }
            }
            let saved = try await fixture.post("/admin.htm", fixture.hidden(preview.text, "save"))
            #expect(saved.status == 200)
            #expect(saved.text.contains("<a href=\"http://127.0.0.1:\(port)/\">"))
            while try fixture.console.url == nil || fixture.url("/") == old { await Task.yield() }
        }
        await fixture.stop()
    }

    @Test("a secret goes to no browser, survives a fault elsewhere, and can be removed")
    func secret() async throws {
        let key = "000102030405060708090a0b0c0d0e0f"
        let fixture = try await ConsoleFixture()
        let wrong = try await fixture.post("/admin.htm", fixture.form(["s-nonce-key": key, "s-log-level": "99"]))
        #expect(wrong.status == 422)
        #expect(wrong.text.contains("typed, not saved yet"))
        var again = try await fixture.form(["s-log-level": "8"])
        again["pending"] = ConsoleFixture.value("pending", in: wrong.text)
        let preview = try await fixture.post("/admin.htm", again)
        #expect(preview.text.contains("nonce-key"))
        #expect(!wrong.text.contains(key) && !preview.text.contains(key))
        #expect(try await fixture.post("/admin.htm", fixture.hidden(preview.text, "save")).status == 303)
        #expect(try fixture.file().contains(key))
        #expect(!(try await fixture.get("/admin.htm")).text.contains(key))
        let removal = try await fixture.post("/admin.htm", fixture.form(["remove-nonce-key": "on"]))
        #expect(try await fixture.post("/admin.htm", fixture.hidden(removal.text, "save")).status == 303)
        #expect(!(try fixture.file()).contains("nonce-key"))
        await fixture.stop()
    }

    @Test("a write that fails says so, and the old settings are in force")
    func writeFails() async throws {
        let fixture = try await ConsoleFixture(settings: "log-level: 5\n")
        let preview = try await fixture.post("/admin.htm", fixture.form(["s-log-level": "8"]))
        let fields = fixture.hidden(preview.text, "save")
        // Root too cannot write a file where a folder is.
        let file = fixture.folder.appending(path: "stund.yaml")
        try FileManager.default.removeItem(at: file)
        try FileManager.default.createDirectory(at: file, withIntermediateDirectories: true)
        let failed = try await fixture.post("/admin.htm", fields)
        #expect(failed.status == 422)
        #expect(failed.text.contains("Nothing was saved"))
        #expect(fixture.server.settings.settings.logLevel == 5)
        await fixture.stop()
    }

    @Test("a forged token is refused")
    func forged() async throws {
        let fixture = try await ConsoleFixture()
        for page in ["/admin.htm", "/users.htm", "/info.htm"] {
            #expect(try await fixture.post(page, ["token": String(repeating: "0", count: 64)]).status == 403, "\(page)")
        }
        await fixture.stop()
    }

    @Test("a hostile text in every field is shown literally (row 26)")
    func hostile() async throws {
        let fixture = try await ConsoleFixture()
        // U+0D4E joins what follows it to one character.
        for text in HostileTexts.all + ["\u{0D4E}<script>alert(1)</script>"] where text.utf8.count < 1000 {
            var typed: [String: String] = [:]
            for key in Settings.keys where !key.isSecret { typed["s-\(key.name)"] = text }
            let page = try await fixture.post("/admin.htm", fixture.form(typed))
            #expect(page.status == 422, "\(text.debugDescription)")
            for markup in HostileTexts.markup {
                #expect(!page.text.utf8.contains(markup.utf8), "\(text.debugDescription)")
            }
        }
        await fixture.stop()
    }

    @Test("every setting has a label in both languages and a German help text")
    func texts() {
        let (english, german) = (Texts.read(.english), Texts.read(.german))
        for key in Settings.keys {
            #expect(english["label_\(key.name)"] != nil, "\(key.name)")
            #expect(german["label_\(key.name)"] != nil, "\(key.name)")
            #expect(german["about_\(key.name)"] != nil, "\(key.name)")
            #expect(english["settings_group_\(key.group)"] != nil, "\(key.group)")
        }
        let names = Set(Settings.keys.map(\.name))
        for key in german.keys where key.hasPrefix("about_") {
            #expect(names.contains(String(key.dropFirst("about_".count))), "\(key)")
        }
    }
}

@Suite("Secrets that wait to be saved")
struct AdministrationPendingTests {
    @Test("they are found by who typed them, for ten minutes, and no other")
    func lifetime() {
        let pending = PendingSecrets()
        let now = ContinuousClock.now
        let id = pending.keep(["nonce-key": "x"], for: "alice", now: now)
        #expect(pending.find(id, for: "alice", now: now + .seconds(599)) == ["nonce-key": "x"])
        #expect(pending.find(id, for: "bob", now: now) == nil)
        #expect(pending.find(id, for: "alice", now: now + .seconds(601)) == nil)
        #expect(pending.find("", for: "alice") == [:])
        #expect(pending.keep([:], for: "alice").isEmpty)
    }

    @Test("a thousand forms cost bounded memory")
    func bounded() {
        let pending = PendingSecrets()
        for number in 0..<1000 { _ = pending.keep(["nonce-key": "\(number)"], for: "alice") }
        #expect(pending.count == 64)
    }
}

extension ConsoleFixture {
    /// The fields of the setup form as a browser would send them back, some of them changed.
    func form(_ changes: [String: String]) async throws -> [String: String] {
        let page = try await get("/admin.htm")
        var fields = ["token": page.formToken, "do": "preview"]
        for field in await administrator.settings().fields where !field.isSecret && !field.isFixed {
            fields["s-\(field.name)"] = field.value
        }
        return fields.merging(changes) { $1 }
    }

    /// The hidden fields of the last form of a page.
    func hidden(_ page: String, _ action: String) -> [String: String] {
        var fields = ["do": action]
        for match in page.matches(of: /<input type="hidden" name="([^"]*)" value="([^"]*)">/) {
            fields[String(match.output.1)] = String(match.output.2)
        }
        return fields
    }

    static func value(_ name: String, in page: String) -> String {
        guard let start = page.range(of: "name=\"\(name)\" value=\"")?.upperBound else { return "" }
        return String(page[start...].prefix { $0 != "\"" })
    }

    /// The settings file.
    func file() throws -> String {
        try String(contentsOf: folder.appending(path: "stund.yaml"), encoding: .utf8)
    }
}
