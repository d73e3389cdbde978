// Unsafe: OpenSSL shows the parts of a certificate as pointers into it.

internal import Addresses
internal import CSecureTransport

/// What people want to know of a certificate.
public struct CertificateFacts: Equatable, Sendable {
    /// The subject alternative names: DNS names and IP addresses, in the certificate's order.
    public var names: [String]
    /// From when it is valid, in seconds since 1970.
    public var notBefore: Int64
    /// The last second in which it is valid, in seconds since 1970.
    public var notAfter: Int64
    /// The SHA-256 digest of all of it, as people compare it: 64 hexadecimal digits with colons.
    public var fingerprint: String

    /// Reads the first certificate of PEM text.
    public init(pem: [UInt8]) throws(TLSContextError) {
        self.init(try PEM.certificates(pem)[0])
    }

    init(_ certificate: Certificate) {
        let pointer = unsafe certificate.pointer
        names = Self.names(certificate)
        (notBefore, notAfter) = (0, 0)
        unsafe secure_seconds(X509_get0_notBefore(pointer), &notBefore)
        unsafe secure_seconds(X509_get0_notAfter(pointer), &notAfter)
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        unsafe X509_digest(pointer, EVP_sha256(), &digest, &count)
        fingerprint = digest.prefix(Int(count)).map {
            let digits = String($0, radix: 16, uppercase: true)
            return digits.count == 1 ? "0" + digits : digits
        }.joined(separator: ":")
    }

    /// Whether it has expired at a time in seconds since 1970.
    public func hasExpired(at now: Int64) -> Bool { now > notAfter }

    /// Whether it is for a host of this name, in small letters, or one of its wildcards is (RFC 6125 section 6.4.3).
    public func covers(_ host: String) -> Bool {
        let rest = host.firstIndex(of: ".").map { host[$0...] }
        return names.contains { name in
            let name = name.lowercased()
            return name == host || (name.hasPrefix("*.") && rest.map { name.dropFirst() == $0 } == true)
        }
    }

    private static func names(_ certificate: Certificate) -> [String] {
        let list = unsafe secure_names(certificate.pointer)
        defer { unsafe secure_names_free(list) }
        var names: [String] = []
        var index: Int32 = 0
        while true {
            var bytes: UnsafePointer<UInt8>?
            var count = 0
            let kind = unsafe secure_name(list, index, &bytes, &count)
            guard kind != 0 else { return names }
            index += 1
            let value = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
            if kind == 1 { names.append(String(decoding: value, as: UTF8.self)) }
            if kind == 2, let address = address(value) { names.append("\(address)") }
        }
    }

    private static func address(_ bytes: [UInt8]) -> IPAddress? {
        func number<I: FixedWidthInteger>(_ range: Range<Int>) -> I { range.reduce(I(0)) { $0 << 8 | I(bytes[$1]) } }
        switch bytes.count {
        case 4: return IPAddress(v4: number(0..<4))
        case 16: return IPAddress(v6High: number(0..<8), low: number(8..<16))
        default: return nil
        }
    }
}
