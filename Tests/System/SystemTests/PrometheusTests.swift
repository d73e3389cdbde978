import Foundation
import Testing

@Suite(
    "What Prometheus reads, as promtool checks it",
    .enabled(if: Partners.has("promtool"), "promtool is missing (Scripts/install-packages test)")
)
struct PrometheusTests {
    @Test("stund metrics is OpenMetrics that Prometheus takes in whole")
    func metrics() async throws {
        try await withServer { _, command, ports in
            try expectAnswer(ports)
            let text = try await Program.run([Partners.stund, "metrics", "--config", command.settingsFile])
            #expect(text.exitCode == 0 && text.output.hasSuffix("# EOF\n"), "\(text.output)")
            #expect(text.lines.contains(#"stund_answers_total{dialect="rfc8489"} 1"#))
            try await withTemporaryFolder { folder in
                // What is read from a file needs times, which a scrape does not have.
                let lines = text.lines.filter { !$0.isEmpty }.map { $0.hasPrefix("#") ? $0 : $0 + " 1795500000" }
                let samples = lines.count { !$0.hasPrefix("#") }
                try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: folder + "/text"))
                let arguments = ["tsdb", "create-blocks-from", "openmetrics", folder + "/text", folder + "/blocks"]
                let taken = try await Program.run(["promtool"] + arguments)
                #expect(taken.exitCode == 0, "\(taken.output)")
                let words = taken.lines.last { $0.contains("ms ") }?.split(separator: " ").map(String.init) ?? []
                #expect(words.contains("\(samples)"), "\(samples) samples: \(taken.output)")
            }
        }
    }

    @Test("the alert rules are right")
    func rules() async throws {
        let result = try await Program.run([
            "promtool", "check", "rules", Partners.root + "/deploy/prometheus-rules.yml",
        ])
        #expect(result.exitCode == 0 && result.output.contains("SUCCESS"), "\(result.output)")
    }

    @Test("the example of a scrape is right")
    func scrape() async throws {
        try await withTemporaryFolder { folder in
            for name in ["prometheus.yml", "prometheus-rules.yml"] {
                let text = try String(contentsOfFile: Partners.root + "/deploy/" + name, encoding: .utf8)
                // promtool wants the file with the token to be there.
                let own = text.replacingOccurrences(of: "/etc/prometheus/stund-token", with: folder + "/token")
                try Data(own.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
            }
            try Data("secret".utf8).write(to: URL(fileURLWithPath: folder + "/token"))
            let result = try await Program.run(["promtool", "check", "config", folder + "/prometheus.yml"])
            #expect(result.exitCode == 0 && result.output.contains("SUCCESS"), "\(result.output)")
        }
    }

    @Test("each question of the dashboard is one that Prometheus understands")
    func dashboard() async throws {
        let file = URL(fileURLWithPath: Partners.root + "/deploy/grafana-dashboard.json")
        let questions = try JSONDecoder().decode(Dashboard.self, from: Data(contentsOf: file)).panels.flatMap(\.targets)
        #expect(questions.count > 15)
        var rules = "groups:\n- name: dashboard\n  rules:\n"
        for (index, question) in questions.enumerated() {
            let text = question.expr.replacingOccurrences(of: "$__rate_interval", with: "5m")
                .replacingOccurrences(of: "$instance", with: ".*")
            #expect(!text.contains("$"))
            rules += "  - record: question_\(index)\n    expr: '\(text)'\n"
        }
        try await withTemporaryFolder { folder in
            try Data(rules.utf8).write(to: URL(fileURLWithPath: folder + "/rules.yml"))
            let result = try await Program.run(["promtool", "check", "rules", folder + "/rules.yml"])
            #expect(
                result.exitCode == 0 && result.output.contains("\(questions.count) rules found"),
                "\(result.output)"
            )
        }
    }

    private struct Dashboard: Decodable {
        let panels: [Panel]

        struct Panel: Decodable { let targets: [Target] }
        struct Target: Decodable { let expr: String }
    }
}
