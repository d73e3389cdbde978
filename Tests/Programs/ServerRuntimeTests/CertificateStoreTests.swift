import Administration
import Foundation
import Observability
import SecureTransport
import ServerSettings
import TestTLS
import Testing

@testable import ServerRuntime

@Suite("Who serves TLS is given each new certificate once")
struct CertificateStoreTests {
    private static func now() throws -> Int64 {
        try CertificateFacts(pem: TestCertificate.usual.chain).notBefore + 3600
    }

    @Test("the certificate is given at the start, then each new one, and nothing in between")
    func publishing() throws {
        let (folder, record, now) = (try CertificateFolder(), CertificateRecord(), try Self.now())
        let store = try record.store(folder.settings)
        store.look(now: now)
        #expect(record.names.isEmpty && record.codes.isEmpty)
        store.start(now: now, publish: record.publish)
        for _ in 0..<5 { store.look(now: now) }
        #expect(record.names == ["turn.example.org"] && record.codes == [.certificateInUse])
        try folder.put(.other)
        for _ in 0..<5 { store.look(now: now) }
        try folder.put([], at: folder.key)
        for _ in 0..<5 { store.look(now: now) }
        #expect(record.names == ["turn.example.org", "other.example.org"])
        #expect(record.codes == [.certificateInUse, .certificateReplaced, .certificateNotTaken])
        let report = store.report
        #expect(report.facts?.names == ["other.example.org"] && report.fault?.contains("no private key") == true)
        #expect(report.loads == (1, 1))
        // The same certificate with another chain is another one for clients.
        try folder.put(TestCertificate.other.chain + TestCertificate.usual.chain, at: folder.chain)
        try folder.put(TestCertificate.other.key, at: folder.key)
        store.look(now: now)
        #expect(record.names.count == 3)
    }

    @Test("other files of changed settings are read before anything changes, and bad ones change nothing")
    func settings() throws {
        let (folder, other, now) = (try CertificateFolder(), try CertificateFolder(.other), try Self.now())
        let record = CertificateRecord()
        let store = try record.store(folder.settings)
        store.start(now: now, publish: record.publish)
        try other.remove(other.key)
        let fault = #expect(throws: CertificateFault.self) { try store.prepare(other.settings) }
        #expect(fault?.description.hasPrefix("tls-key \(other.key): there is no such file") == true)
        try other.put(.other)
        store.adopt(try store.prepare(other.settings), now: now)
        #expect(record.names == ["turn.example.org", "other.example.org"])
        // The files that were named before are nobody's any more.
        try folder.remove(folder.key)
        for _ in 0..<5 { store.look(now: now) }
        store.adopt(try store.prepare(Settings()), now: now)
        #expect(record.names == ["turn.example.org", "other.example.org", nil])
        #expect(record.codes == [.certificateInUse, .certificateInUse, .certificateInUse])
        #expect(store.report.status(now: now) == nil && store.report.check(now: now) == nil)
        #expect(store.report.figures.expiry == nil)
    }

    @Test("the same settings have the files looked at at once, and a bad one is told at once")
    func asked() throws {
        let (folder, record, now) = (try CertificateFolder(), CertificateRecord(), try Self.now())
        let store = try record.store(folder.settings)
        store.start(now: now, publish: record.publish)
        try folder.put([], at: folder.key)
        store.adopt(try store.prepare(folder.settings), now: now)
        #expect(record.codes == [.certificateInUse, .certificateNotTaken] && record.names.count == 1)
    }

    @Test("a server is ready while its certificate is valid, bad files beside it or not, and not when it has expired")
    func readiness() throws {
        let (folder, record) = (try CertificateFolder(), CertificateRecord())
        let facts = try CertificateFacts(pem: TestCertificate.usual.chain)
        let store = try record.store(folder.settings)
        let good = try #require(store.report.check(now: facts.notBefore))
        #expect(good.isGood && good.text.contains("is valid until \(facts.expiryText)"))
        #expect(store.report.warnings(now: facts.notBefore).isEmpty)
        let soon = try #require(store.report.check(now: facts.notAfter))
        #expect(soon.isGood && soon.text.contains("expires in"))
        for time in [facts.notBefore - 1, facts.notAfter + 1] {
            #expect(store.report.check(now: time)?.isGood == false)
            #expect(store.report.status(now: time)?.isValid == false && store.report.warnings(now: time).count == 1)
        }
        try folder.remove(folder.key)
        for _ in 0..<3 { store.look(now: facts.notBefore) }
        let old = try #require(store.report.check(now: facts.notBefore))
        #expect(old.isGood && old.text.contains("stays in use: tls-key \(folder.key): there is no such file"))
        #expect(store.report.status(now: facts.notBefore)?.trouble?.hasPrefix("tls-key") == true)
    }
}

@Suite("docs/certificates.md says what works")
struct CertificateDocumentTests {
    @Test("its hook makes one file of certbot's two, which the server takes and others may not read")
    func hook() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..")
        let text = try String(contentsOf: root.appending(path: "docs/certificates.md"), encoding: .utf8)
        let folder = try CertificateFolder()
        let start = try #require(text.range(of: "```sh\n")?.upperBound)
        let end = try #require(text.range(of: "```\n", range: start..<text.endIndex)?.lowerBound)
        let script = text[start..<end].replacing("/etc/stund/", with: folder.path + "/")
            .replacing("chgrp stund", with: "chgrp \(getgid())")
        #expect(script.hasPrefix("#!/bin/sh\n"))
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = ["-c", String(script)]
        shell.environment = ["RENEWED_LINEAGE": folder.path, "PATH": "/usr/bin:/bin"]
        try shell.run()
        shell.waitUntilExit()
        #expect(shell.terminationStatus == 0)
        var settings = Settings()
        settings.tlsCertificate = folder.path + "/turn.pem"
        let watch = try CertificateWatch(CertificateFiles(settings))
        #expect(watch.current?.facts.names.first == "turn.example.org")
        let mode =
            try FileManager.default.attributesOfItem(atPath: folder.path + "/turn.pem")[.posixPermissions] as? Int
        #expect(mode.map { $0 & 0o007 } == 0)
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/turn.pem.new"))
    }
}
