import Administration
import Foundation
import Observability
import Testing

@testable import Console

@Suite("Markdown of the help pages")
struct ToolMarkdownTests {
    private func html(_ text: String) -> String {
        MarkdownHTML { file, id in file == "settings.md" ? "/help.htm?doc=settings#" + (id ?? "") : nil }
            .html(MarkdownDocument(text).blocks)
    }

    @Test("headings get the ids that GitHub gives them, a second of the same name another one")
    func headings() {
        #expect(
            html("# A `b`, c!\n## A b c") == "<h2 id=\"a-b-c\">A <code>b</code>, c!</h2>\n<h3 id=\"a-b-c-1\">A b c</h3>"
        )
    }

    @Test("paragraphs, emphasis and code")
    func paragraphs() {
        #expect(
            html("a\nb *c* **d**\n\n`<e>`") == "<p>a b <em>c</em> <strong>d</strong></p>\n<p><code>&lt;e&gt;</code></p>"
        )
        #expect(html("![a *b*](c.png)!") == "<p><em>a <em>b</em></em>!</p>")
        #expect(html("2 * 3 * 4 ** 5") == "<p>2 * 3 * 4 ** 5</p>")
        #expect(html("```sh\n# a\n<b>\n```\nc") == "<pre><code># a\n&lt;b&gt;</code></pre>\n<p>c</p>")
    }

    @Test("lists within lists, with lines that go on")
    func lists() {
        #expect(html("- a\n  b\n  - c\n- d\n\ne") == "<ul><li>a b<ul><li>c</li></ul></li><li>d</li></ul>\n<p>e</p>")
        #expect(html("1. a\n2. b") == "<ol><li>a</li><li>b</li></ol>")
    }

    @Test("tables; a bar in code, or behind a backslash, ends no cell")
    func tables() {
        let table = html("| a | b |\n| --- | --- |\n| `x|y` | p\\|q | r |")
        #expect(table.contains("<th scope=\"col\">a</th><th scope=\"col\">b</th>"))
        #expect(table.contains("<td><code>x|y</code></td><td>p|q</td></tr>"))
    }

    @Test("links lead to documents of ours and to https, nowhere else")
    func links() {
        #expect(html("[a](docs/settings.md#b)") == "<p><a href=\"/help.htm?doc=settings#b\">a</a></p>")
        #expect(html("[a](https://x.example/?b&c)").contains("href=\"https://x.example/?b&amp;c\" rel=\"noreferrer\""))
        for address in [
            "javascript:alert(1)", "http://x.example", "//x.example", "data:text/html,x", "JaVaScRiPt:alert(1)",
            "https:javascript", "/logout", "other.md", " javascript:alert(1)",
        ] {
            #expect(!html("[a](\(address))").contains("<a"), "\(address)")
        }
    }

    @Test("hostile text is text, wherever it stands (row 26)")
    func hostile() {
        for text in HostileTexts.all + ["\"\u{301} onclick=x", "<\u{338}b>"] {
            for place in [
                text, "# \(text)", "- \(text)", "> \(text)", "`\(text)`", "**\(text)**",
                "| \(text) |\n| - |\n| \(text) |",
                "[\(text)](https://x.example/\(text))", "[a](settings.md#\(text))", "```\(text)\n\(text)\n```",
            ] {
                let html = html(place)
                for markup in HostileTexts.markup { #expect(!html.contains(markup), "\(place.prefix(80))") }
                // By scalars, as a browser reads it: as many quotes as our own attributes have.
                #expect(
                    !html.unicodeScalars.split(separator: "<").dropFirst().contains { tag in
                        let inside = tag.prefix { $0 != ">" }
                        return inside.count { $0 == "\"" } % 2 == 1
                            || String(inside).contains("onerror")
                                && !String(inside).contains("&quot;")
                    },
                    "\(html.prefix(200))"
                )
            }
        }
    }

    @Test("marks without an end, and nesting without one, cost no more than their length")
    func bounded() {
        for piece in ["[", "*", "**a ", "`", "``` ", "> ", "- ", "[a](", "| ", "1. ", "# "] {
            let document = MarkdownDocument(String(repeating: piece, count: 20_000))
            #expect(!document.blocks.isEmpty, "\(piece)")
            _ = MarkdownHTML { _, _ in nil }.html(document.blocks)
        }
        let deep = (0..<200).map { String(repeating: "  ", count: $0) + "- a" }.joined(separator: "\n")
        #expect(!html(deep).isEmpty)
    }
}

@Suite("The help page")
struct ToolHelpTests {
    @Test("every document is shown whole, in parts below 60 kB, and every link within them leads somewhere")
    func documents() async throws {
        let fixture = try await ConsoleFixture()
        let index = try await fixture.get("/help.htm")
        #expect(index.status == 200 && index.text.utf8.count < 60_000)
        for document in HelpDocument.all {
            #expect(index.text.contains("/help.htm?doc=\(document.name)"), "\(document.name)")
            for part in 1...document.parts.count {
                let page = try await fixture.get("/help.htm?doc=\(document.name)&part=\(part)")
                #expect(page.status == 200 && page.text.utf8.count < 60_000, "\(document.name) \(part)")
                for link in Self.links(page.text) {
                    let target = link.split(separator: "#", maxSplits: 1).map(String.init)
                    let answer = try await fixture.get(target[0].replacing("&amp;", with: "&"))
                    #expect(answer.status == 200, "\(document.name): \(link)")
                    guard target.count > 1 else { continue }
                    #expect(answer.text.contains("id=\"\(target[1])\""), "\(document.name): \(link)")
                }
            }
        }
        for query in ["doc=nothing", "doc=..%2FREADME", "doc=README&part=0", "doc=README&part=99999999999999999999"] {
            #expect(try await fixture.get("/help.htm?\(query)").status == 404, "\(query)")
        }
        await fixture.stop()
    }

    private static func links(_ html: String) -> Set<String> {
        Set(html.matches(of: /href="(\/help\.htm\?doc=[^"]*)"/).map { String($0.1) })
    }

    @Test("every message has its meaning and what to do, in both languages")
    func messages() async throws {
        let fixture = try await ConsoleFixture()
        for code in MessageCode.allCases {
            let english = try await fixture.get("/help_en.htm?code=\(code.rawValue)").text
            #expect(english.contains(ScalarHTML.escaped(code.definition.remedy)), "\(code.rawValue)")
            let german = Texts.of(.german)
            for part in ["meaning", "remedy"] {
                #expect(german["message_\(code.rawValue)_\(part)"] != nil, "\(code.rawValue) \(part)")
            }
        }
        let german = try await fixture.get("/help_de.htm?code=1006")
        #expect(german.text.contains("Der Server hat eine Nachricht erhalten."))
        for code in ["999", "65536", "-1", "x", "%3Cscript%3Ealert(1)"] {
            let answer = try await fixture.get("/help.htm?code=\(code)")
            #expect(answer.status == 200 && answer.text.contains("There is no message"), "\(code)")
            #expect(!answer.text.contains("<script>alert"))
        }
        await fixture.stop()
    }
}

@Suite("The test page")
struct ToolTestPageTests {
    @Test("an admin gets the script and its words, a viewer a sentence that says why not")
    func roles() async throws {
        let fixture = try await ConsoleFixture(hasPassword: true)
        let person = Operator(name: "admin", role: .admin, way: .console)
        let viewer = try await fixture.administrator.addToken(name: "v", role: .viewer, days: nil, by: person).secret
        let admin = try await fixture.get("/test.htm", headers: ConsoleFixture.basic())
        #expect(admin.text.contains("/test.js\"") && admin.text.contains("value=\"192.0.2.1:3478\""))
        let other = try await fixture.get("/test.htm", headers: ["Authorization": "Bearer \(viewer)"])
        #expect(other.status == 200 && !other.text.contains("/test.js\""))
        #expect(other.text.contains("only administrators"))
        await fixture.stop()
    }

    @Test("every word of the script is there in both languages, and every one there is used")
    func words() throws {
        let script = try #require(EmbeddedTexts.files["test.js"])
        let steps = ["credential", "stun", "udp", "tcp", "tls", "relay", "connect", "echo", "rate"]
        for language in Language.allCases {
            let keys = Texts.read(language).keys.filter { $0.hasPrefix("test_js_") }.map { String($0.dropFirst(8)) }
            #expect(keys.count > 20)
            for key in keys {
                // Those of a step, of a way and of an error code are put together.
                let isUsed =
                    script.contains("\"\(key)\"") || steps.contains { key == "step_\($0)" }
                    || key.wholeMatch(of: /advice_([0-9]{3}|udp|tcp|tls)/) != nil
                #expect(isUsed, "\(key)")
            }
        }
    }

    @Test("all own scripts together are smaller than 10 kB, as they are served: without indentation and comments")
    func size() {
        let scripts = Assets.files.filter { $0.key.hasSuffix(".js") }
        #expect(scripts.count == 2 && scripts.values.map(\.utf8.count).reduce(0, +) < 10_000)
        for (name, script) in scripts {
            #expect(!script.contains("\n ") && !script.contains("\n//"), "\(name)")
            let words = { (text: String) in text.filter { $0 != " " && $0 != "\n" } }
            let lines = EmbeddedTexts.files[name]?.split(separator: "\n").map { $0.drop { $0 == " " } } ?? []
            #expect(words(script) == words(lines.filter { !$0.hasPrefix("//") }.joined()), "\(name)")
        }
    }

    @Test("a text with a quote and a combining mark stays within its attribute")
    func attribute() throws {
        #expect(ScalarHTML.escaped("\"\u{301}<\u{338}&\u{200D}'") == "&quot;\u{301}&lt;\u{338}&amp;\u{200D}&#39;")
    }
}
