// Unsafe: the calls of POSIX take C pointers. They stand here because Foundation has no open that does not wait for a pipe,
// and no look at a file that follows links and tells its inode.

import Glibc
import PacketEngine
import ServerSettings

/// The files that the settings name for TLS and DTLS.
struct CertificateFiles: Equatable, Sendable {
    /// What stands in them.
    struct Contents: Equatable, Sendable {
        /// PEM text with the certificates.
        let chain: [UInt8]
        /// PEM text with the key.
        let key: [UInt8]
    }

    /// More than any chain of certificates needs.
    private static let largest = 1 << 20

    /// The file with the certificates.
    let certificate: String
    /// The file with the key; nil when it stands in the same one.
    let key: String?

    /// nil when the settings name no certificate.
    init?(_ settings: Settings) {
        guard let file = settings.tlsCertificate else { return nil }
        certificate = file
        key = settings.tlsKey == file ? nil : settings.tlsKey
    }

    /// What tells whether one of them has changed; nil for one that is not there.
    var stamps: [FileStamp?] { [FileStamp(certificate)] + (key.map { [FileStamp($0)] } ?? []) }

    /// Reads them.
    ///
    /// - `plan`: what the kernel holds the server to.
    func read(within plan: SandboxPlan? = nil) throws(CertificateFault) -> Contents {
        let chain = try read(certificate, of: "tls-certificate", within: plan)
        guard let key else { return Contents(chain: chain, key: chain) }
        return Contents(chain: chain, key: try read(key, of: "tls-key", within: plan))
    }

    private func read(
        _ path: String,
        of setting: String,
        within plan: SandboxPlan?
    ) throws(CertificateFault) -> [UInt8] {
        func fault(_ reason: String) -> CertificateFault { CertificateFault(key: setting, file: path, reason: reason) }
        // O_NONBLOCK: opening a pipe must not wait for its other end.
        let descriptor = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else {
            let code = errno
            // Landlock refuses to open a file, and says nothing to the question whether its rights allow that.
            if let plan, code == EACCES, unsafe faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0 {
                throw fault(plan.wall(before: path))
            }
            throw fault(Self.reason(code))
        }
        defer { close(descriptor) }
        var info = stat()
        guard unsafe fstat(descriptor, &info) == 0 else { throw fault(Self.reason(errno)) }
        guard info.st_mode & S_IFMT == S_IFREG else { throw fault("it is no file: name a file with PEM text") }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw fault(Self.reason(errno)) }
            guard count > 0 else { return bytes }
            bytes += chunk.prefix(count)
            guard bytes.count <= Self.largest else { throw fault("it is larger than 1 MiB: name a file with PEM text") }
        }
    }

    private static func reason(_ code: Int32) -> String {
        switch code {
        case ENOENT, ENOTDIR: "there is no such file: write the right path, or make the file"
        case EACCES, EPERM:
            "user \(geteuid()) may not read it (\(SystemError.text(code))): docs/certificates.md says how to let the server's user"
        default: "it cannot be read: \(SystemError.text(code))"
        }
    }
}

/// What tells one state of a file from another, links followed: by a link that leads elsewhere now, too.
struct FileStamp: Equatable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    private let size: Int64
    private let modified: [Int]
    private let changed: [Int]

    /// nil when nothing is there, or it may not be looked at.
    init?(_ path: String) {
        var info = stat()
        guard unsafe stat(path, &info) == 0 else { return nil }
        device = UInt64(info.st_dev)
        inode = UInt64(info.st_ino)
        size = Int64(info.st_size)
        modified = [info.st_mtim.tv_sec, info.st_mtim.tv_nsec]
        // A permission that was given changes nothing else.
        changed = [info.st_ctim.tv_sec, info.st_ctim.tv_nsec]
    }
}

/// Why the files of a certificate are not taken.
struct CertificateFault: Error, Equatable, CustomStringConvertible {
    /// The setting that names the file.
    let key: String
    let file: String
    /// What is wrong, and what to do.
    let reason: String

    var description: String { "\(key) \(file): \(reason)" }
}
