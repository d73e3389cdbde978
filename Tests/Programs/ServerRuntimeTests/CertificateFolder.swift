// Unsafe: rename and mkfifo take C pointers.

import Foundation
import Observability
import SecureTransport
import ServerSettings
import Synchronization
import TestTLS

@testable import ServerRuntime

/// A folder in which certificates lie as programs that renew them leave them.
final class CertificateFolder {
    let path = NSTemporaryDirectory() + "stund-certificates-" + UUID().uuidString
    var chain: String { path + "/fullchain.pem" }
    var key: String { path + "/privkey.pem" }

    /// Begins with this certificate and its key.
    init(_ certificate: TestCertificate = .usual) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try put(certificate)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Puts both files there, each in one step.
    func put(_ certificate: TestCertificate) throws {
        try put(certificate.chain, at: chain)
        try put(certificate.key, at: key)
    }

    /// Puts a file there in one step.
    func put(_ bytes: [UInt8], at path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    func makePipe(_ path: String) { unsafe mkfifo(path, 0o600) }

    func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: path) }

    /// Makes a folder of a version beside the others, and has the link to all files lead to it in one step, as Kubernetes
    /// does with a secret.
    func putBehindLink(_ certificate: TestCertificate, version: String) throws {
        let files = FileManager.default
        let folder = "\(path)/\(version)"
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try put(certificate.chain, at: folder + "/fullchain.pem")
        try put(certificate.key, at: folder + "/privkey.pem")
        try files.createSymbolicLink(atPath: path + "/..data_tmp", withDestinationPath: version)
        unsafe rename(path + "/..data_tmp", path + "/..data")
        for name in ["fullchain.pem", "privkey.pem"]
        where (try? files.destinationOfSymbolicLink(atPath: "\(path)/\(name)")) == nil {
            try? files.removeItem(atPath: "\(path)/\(name)")
            try files.createSymbolicLink(atPath: "\(path)/\(name)", withDestinationPath: "..data/\(name)")
        }
    }

    /// The settings that name the files.
    var settings: Settings {
        var settings = Settings()
        settings.tlsCertificate = chain
        settings.tlsKey = key
        return settings
    }

    /// The same, as a settings file has it.
    var text: String { "tls-certificate: \(chain)\ntls-key: \(key)\n" }

    func watch() throws -> CertificateWatch { try CertificateWatch(CertificateFiles(settings)) }
}

/// What a store tells and publishes, in its order.
final class CertificateRecord: Sendable {
    private let state = Mutex<(codes: [MessageCode], names: [String?])>(([], []))

    var codes: [MessageCode] { state.withLock { $0.codes } }
    /// The first names of the certificates that were published; nil where none is served.
    var names: [String?] { state.withLock { $0.names } }

    func store(_ settings: Settings) throws -> CertificateStore {
        try CertificateStore(settings) { code, _ in self.state.withLock { $0.codes.append(code) } }
    }

    func publish(_ contexts: SecureContexts?) {
        state.withLock { $0.names.append(contexts?.stream.facts?.names.first) }
    }
}
