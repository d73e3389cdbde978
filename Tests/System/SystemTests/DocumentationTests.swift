import Foundation
import Testing

@Suite("What the documents tell people to type", .serialized)
struct DocumentationTests {
    static let documents = ["README.md", "docs/nat-discovery.md", "docs/settings.md", "docs/messages.md"]
    static let commands = Set(documents.flatMap { blocks("sh", in: $0) }.flatMap(stundCommands)).sorted()
    static let settings = documents.flatMap { blocks("yaml", in: $0) }

    @Test("every stund command works as written", arguments: commands)
    func command(text: String) async throws {
        try await withTemporaryFolder { folder in
            let words = text.split(separator: " ").map(String.init)
            let environment = try environment(folder)
            if words.contains("--no-daemon") {
                try await Program.running(shell(text, in: folder), environment: environment) { program in
                    #expect(await program.wait { $0.output.contains("answers STUN at") }, "\(program.state.output)")
                }
            } else if words.count == 1 || words[1].hasPrefix("-") {
                let result = try await Program.run(shell(text, in: folder), environment: environment)
                let file = words.last == text || words.count < 3 ? "stund.yaml" : words[2]
                let pid = try String(contentsOfFile: "\(folder)/\(file).d/stund.pid", encoding: .utf8)
                kill(try #require(Int32(pid.trimmingCharacters(in: .whitespacesAndNewlines))), SIGTERM)
                #expect(result.exitCode == 0, "\(result.output)")
            } else {
                // The commands that ask a server find one in the same folder.
                let server = shell("stund --no-daemon", in: folder)
                try await Program.running(server, environment: environment) { program in
                    #expect(await program.wait { $0.output.contains("answers STUN at") })
                    let result = try await Program.run(shell(text, in: folder), environment: environment)
                    #expect(result.exitCode == 0, "\(result.output)")
                }
            }
        }
    }

    @Test("every example of settings is accepted by stund check", arguments: settings)
    func example(yaml: String) async throws {
        try await withTemporaryFolder { folder in
            try yaml.write(toFile: folder + "/stund.yaml", atomically: true, encoding: .utf8)
            // A second address alone needs a host with two, which the machine of the test may not be.
            let isSecondAlone = yaml.contains("second-address:") && !yaml.contains("\naddress:")
            let command = "stund check" + (isSecondAlone ? " --set address=192.0.2.1" : "")
            let result = try await Program.run(shell(command, in: folder), environment: ["PATH": path])
            // The examples' addresses are nobody's (RFC 5737), so their host is not ready for them; 71 says just that.
            let isOnlyMissingAddress = result.exitCode == 71 && result.output.contains("The settings are right, but")
            #expect(result.exitCode == 0 || isOnlyMissingAddress, "\(yaml)\n\(result.output)")
        }
    }

    @Test("there is something to try in the documents")
    func isNotEmpty() {
        #expect(Self.commands.count >= 8)
        #expect(Self.settings.count >= 20)
    }

    private func shell(_ command: String, in folder: String) -> [String] {
        ["sh", "-c", "cd '\(folder)' && exec \(command)"]
    }

    /// The program of the build in front of any other one.
    private var path: String {
        let folder = (Partners.stund as NSString).deletingLastPathComponent
        return folder + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
    }

    /// Ports of their own for the test, so that commands can stay as the documents have them.
    private func environment(_ folder: String) throws -> [String: String?] {
        let ports = try Ports.free()
        return [
            "PATH": path, "STUND_STUN_PORT_1": "\(ports.first)", "STUND_STUN_PORT_2": "\(ports.second)",
            "STUND_LOG_FILE": folder + "/log", "STUND_HTTP_PASSWORD": "a password of the test",
        ]
    }

    /// The fenced blocks of a language in a document.
    private static func blocks(_ language: String, in document: String) -> [String] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let text = (try? String(contentsOf: root.appendingPathComponent(document), encoding: .utf8)) ?? ""
        return text.components(separatedBy: "```\(language)\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
    }

    private static func stundCommands(_ block: String) -> [String] {
        block.split(separator: "\n").filter { $0.hasPrefix("stund") }.map { line in
            line.components(separatedBy: "#")[0].trimmingCharacters(in: .whitespaces)
        }
    }
}
