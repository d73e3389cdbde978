import Foundation
import Testing

@Suite(
    "One port for STUN, TURN, a web site and the console, and proxies before it",
    .enabled(if: Partners.has("nginx", "haproxy", "curl"), "needs nginx, haproxy and curl")
)
struct WebSharingTests {
    @Test(
        "nginx behind the TLS port gets HTTP and TLS for its own name, the console HTTPS for ours, clients of TURN the rest"
    )
    func sharing() async throws {
        try await withTemporaryFolder { folder in
            for name in ["site", "turn"] { try await Self.makeCertificate(name, in: folder) }
            let (web, own) = (try Ports.free(), try Ports.free().first)
            try await Self.withSite(web, in: folder) {
                let settings = [
                    "tls-certificate": folder + "/turn.pem", "tls-key": folder + "/turn.key", "tls-port": "\(own)",
                    "http-tls": "on", "web-server": "127.0.0.1:\(web.first)",
                    "web-tls-server": "127.0.0.1:\(web.second)",
                ]
                try await ConsoleServing.running(settings, hasPassword: true) { serving in
                    let log = { serving.program.state.output }
                    let plain = try await Self.curl("http://site.example.org:\(own)/index.html", own)
                    #expect(plain == "the site\n", "\(log())")
                    let site = ["--cacert", folder + "/site.pem"]
                    let secure = try await Self.curl("https://site.example.org:\(own)/index.html", own, site)
                    #expect(secure == "the site, secured\n", "\(log())")
                    let sum = try await Self.sum(of: folder + "/secure/large")
                    _ = try await Self.curl(
                        "https://site.example.org:\(own)/large",
                        own,
                        site + ["--output", folder + "/got"]
                    )
                    #expect(try await Self.sum(of: folder + "/got") == sum)
                    let console = ["--cacert", folder + "/turn.pem", "--user", "admin:\(ConsoleServing.password)"]
                    let status = try await Self.curl("https://turn.example.org:\(own)/api/v1/status", own, console)
                    #expect(status.contains("\"version\""), "\(status)\n\(log())")
                    let hello = try await Program.run(
                        ["openssl", "s_client", "-connect", "127.0.0.1:\(own)", "-alpn", "stun.turn"],
                        limit: .seconds(20)
                    )
                    #expect(
                        hello.output.contains("ALPN protocol: stun.turn") && hello.output.contains("turn.example.org")
                    )
                    let mapped = try await Self.binding(own, from: "127.0.0.3", tls: true)
                    #expect(mapped.seen == mapped.own && mapped.seen.hasPrefix("127.0.0.3:"))
                }
            }
        }
    }

    @Test(
        "a site that nginx serves behind the port sees its visitors' own addresses with web-proxy-protocol, over TLS too"
    )
    func told() async throws {
        try await withTemporaryFolder { folder in
            for name in ["site", "turn"] { try await Self.makeCertificate(name, in: folder) }
            let (web, own) = (try Ports.free(), try Ports.free().first)
            try await Self.withSite(web, in: folder, isTold: true) {
                let settings = [
                    "tls-certificate": folder + "/turn.pem", "tls-key": folder + "/turn.key", "tls-port": "\(own)",
                    "web-server": "127.0.0.1:\(web.first)", "web-tls-server": "127.0.0.1:\(web.second)",
                    "web-proxy-protocol": "on",
                ]
                try await ConsoleServing.running(settings) { serving in
                    for (scheme, more) in [("http", []), ("https", ["--cacert", folder + "/site.pem"])] {
                        let seen = try await Self.curl(
                            "\(scheme)://site.example.org:\(own)/visitor",
                            own,
                            more + ["--interface", "127.0.0.3", "--write-out", "%{local_ip}:%{local_port}"]
                        )
                        let lines = seen.split(separator: "\n")
                        #expect(
                            lines.count == 2 && lines[0] == lines[1] && seen.hasPrefix("127.0.0.3:"),
                            "\(seen)\n\(serving.program.state.output)"
                        )
                    }
                }
            }
        }
    }

    @Test("a client behind haproxy is seen at its own address, over TCP and TLS, and has its relay there")
    func proxied() async throws {
        let front = try Ports.free().first
        let relay = Relay(
            server: .ours,
            hasCertificate: true,
            settings: ["proxies": "127.0.0.1", "rfc5766-channels": "on"]
        )
        try await relay.running { ports, program in
            try await withTemporaryFolder { folder in
                let configuration = """
                    defaults
                        mode tcp
                        timeout connect 5s
                        timeout client 60s
                        timeout server 60s
                    listen turn
                        bind 127.0.0.1:\(front)
                        server stund 127.0.0.1:\(ports.first) send-proxy-v2 check
                    """
                try (configuration + "\n").write(toFile: folder + "/haproxy.cfg", atomically: true, encoding: .utf8)
                try await Program.running(["haproxy", "-db", "-f", folder + "/haproxy.cfg"]) { _ in
                    try await Self.waitUntilOpen(front)
                    for tls in [false, true] {
                        let mapped = try await Self.binding(front, from: "127.0.0.3", tls: tls)
                        #expect(mapped.seen == mapped.own && mapped.seen.hasPrefix("127.0.0.3:"))
                    }
                    let mode = RelayClientTests.Mode(name: "TCP", flags: ["-t"])
                    let end = try await RelayClientTests.run(mode, Ports(first: front, second: ports.second))
                    #expect(
                        end.output.contains("Total lost packets 0 (0.000000%)"),
                        "\(end.output)\n\(program.state.output)"
                    )
                }
            }
        }
    }

    /// What curl gets of an address, whose name it takes for this host's.
    private static func curl(_ url: String, _ port: UInt16, _ more: [String] = []) async throws -> String {
        let names = ["site", "turn"].flatMap { ["--resolve", "\($0).example.org:\(port):127.0.0.1"] }
        let end = try await Program.run(
            ["curl", "--silent", "--show-error", "--fail", "--max-time", "20"] + names + more + [url]
        )
        return end.output
    }

    private static func sum(of file: String) async throws -> String {
        String(try await Program.run(["sha256sum", file]).output.prefix(64))
    }

    private static func binding(
        _ port: UInt16,
        from source: String,
        tls: Bool
    ) async throws -> (seen: String, own: String) {
        let end = try await Program.run(
            ["python3", Partners.helpers + "/stream_binding.py", "127.0.0.1", "\(port)", source] + (tls ? ["tls"] : [])
        )
        let parts = end.output.split(whereSeparator: \.isWhitespace).map(String.init)
        guard end.exitCode == 0, parts.count == 2 else { throw Program.Failure(description: end.output) }
        return (parts[0], parts[1])
    }

    private static func waitUntilOpen(_ port: UInt16) async throws {
        for _ in 0..<200 {
            let probe = ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(port)"]
            if try await Program.run(probe).exitCode == 0 { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw Program.Failure(description: "nobody listens at port \(port)")
    }

    private static func makeCertificate(_ name: String, in folder: String) async throws {
        let made = try await Program.run(
            [
                "openssl", "req", "-x509", "-nodes", "-days", "30", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-keyout", "\(folder)/\(name).key", "-out", "\(folder)/\(name).pem", "-subj", "/CN=\(name).example.org",
                "-addext", "subjectAltName=DNS:\(name).example.org",
            ]
        )
        guard made.exitCode == 0 else { throw Program.Failure(description: made.output) }
    }

    /// Runs `body` while nginx serves two sites, without and with TLS; `isTold`: by the PROXY protocol alone.
    private nonisolated(nonsending) static func withSite(
        _ ports: Ports,
        in folder: String,
        isTold: Bool = false,
        _ body: () async throws -> Void
    ) async throws {
        let files = FileManager.default
        for (name, text) in [("plain", "the site\n"), ("secure", "the site, secured\n")] {
            try files.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
            try text.write(toFile: "\(folder)/\(name)/index.html", atomically: true, encoding: .utf8)
        }
        let large = Data((0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) })
        try large.write(to: URL(fileURLWithPath: folder + "/secure/large"))
        // Whoever nginx runs as must be able to read it.
        try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
        let told = isTold ? " proxy_protocol" : ""
        let visitor = isTold ? "location /visitor { return 200 \"$proxy_protocol_addr:$proxy_protocol_port\\n\"; }" : ""
        let configuration = """
            daemon off;
            pid \(folder)/nginx.pid;
            error_log stderr;
            events {}
            http {
                access_log off;
                client_body_temp_path \(folder)/body;
                proxy_temp_path \(folder)/proxy;
                fastcgi_temp_path \(folder)/fastcgi;
                uwsgi_temp_path \(folder)/uwsgi;
                scgi_temp_path \(folder)/scgi;
                server { listen 127.0.0.1:\(ports.first)\(told); root \(folder)/plain; \(visitor) }
                server {
                    listen 127.0.0.1:\(ports.second) ssl http2\(told);
                    \(visitor)
                    ssl_certificate \(folder)/site.pem;
                    ssl_certificate_key \(folder)/site.key;
                    root \(folder)/secure;
                }
            }
            """
        try (configuration + "\n").write(toFile: folder + "/nginx.conf", atomically: true, encoding: .utf8)
        try await Program.running(["nginx", "-c", folder + "/nginx.conf", "-e", "stderr"]) { _ in
            try await waitUntilOpen(ports.first)
            try await body()
        }
    }
}
