import Foundation
import SecureTransport

/// A certificate that was read and can be served.
struct LoadedCertificate: Sendable {
    let contents: CertificateFiles.Contents
    let contexts: SecureContexts
    let facts: CertificateFacts

    /// Reads the files; an expired certificate is taken too.
    init(_ files: CertificateFiles, within plan: SandboxPlan? = nil) throws(CertificateFault) {
        try self.init(try files.read(within: plan), of: files)
    }

    /// Makes it of what was read from the files.
    init(_ contents: CertificateFiles.Contents, of files: CertificateFiles) throws(CertificateFault) {
        do throws(TLSContextError) {
            contexts = try SecureContexts(chain: contents.chain, key: contents.key)
            facts = try CertificateFacts(pem: contents.chain)
        } catch {
            if error.isAboutKey, let key = files.key {
                throw CertificateFault(key: "tls-key", file: key, reason: "\(error)")
            }
            throw CertificateFault(key: "tls-certificate", file: files.certificate, reason: "\(error)")
        }
        self.contents = contents
    }
}

extension CertificateFacts {
    /// The names, as people read them.
    var nameText: String {
        // A certificate of a large company may have hundreds.
        let shown = names.prefix(4).joined(separator: ", ")
        let rest = names.count - 4
        return names.isEmpty ? "no name" : rest > 0 ? "\(shown) and \(rest) more" : shown
    }

    /// When it expires, as text.
    var expiryText: String { Self.text(notAfter) }

    /// From when it is valid, as text.
    var beginText: String { Self.text(notBefore) }

    /// Its names and its end.
    var sentence: String { "\(nameText), until \(expiryText)" }

    private static func text(_ unixSeconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(unixSeconds)).formatted(.iso8601)
    }
}
