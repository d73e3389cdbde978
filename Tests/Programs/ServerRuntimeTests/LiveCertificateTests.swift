import Addresses
import Administration
import Foundation
import Observability
import PacketEngine
import SecureTransport
import ServerSettings
import TestSockets
import TestTLS
import Testing

@testable import ServerRuntime

@Suite("A server with a certificate of its own, on loopback")
struct LiveCertificateTests {
    @Test("it listens at tls-port, serves TLS there and at the STUN port, and tells of the certificate")
    func serves() async throws {
        let (folder, port) = (try CertificateFolder(), try Self.freePort())
        let host = try ServerUnderTest(folder.text + "tls-port: \(port)\n")
        let status = try await host.server.status()
        #expect(status.listeners.contains("tcp 127.0.0.1:\(port)"))
        #expect(status.listeners.contains("udp 127.0.0.1:\(port) (DTLS)"))
        let certificate = try #require(status.certificate)
        #expect(
            certificate.names.first == "turn.example.org" && certificate.isValid && certificate.file == folder.chain
        )
        #expect(certificate.notAfter - certificate.notBefore == 30 * 86_400 && certificate.trouble == nil)
        for port in [port, host.port1] {
            let stream = try TestStream(connectingTo: SocketAddress(IPAddress(v4: 0x7F00_0001), port: port))
            let client = try TestTLSStream(over: stream, trust: .usual)
            #expect(client.applicationProtocol == "stun.turn")
        }
        let check = await host.server.readiness().checks.first { $0.name == "certificate" }
        #expect(check?.isGood == true)
        #expect(await host.server.selfTest().allSatisfy(\.isGood))
        let expiry = try await host.server.metrics().first {
            $0.name == "stund_tls_certificate_expiry_timestamp_seconds"
        }
        #expect(expiry?.samples.map(\.value) == [Double(certificate.notAfter)])
    }

    @Test("new files are served within seconds, without a signal or a hook")
    func replaced() async throws {
        let folder = try CertificateFolder()
        let host = try ServerUnderTest(folder.text + "tls-port: \(try Self.freePort())\n")
        let old = try TestTLSStream(over: TestStream(connectingTo: host.address()), trust: .usual)
        try folder.put(.other)
        try await host.waitForLog("TLS certificate replaced: other.example.org")
        // Messages are read in order.
        _ = await host.server.pool.reports()
        let new = try TestTLSStream(over: TestStream(connectingTo: host.address()), trust: .other)
        #expect(new.state == .open && old.state == .open)
        #expect(try await host.server.status().certificate?.names == ["other.example.org"])
    }

    @Test("without its file a server does not start: it would silently serve no TLS")
    func missing() throws {
        let folder = try CertificateFolder()
        try folder.put([], at: folder.key)
        let error = #expect(throws: StartError.self) { try ServerUnderTest(folder.text) }
        let expected = "tls-key \(folder.key): there is no private key in it"
        #expect(error?.description.hasPrefix(expected) == true && error?.code == .settingsRefused)
        #expect(LiveServer.obstacles(folder.settings).first?.hasPrefix(expected) == true)
        #expect(LiveServer.obstacles(folder.settings).first?.hasSuffix("the server would not start") == true)
        try folder.put(.usual)
        #expect(LiveServer.obstacles(folder.settings).isEmpty)
    }

    @Test("with an expired certificate a server starts, says so everywhere, and is not ready")
    func expired() async throws {
        let folder = try CertificateFolder()
        let renewal = ["-signkey", folder.key, "-days", "-1", "-out", folder.chain]
        TestCertificate.run(["x509", "-in", TestCertificate.usual.folder + "/chain.pem"] + renewal)
        let host = try ServerUnderTest(folder.text + "tls-port: \(try Self.freePort())\n")
        let status = try await host.server.status()
        #expect(status.certificate?.isValid == false)
        #expect(status.warnings.contains { $0.contains("has expired on") })
        #expect(host.server.certificateWarnings.count == 1)
        let report = await host.server.readiness()
        #expect(!report.isReady)
        #expect(report.checks.filter { !$0.isGood }.map(\.name) == ["certificate"])
        try await host.waitForLog("has expired on")
        guard case .good(_, let warning) = CertificatePreview(folder.settings) else {
            Issue.record("it would start")
            return
        }
        #expect(warning?.contains("has expired on") == true)
        try folder.put(.usual)
        try await host.waitForLog("TLS certificate replaced")
        #expect(await host.server.readiness().isReady)
    }

    @Test("a reload with a certificate that cannot be read changes nothing; one that can is served at once")
    func reload() async throws {
        let folder = try CertificateFolder()
        let host = try ServerUnderTest("log-level: 5\n")
        #expect(try await host.server.status().certificate == nil)
        try host.rewrite("log-level: 6\ntls-certificate: \(folder.path)/none.pem\n")
        let error = await #expect(throws: CertificateFault.self) { try await host.server.reload() }
        #expect(error?.description.hasPrefix("tls-certificate \(folder.path)/none.pem: there is no such file") == true)
        #expect(host.server.settings.settings.logLevel == 5)
        try host.rewrite("log-level: 6\n" + folder.text)
        try await host.server.reload()
        _ = await host.server.pool.reports()
        _ = try TestTLSStream(over: TestStream(connectingTo: host.address()), trust: .usual)
        #expect(
            try await host.server.status().warnings.contains {
                $0.hasPrefix("tls-port 5349 opens when the server starts anew")
            }
        )
        #expect(
            try await host.server.log(LogQuery()).entries.contains {
                $0.code == 1111 && $0.text.contains("tls-port 5349 opens")
            }
        )
        try host.rewrite("log-level: 6\n")
        try await host.server.reload()
        #expect(try await host.server.status().certificate == nil)
        #expect(try await !host.server.status().warnings.contains { $0.hasPrefix("tls-port 5349") })
    }

    /// A port that is free for UDP and TCP.
    private static func freePort() throws -> UInt16 {
        for _ in 0..<100 {
            let socket = try UDPSocket(bindingTo: .loopback(0), sharesPort: false, bufferSize: 65_536)
            let port = socket.boundPort()
            if (try? TCPListener.probe(.loopback(port))) != nil { return port }
        }
        throw CocoaError(.featureUnsupported)
    }
}
