import Observability
import SecureTransport
import ServerSettings

/// What the log is told of a certificate.
struct CertificateNote: Equatable, Sendable {
    let code: MessageCode
    let text: String
}

/// The certificate in use and its files: looked at once a second, read again when something has changed.
///
/// Programs that renew certificates replace two files one after the other, or a link that leads to both, so what is wrong
/// is told only when it is wrong for some looks. A change is read in these looks too: a second one within the file system's
/// grain of time would look like none.
struct CertificateWatch {
    /// In how many looks a change is read.
    private static let patience = 3

    private(set) var files: CertificateFiles?
    /// What is served; nil without a certificate.
    private(set) var current: LoadedCertificate?
    /// What is wrong with the files, so that what was read before is served; nil when all is well.
    private(set) var fault: String?
    /// How often another certificate was taken, and not taken.
    private(set) var loads = (taken: 0, refused: 0)
    /// What the kernel holds the server to.
    var plan: SandboxPlan?
    private var stamps: [FileStamp?] = []
    private var readsLeft = Self.patience
    private var reminder = CertificateReminder()

    /// Reads the files for the first time.
    init(_ files: CertificateFiles?) throws(CertificateFault) {
        self.files = files
        stamps = files?.stamps ?? []
        current = try files.map { files throws(CertificateFault) in try LoadedCertificate(files) }
    }

    /// What is told of the certificate at the start, and when another one is set.
    func introduction() -> CertificateNote? {
        current.map { CertificateNote(code: .certificateInUse, text: "TLS certificate in use: \($0.facts.sentence)") }
    }

    /// Looks at the files; `isAsked`: a person waits for what comes of it.
    mutating func look(now: Int64, isAsked: Bool = false) -> [CertificateNote] {
        guard let files else { return [] }
        let seen = files.stamps
        if seen != stamps { (stamps, readsLeft) = (seen, Self.patience) }
        var notes: [CertificateNote] = []
        if readsLeft > 0 || isAsked {
            readsLeft = max(0, readsLeft - 1)
            if let note = reread(files, now: now, isAsked: isAsked) { notes.append(note) }
        }
        if let current, let note = reminder.remind(of: current.facts, now: now) { notes.append(note) }
        return notes
    }

    private mutating func reread(_ files: CertificateFiles, now: Int64, isAsked: Bool) -> CertificateNote? {
        do throws(CertificateFault) {
            let contents = try files.read(within: plan)
            guard contents != current?.contents else { return takeBackFault() }
            let new = try LoadedCertificate(contents, of: files)
            guard !new.facts.hasExpired(at: now) else {
                let reason = "the certificate of \(new.facts.nameText) has expired on \(new.facts.expiryText): renew it"
                throw CertificateFault(key: "tls-certificate", file: files.certificate, reason: reason)
            }
            return take(new)
        } catch {
            guard isAsked || readsLeft == 0 && fault != "\(error)" else { return nil }
            fault = "\(error)"
            loads.refused += 1
            return CertificateNote(
                code: .certificateNotTaken,
                text: "TLS certificate not taken, the one in use stays: \(error)"
            )
        }
    }

    private mutating func take(_ new: LoadedCertificate) -> CertificateNote {
        current = new
        fault = nil
        loads.taken += 1
        return CertificateNote(
            code: .certificateReplaced,
            text: "TLS certificate replaced: \(new.facts.sentence); new connections get it"
        )
    }

    /// The files are again those of the certificate in use.
    private mutating func takeBackFault() -> CertificateNote? {
        guard fault != nil else { return nil }
        fault = nil
        return introduction()
    }

    /// Serves what was read from other files, or nothing any more.
    mutating func use(_ files: CertificateFiles?, _ certificate: LoadedCertificate?) -> CertificateNote {
        self.files = files
        stamps = files?.stamps ?? []
        readsLeft = Self.patience
        current = certificate
        fault = nil
        reminder = CertificateReminder()
        if certificate != nil { loads.taken += 1 }
        return introduction()
            ?? CertificateNote(
                code: .certificateInUse,
                text: "TLS certificate in use: none, so that no TLS and DTLS begins"
            )
    }
}
