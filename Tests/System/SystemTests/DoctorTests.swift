import Foundation
import Testing

@Suite("stund doctor")
struct DoctorTests {
    private struct Report: Decodable {
        struct Finding: Decodable {
            let check: String
            let state: String
            let finding: String
            let remedy: String
        }
        let isFit: Bool
        let findings: [Finding]
    }

    private func doctor(_ words: [String]) async throws -> (Report, Program.State) {
        let end = try await Program.run([Partners.stund, "doctor", "--json"] + words)
        let report = try JSONDecoder().decode(Report.self, from: Data(end.output.utf8))
        return (report, end)
    }

    @Test("A held port is bad before the start, and good with its server's self-test after it")
    func beforeAndAfter() async throws {
        try await withServer(["relay-address": "127.0.0.1"]) { server, command, _ in
            let own = ["--config", command.settingsFile]
            let (running, end) = try await doctor(own)
            #expect(running.isFit && end.exitCode == 0, "\(end.output)")
            #expect(
                running.findings.contains { $0.check == "server" && $0.finding.contains("process \(server.processID)") }
            )
            #expect(
                running.findings.contains { $0.check.hasPrefix("self-test: ") && $0.state == "good" },
                "\(end.output)"
            )
            // The same ports, wanted by another settings file.
            let other = (command.settingsFile as NSString).deletingLastPathComponent + "/other.yaml"
            try FileManager.default.copyItem(atPath: command.settingsFile, toPath: other)
            let (refused, ended) = try await doctor(["--config", other])
            #expect(!refused.isFit && ended.exitCode == 71, "\(ended.output)")
            #expect(
                refused.findings.contains {
                    $0.check == "ports" && $0.state == "bad" && $0.finding.contains("stund (pid")
                }
            )
            let text = try await Program.run([Partners.stund, "doctor"] + own)
            #expect(text.output.contains("good     server: ") && text.exitCode == 0, "\(text.output)")
        }
    }

    @Test("Another STUN server is asked only when told to, and what it sees is compared")
    func asking() async throws {
        try await withServer(["relay-address": "127.0.0.1"]) { _, command, ports in
            let words = ["--config", command.settingsFile]
            let (quiet, _) = try await doctor(words)
            #expect(!quiet.findings.contains { $0.check == "public address" })
            let (asked, end) = try await doctor(words + ["--ask", "127.0.0.1:\(ports.first)"])
            #expect(asked.findings.contains { $0.check == "public address" && $0.state == "good" }, "\(end.output)")
            let wrong = words + ["--ask", "127.0.0.1/classic"]
            #expect(try await Program.run([Partners.stund, "doctor"] + wrong).exitCode == 64)
        }
    }

    @Test("Settings that are wrong end it with file, line and key, as everywhere")
    func wrongSettings() async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/stund.yaml"
            try "stun-port-1: x\n".write(toFile: file, atomically: true, encoding: .utf8)
            let end = try await Program.run([Partners.stund, "doctor", "--config", file])
            #expect(end.exitCode == 78 && end.output.contains("stund.yaml:1"), "\(end.output)")
        }
    }
}
