import Foundation
import ServerSettings
import Testing

@Suite("The reference, docs/settings.md")
struct ReferenceTests {
    @Test("It describes every key with meaning, default, what is allowed and an example, and no other key")
    func complete() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
            path: "../../../docs/settings.md"
        )
        let text = try String(contentsOf: file, encoding: .utf8)
        for key in Settings.keys { #expect(text.contains(Self.section(of: key)), "\(Self.section(of: key))") }
        let headings = text.split(separator: "\n").filter { $0.hasPrefix("### `") }
        #expect(headings.map { $0.dropFirst(5).dropLast() } == Settings.keys.map { $0.name[...] })
    }

    /// What the reference says about a key.
    private static func section(of key: SettingKey) -> String {
        let standard = key.defaultText.isEmpty ? "nothing" : "`\(key.defaultText)`"
        let taken = key.needsRestart ? "when the server starts" : "at start and on SIGHUP"
        return """
            ### `\(key.name)`

            \(key.help)

            Default: \(standard). Allowed: \(key.kind.allowed). Read: \(taken).

            ```yaml
            \(key.name): \(key.example)
            ```

            """
    }
}
