import Foundation
import Observability
import SecureTransport
import ServerSettings
import TestTLS
import Testing

@testable import ServerRuntime

@Suite("The certificate's files are read again when they change, and a bad one never takes the place of a good one")
struct CertificateWatchTests {
    /// A time at which all certificates of these tests are good.
    private static func now() throws -> Int64 {
        try CertificateFacts(pem: TestCertificate.usual.chain).notBefore + 3600
    }

    @Test("a link that leads elsewhere swaps chain and key in one look, however often")
    func link() throws {
        let (folder, now) = (try CertificateFolder(), try Self.now())
        try folder.putBehindLink(.usual, version: "..1")
        var watch = try folder.watch()
        #expect(watch.look(now: now).isEmpty)
        for (number, certificate) in [TestCertificate.other, .rsa, .other, .usual].enumerated() {
            try folder.putBehindLink(certificate, version: "..new\(number)")
            let notes = watch.look(now: now)
            #expect(notes.map(\.code) == [.certificateReplaced])
            #expect(watch.current?.contents.key == certificate.key)
            #expect(notes.first?.text.contains(watch.current?.facts.sentence ?? "?") == true)
        }
        #expect(watch.loads == (4, 0))
    }

    @Test("two files that are replaced one after the other are quietly waited for")
    func oneAfterTheOther() throws {
        let (folder, now) = (try CertificateFolder(), try Self.now())
        var watch = try folder.watch()
        try folder.put(TestCertificate.other.chain, at: folder.chain)
        for _ in 0..<2 { #expect(watch.look(now: now).isEmpty) }
        #expect(watch.current?.facts.names.first == "turn.example.org" && watch.fault == nil)
        try folder.put(TestCertificate.other.key, at: folder.key)
        #expect(watch.look(now: now).map(\.code) == [.certificateReplaced])
        #expect(watch.current?.facts.names == ["other.example.org"])
    }

    @Test(
        "what stays wrong is told once with setting, file and reason, and is over when it is right",
        arguments: Fault.allCases
    )
    func fault(_ fault: Fault) throws {
        let (folder, now) = (try CertificateFolder(), try Self.now())
        var watch = try folder.watch()
        #expect(watch.look(now: now).isEmpty)
        try fault.make(in: folder)
        for _ in 0..<2 { #expect(watch.look(now: now).isEmpty) }
        let notes = watch.look(now: now)
        #expect(notes.map(\.code) == [.certificateNotTaken])
        let file = fault.isOfKey ? "tls-key \(folder.key)" : "tls-certificate \(folder.chain)"
        #expect(notes.first?.text.contains("\(file): \(fault.reason)") == true, "\(notes)")
        #expect(watch.fault?.hasPrefix(file) == true)
        for _ in 0..<5 { #expect(watch.look(now: now).isEmpty) }
        #expect(watch.current?.contents.key == TestCertificate.usual.key && watch.loads == (0, 1))
        for path in [folder.chain, folder.key] { try? folder.remove(path) }
        try folder.put(.other)
        #expect(watch.look(now: now).map(\.code) == [.certificateReplaced])
        #expect(watch.current?.contents.key == TestCertificate.other.key && watch.fault == nil)
    }

    /// What somebody may leave in the place of the files.
    enum Fault: CaseIterable {
        case noChain, noKey, rubbish, emptyKey, keyOfAnother, password, folder, pipe, large

        var isOfKey: Bool { [.noKey, .emptyKey, .keyOfAnother, .password].contains(self) }

        var reason: String {
            switch self {
            case .noChain, .noKey: "there is no such file"
            case .rubbish: "there is no certificate in it"
            case .emptyKey: "there is no private key in it"
            case .keyOfAnother: "the private key does not belong to the certificate"
            case .password: "the private key is encrypted"
            case .folder, .pipe: "it is no file"
            case .large: "it is larger than 1 MiB"
            }
        }

        func make(in folder: CertificateFolder) throws {
            let usual = TestCertificate.usual
            switch self {
            case .noChain: try folder.remove(folder.chain)
            case .noKey: try folder.remove(folder.key)
            case .rubbish: try folder.put(usual.chain.dropLast(40).reversed(), at: folder.chain)
            case .emptyKey: try folder.put([], at: folder.key)
            case .keyOfAnother: try folder.put(TestCertificate.other.key, at: folder.key)
            case .password: try folder.put(usual.encryptedKey, at: folder.key)
            case .folder:
                try folder.remove(folder.chain)
                try FileManager.default.createDirectory(atPath: folder.chain, withIntermediateDirectories: false)
            case .pipe:
                try folder.remove(folder.chain)
                folder.makePipe(folder.chain)
            case .large: try folder.put([UInt8](repeating: 0x0A, count: 1 << 20) + usual.chain, at: folder.chain)
            }
        }
    }

    @Test("a person who asks is told at once, and each time")
    func asked() throws {
        let (folder, now) = (try CertificateFolder(), try Self.now())
        var watch = try folder.watch()
        try folder.put(TestCertificate.other.key, at: folder.key)
        for _ in 0..<2 { #expect(watch.look(now: now, isAsked: true).map(\.code) == [.certificateNotTaken]) }
        for _ in 0..<3 { #expect(watch.look(now: now).isEmpty, "it is known") }
        #expect(watch.loads == (0, 2))
    }

    @Test("files that are put back as they were end the fault, and the log says that all is well")
    func putBack() throws {
        let (folder, now) = (try CertificateFolder(), try Self.now())
        var watch = try folder.watch()
        try folder.remove(folder.key)
        for _ in 0..<3 { _ = watch.look(now: now) }
        #expect(watch.fault != nil)
        try folder.put(.usual)
        #expect(watch.look(now: now).map(\.code) == [.certificateInUse])
        #expect(watch.fault == nil && watch.look(now: now).isEmpty && watch.loads == (0, 1))
    }

    @Test("one file may have both certificate and key, and another chain behind the same certificate is a change too")
    func oneFile() throws {
        let (folder, now) = (try CertificateFolder(), try Self.now())
        let usual = TestCertificate.usual
        try folder.put(usual.key + usual.chain, at: folder.chain)
        var settings = folder.settings
        settings.tlsKey = nil
        var watch = try CertificateWatch(CertificateFiles(settings))
        #expect(watch.current?.facts.names.first == "turn.example.org")
        try folder.put(usual.key + usual.chain + TestCertificate.other.chain, at: folder.chain)
        #expect(watch.look(now: now).map(\.code) == [.certificateReplaced])
        settings.tlsKey = settings.tlsCertificate
        #expect(CertificateFiles(settings) == watch.files)
    }

    @Test("an expired certificate does not take the place of a good one, but is better than none at the start")
    func expiredFile() throws {
        let folder = try CertificateFolder()
        let later = try CertificateFacts(pem: TestCertificate.long.chain).notAfter - 30 * 86_400
        try folder.put(.long)
        var watch = try folder.watch()
        try folder.put(.usual)
        var notes: [CertificateNote] = []
        for _ in 0..<4 { notes += watch.look(now: later) }
        #expect(notes.map(\.code) == [.certificateNotTaken])
        #expect(
            notes.first?.text.contains("has expired on ") == true && notes.first?.text.contains(": renew it") == true
        )
        #expect(watch.current?.contents.key == TestCertificate.long.key)
        var late = try folder.watch()
        #expect(late.look(now: later).map(\.code) == [.certificateNotValid])
        #expect(late.current?.contents.key == TestCertificate.usual.key)
    }

    @Test(
        "the end is announced 14 days before, or when a quarter of the life is left, and daily; then that it has come"
    )
    func expiry() throws {
        let day: Int64 = 86_400
        for (certificate, notice) in [(TestCertificate.long, 14 * day), (.usual, 30 * day / 4)] {
            let folder = try CertificateFolder(certificate)
            let end = try CertificateFacts(pem: certificate.chain).notAfter
            var watch = try folder.watch()
            func codes(_ time: Int64) -> [MessageCode] { watch.look(now: time).map(\.code) }
            #expect(codes(end - notice - 1).isEmpty)
            #expect(codes(end - notice) == [.certificateExpiresSoon])
            #expect(codes(end - notice + day - 1).isEmpty)
            #expect(codes(end - notice + day) == [.certificateExpiresSoon])
            #expect(codes(end) == [.certificateExpiresSoon], "a day and more has passed")
            #expect(codes(end + 1) == [.certificateNotValid])
            #expect(codes(end + day).isEmpty)
            #expect(codes(end + day + 1) == [.certificateNotValid])
            #expect(codes(end + day) == [.certificateNotValid], "the clock was set back")
            #expect(codes(end - notice - 1).isEmpty)
            try folder.put(.other)
            #expect(codes(try Self.now()).first == .certificateReplaced)
        }
    }

    @Test("a certificate that begins later is served, and the log says so daily until it begins")
    func early() throws {
        let folder = try CertificateFolder()
        let begin = try CertificateFacts(pem: TestCertificate.usual.chain).notBefore
        var watch = try folder.watch()
        let notes = watch.look(now: begin - 1)
        #expect(notes.map(\.code) == [.certificateNotValid])
        #expect(notes.first?.text.contains("is not valid before") == true)
        #expect(watch.look(now: begin).isEmpty)
    }
}

extension TestCertificate {
    /// For 90 days, as most certificates are.
    static let long = make("long", newKey: "ec", days: 90)
}
