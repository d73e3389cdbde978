/// Why certificates and key make no `TLSContext`, in words; whoever has read the files adds their names.
public struct TLSContextError: Error, Equatable, Sendable, CustomStringConvertible {
    enum Cause: Equatable, Sendable {
        case noCertificate
        case badCertificate(number: Int, String)
        case noKey
        case badKey(String)
        case encryptedKey
        case foreignKey
        case keyOfAnother(number: Int)
        case expired(String)
        case refused(String)
        case badProtocol(String)
        case noMemory
    }

    let cause: Cause

    init(_ cause: Cause) { self.cause = cause }

    /// Whether the fault lies in the key rather than in the certificates.
    public var isAboutKey: Bool {
        switch cause {
        case .noKey, .badKey, .encryptedKey, .foreignKey: true
        default: false
        }
    }

    /// What is wrong, and what to do.
    public var description: String {
        switch cause {
        case .noCertificate:
            "there is no certificate in it: it must be PEM text with BEGIN CERTIFICATE, the server's own certificate first"
        case .badCertificate(let number, let text): "certificate \(number) in it cannot be read (\(text))"
        case .noKey: "there is no private key in it: it must be PEM text with BEGIN PRIVATE KEY"
        case .badKey(let text): "the private key in it cannot be read (\(text))"
        case .encryptedKey:
            "the private key is encrypted, and nobody is there to type its password: decrypt it (`openssl pkey -in ... -out ...`)"
        case .foreignKey: "the private key does not belong to the certificate"
        case .keyOfAnother(let number):
            "the private key belongs to certificate \(number) in the chain, not to the first: the server's own must come first"
        case .expired(let name): "the certificate\(name.isEmpty ? "" : " of \(name)") has expired: renew it"
        case .refused(let text): "OpenSSL does not take it: \(text)"
        case .badProtocol(let name): "`\(name)` is no ALPN protocol: 1 to 255 bytes each, 65,535 in all"
        case .noMemory: "there is no memory for it"
        }
    }
}
