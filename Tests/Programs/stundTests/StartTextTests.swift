import Addresses
import Foundation
import ServerSettings
import Testing

@testable import stund

@Suite("What the start tells to try")
struct StartTextTests {
    @Test(
        "the command asks an address that answers, by a client that knows its family",
        arguments: [
            ("", "stun 127.0.0.1   (Debian's stun-client)"), ("0.0.0.0", "stun 127.0.0.1   (Debian's stun-client)"),
            ("2001:db8::1 192.0.2.1", "stun 192.0.2.1   (Debian's stun-client)"),
            ("::", "turnutils_stunclient -p 3478 ::1   (Debian's coturn)"),
            ("2001:db8::1", "turnutils_stunclient -p 3478 2001:db8::1   (Debian's coturn)"),
        ]
    )
    func client(addresses: String, expected: String) {
        var settings = Settings()
        settings.address = addresses.split(separator: " ").compactMap { IPAddress(String($0)) }
        #expect(StartText.client(for: settings) == expected)
    }

    @Test("a port of its own is named")
    func port() {
        var settings = Settings()
        settings.stunPort1 = 5000
        #expect(StartText.client(for: settings) == "stun 127.0.0.1:5000   (Debian's stun-client)")
    }

    @Test(
        "a path is written so that a shell takes it for one word",
        arguments: [("stund.yaml", "stund.yaml"), ("my file", "'my file'"), ("it's", "'it'\\''s'"), ("", "''")]
    )
    func quoted(word: String, expected: String) {
        #expect(StartText.quoted(word) == expected)
    }
}

@Suite("The exit codes in the documents")
struct ExitStatusTests {
    @Test("docs/command-line.md has each exit code and no other, and each command")
    func table() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("docs/command-line.md"), encoding: .utf8)
        let rows = text.split(separator: "\n").compactMap { line in
            line.hasPrefix("| ") ? Int32(line.dropFirst(2).prefix { $0.isNumber }) : nil
        }
        #expect(rows == [0] + ExitStatus.allCases.map(\.rawValue))
        for command in ArgumentSpelling.commands.subtracting(["help", "serve"]) {
            #expect(text.contains("stund \(command) ") || text.contains("stund \(command)\n"), "\(command)")
        }
    }
}
