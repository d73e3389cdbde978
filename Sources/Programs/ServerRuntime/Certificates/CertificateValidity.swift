import Administration
import Observability
import SecureTransport

/// Whether clients take a certificate at some time.
enum CertificateValidity: Equatable {
    case good
    /// It begins later.
    case early
    /// Its end is near.
    case expiring
    case expired

    private static let day: Int64 = 86_400

    /// At a time in seconds since 1970.
    init(_ facts: CertificateFacts, now: Int64) {
        // A quarter of its life at most: certificates of six days are renewed when three are left.
        let life = max(0, facts.notAfter.subtractingReportingOverflow(facts.notBefore).partialValue)
        let notice = min(14 * Self.day, life / 4)
        self =
            facts.hasExpired(at: now)
            ? .expired : now < facts.notBefore ? .early : now >= facts.notAfter - notice ? .expiring : .good
    }

    /// Whether clients take it.
    var isValid: Bool { self == .good || self == .expiring }

    /// What to tell of a certificate; nil when all is well.
    func sentence(_ facts: CertificateFacts, now: Int64) -> String? {
        switch self {
        case .good: nil
        case .early:
            """
            the TLS certificate of \(facts.nameText) is not valid before \(facts.beginText), so that clients refuse it: set the \
            clock of this host right, or wait
            """
        case .expiring:
            """
            the TLS certificate of \(facts.nameText) expires in \(HumanText.duration(Int(clamping: facts.notAfter - now))), on \
            \(facts.expiryText): renew it (docs/certificates.md says how)
            """
        case .expired:
            """
            the TLS certificate of \(facts.nameText) has expired on \(facts.expiryText), so that clients refuse it: renew it \
            (docs/certificates.md says how)
            """
        }
    }
}

/// When something was last said of a certificate's validity: once when it changes, and daily from then on.
struct CertificateReminder {
    private static let day: Int64 = 86_400
    private var last: (validity: CertificateValidity, fingerprint: String, time: Int64)?

    /// What is to be said now; nil when nothing is.
    mutating func remind(of facts: CertificateFacts, now: Int64) -> CertificateNote? {
        let validity = CertificateValidity(facts, now: now)
        guard let sentence = validity.sentence(facts, now: now) else {
            last = nil
            return nil
        }
        // A clock that was set back begins anew.
        if let last, last.validity == validity, last.fingerprint == facts.fingerprint,
            (0..<Self.day).contains(now - last.time)
        {
            return nil
        }
        last = (validity, facts.fingerprint, now)
        let text = sentence.prefix(1).uppercased() + sentence.dropFirst()
        return CertificateNote(code: validity == .expiring ? .certificateExpiresSoon : .certificateNotValid, text: text)
    }
}
