import Foundation

/// A certificate and its key, made by `openssl` when first used, as PEM text.
public struct TestCertificate: Sendable {
    /// The certificate.
    public let chain: [UInt8]
    /// Its private key.
    public let key: [UInt8]
    /// Where they lie, for clients that want files.
    public let folder: String

    /// Signed by itself, for `turn.example.org`, `*.stun.example.org`, 192.0.2.1 and 2001:db8::1.
    public static let usual = make("usual", newKey: "ec")
    /// The same with an RSA key, as most certificates have.
    public static let rsa = make("rsa", newKey: "rsa:2048")
    /// For another name.
    public static let other = make("other", newKey: "ec", names: "DNS:other.example.org")
    /// Its key is too short for anybody.
    public static let weak = make("weak", newKey: "rsa:1024")

    /// Makes one.
    public static func make(
        _ name: String,
        newKey: String,
        names: String = "DNS:turn.example.org,DNS:*.stun.example.org,IP:192.0.2.1,IP:2001:db8::1,email:a@example.org",
        days: Int = 30
    ) -> TestCertificate {
        let folder = NSTemporaryDirectory() + "stund-tls-\(name)-" + UUID().uuidString
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            preconditionFailure("\(error)")
        }
        var arguments = ["req", "-x509", "-nodes", "-newkey", newKey]
        if newKey == "ec" { arguments += ["-pkeyopt", "ec_paramgen_curve:P-256"] }
        arguments += [
            "-keyout", folder + "/key.pem", "-out", folder + "/chain.pem", "-days", "\(days)",
            "-subj", "/CN=turn.example.org", "-addext", "subjectAltName=" + names,
        ]
        run(arguments)
        return TestCertificate(chain: read(folder + "/chain.pem"), key: read(folder + "/key.pem"), folder: folder)
    }

    /// The key with a password.
    public var encryptedKey: [UInt8] {
        let path = folder + "/encrypted.pem"
        Self.run(["pkey", "-in", folder + "/key.pem", "-aes256", "-passout", "pass:secret", "-out", path])
        return Self.read(path)
    }

    /// What `openssl` says of it.
    public func openssl(_ arguments: [String]) -> String {
        Self.run(["x509", "-in", folder + "/chain.pem", "-noout"] + arguments)
    }

    /// Runs `openssl`.
    @discardableResult
    public static func run(_ arguments: [String]) -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            preconditionFailure("openssl: \(error)")
        }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        precondition(process.terminationStatus == 0, "openssl \(arguments) failed")
        return String(decoding: data, as: UTF8.self)
    }

    /// Where the file of the certificate and that of the key lie.
    public var files: (chain: String, key: String) { (folder + "/chain.pem", folder + "/key.pem") }

    private static func read(_ path: String) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else { preconditionFailure("no file \(path)") }
        return Array(data)
    }
}
