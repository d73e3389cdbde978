import Administration
import Observability
import PacketEngine
import SecureTransport
public import ServerSettings

extension LiveServer {
    /// Reads the certificate that the settings name.
    static func makeCertificates(_ settings: Settings, _ log: EventLog) throws(StartError) -> CertificateStore {
        do throws(CertificateFault) {
            return try CertificateStore(settings) { log.log($0, $1, at: SystemClock.realtime()) }
        } catch {
            throw .certificate("\(error)")
        }
    }

    /// What is to be said of the certificate now.
    public var certificateWarnings: [String] { certificates.report.warnings(now: RelayService.unixSeconds) }

    /// Gives the workers the certificate, and each new one from now on.
    func beginCertificates() {
        certificates.start(now: RelayService.unixSeconds) { [pool] in pool.adopt($0) }
        certificates.watch { RelayService.unixSeconds }
    }
}

/// What a server with some settings would serve TLS and DTLS with, by the files as they are now.
public enum CertificatePreview: Equatable, Sendable {
    /// The settings name no certificate.
    case none
    /// This one, and what there is to be said of it.
    case good(String, warning: String?)
    /// The server would not start; why.
    case bad(String)

    /// Reads the files as this user may.
    public init(_ settings: Settings) {
        guard let files = CertificateFiles(settings) else {
            self = .none
            return
        }
        do throws(CertificateFault) {
            let facts = try LoadedCertificate(files).facts
            let now = RelayService.unixSeconds
            self = .good(facts.sentence, warning: CertificateValidity(facts, now: now).sentence(facts, now: now))
        } catch {
            self = .bad("\(error)")
        }
    }
}

extension CertificateStore.Report {
    /// What `status` says.
    func status(now: Int64) -> ServerStatus.Certificate? {
        guard let facts, let file else { return nil }
        return ServerStatus.Certificate(
            file: file,
            names: facts.names,
            notBefore: facts.notBefore,
            notAfter: facts.notAfter,
            expires: facts.expiryText,
            fingerprint: facts.fingerprint,
            isValid: CertificateValidity(facts, now: now).isValid,
            trouble: fault
        )
    }

    /// What a person should know.
    func warnings(now: Int64) -> [String] {
        let old = fault.map { "the TLS certificate that was read before stays in use: \($0)" }
        return [old, facts.flatMap { CertificateValidity($0, now: now).sentence($0, now: now) }].compactMap(\.self)
    }

    /// Whether clients can be served by TLS and DTLS; nil where they need not be.
    ///
    /// A new file that is bad leaves the server ready: the certificate in use is as good as before, and a bad file on all
    /// servers of a fleet must not take all of them out of service.
    func check(now: Int64) -> Check? {
        guard let facts else { return nil }
        let validity = CertificateValidity(facts, now: now)
        let state = "The TLS certificate of \(facts.nameText) is valid until \(facts.expiryText)."
        let warnings = warnings(now: now).map { $0.prefix(1).uppercased() + $0.dropFirst() + "." }
        let text = (validity == .good ? [state] : []) + warnings
        return Check("certificate", isGood: validity.isValid, text.joined(separator: " "))
    }

    /// What the metrics tell.
    var figures: (expiry: Int64?, taken: Int, refused: Int) { (facts?.notAfter, loads.taken, loads.refused) }
}
