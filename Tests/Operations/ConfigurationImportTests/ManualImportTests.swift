import ConfigurationImport
import ServerSettings
import Testing

@Suite("What the stund.txt of 2002 becomes (manual, section 4.4)")
struct ManualImportTests {
    @Test("Every field of the setup page becomes its setting")
    func fields() throws {
        let result = try read(
            """
            # snom 4S STUN server
            Other STUN server = stun2.abc.org:5062 stun3.abc.org
            STUN port 1 = 5062
            STUN port 2 = 5063
            Default binding duration (TURN) = 600
            Log Level (0-9) = 5
            HTTP port = 5070
            HTTP user = admin
            HTTP password = secret of 2002
            HTTP password (confirm) = secret of 2002
            IP address = 217.115.141.99
            License key = snom-stund-dem-12-sep-2002-
            """
        )
        #expect(result.form == .manual)
        #expect(
            values(result) == [
                "other-stun-servers": "stun2.abc.org:5062/classic stun3.abc.org/classic", "stun-port-1": "5062",
                "stun-port-2": "5063", "default-binding-duration": "600", "log-level": "5", "http-port": "5070",
                "http-user": "admin",
            ]
        )
        #expect(result.consolePassword == "secret of 2002")
        #expect(!"\(result.lines)".contains("secret of 2002"))
        #expect(!result.isRefused)
        #expect(throws: Never.self) { try load(result) }
    }

    @Test(
        "Names are read in any spelling, the settings' own among them",
        arguments: [
            "stun_port_1=5062", "STUN Port 1 =5062", "stunPort1 = 5062", "stun-port-1=5062\r",
        ]
    )
    func spelling(line: String) throws {
        #expect(values(try read(line)) == ["stun-port-1": "5062"])
    }

    @Test(
        "What nobody can read is refused",
        arguments: [
            "STUN port 1 = 0", "STUN port 1 = 5062\nSTUN port 1 = 5063", "Log Level = 12", "STUN port 1 = 1\nnonsense",
            "HTTP port = 80\nHTTP password = a\nHTTP password (confirm) = b",
            "STUN port 1 = 1\nHTTP password (confirm) = b",
            "Other STUN server = -x-",
        ]
    )
    func wrong(text: String) throws {
        #expect(try read(text).isRefused)
    }

    @Test("A field that the page does not have is named")
    func unknown() throws {
        let result = try read("STUN port 1 = 5062\nColour = red")
        #expect(outcomes(result) == "honoured unknown")
        #expect(!result.isRefused)
    }
}

@Suite("Configurations that are none")
struct HostileImportTests {
    @Test(
        "A file that is no text, says nothing or belongs to nobody is refused as a whole",
        arguments: [
            ("", "the file has no line that says something"),
            ("# nothing\n\n  \n", "the file has no line that says something"),
            ("realm=a\0b", "line 1 has a zero byte: this is no text file"),
            ("# a comment\n# and \0 one", "line 2 has a zero byte: this is no text file"),
            (
                "hello world",
                "the file has no name that turnserver.conf or the setup page of 2002 has; if it is one of the two, say so with --from"
            ),
        ]
    )
    func refused(text: String, message: String) {
        let error = #expect(throws: ImportError.self) { try read(text) }
        #expect(error?.description == message)
    }

    @Test("Bytes that are no UTF-8 are named by their line, but for those of comments")
    func encoding() throws {
        let latin = Array("# gr".utf8) + [0xFC] + Array("n\nrealm=a\n".utf8)
        #expect(try SettingsImport.read(latin).rows.contains { $0.key == "realm" })
        #expect(throws: ImportError.self) { try SettingsImport.read(Array("realm=gr".utf8) + [0xFC]) }
    }

    @Test("A line longer than coturn reads is refused, and its text is not repeated")
    func endlessLine() throws {
        let result = try read("realm=a\nstatic-auth-secret=" + String(repeating: "s", count: 900_000))
        #expect(result.isRefused)
        #expect(result.lines.allSatisfy { $0.text.utf8.count < 200 && $0.name.utf8.count < 100 })
    }

    @Test("More lines than any configuration has are refused")
    func endlessLines() {
        let text = String(repeating: "verbose\n", count: 10_001)
        #expect(throws: ImportError.self) { try read(text) }
        #expect(throws: Never.self) { try read(String(text.dropLast(8))) }
    }

    @Test("Control characters in a value are refused")
    func control() throws {
        #expect(try read("realm=a\u{1B}[31m").isRefused)
    }

    @Test("Whatever bytes a file has, reading it ends, with a word on every line or an error")
    func random() {
        var generator = SystemRandomNumberGenerator()
        let names = [
            "realm", "user", "denied-peer-ip", "min-port", "STUN port 1", "external-ip", "redis-userdb", "\n", "=", ":",
            "-", "0x",
        ]
        for _ in 0..<2000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0...12, using: &generator) {
                bytes +=
                    Bool.random()
                    ? Array((names.randomElement() ?? "").utf8) : [.random(in: 1...255), .random(in: 32...126)]
            }
            _ = try? SettingsImport.read(bytes, form: Bool.random() ? .coturn : .manual)
        }
    }
}
