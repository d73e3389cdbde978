// Long: one row for each cause; parts of the switch would each need a case that never happens.
import Administration
import Observability
import STUNAuthentication
import STUNCodec

extension AuthenticationRefusal {
    /// Whether it happens to every client that does all right: its first request, and one with an old nonce.
    var isPartOfEverySession: Bool {
        switch self {
        case .noIntegrity, .staleNonce: true
        default: false
        }
    }

    /// The refusal in words.
    func text(_ context: RefusalContext) -> RefusalText {
        switch self {
        case .missing(let attribute):
            RefusalText(
                "the request has an integrity attribute but no \(attribute.words)",
                cure:
                    "Update the client; where it works from other networks, something in this one takes the attribute out."
            )
        case .malformed(let attribute):
            RefusalText(
                "the value of \(attribute.words) is none that RFC 8489 allows",
                cure: "Correct the user's name or realm in the client, or update the client."
            )
        case .integrityLength(let bytes):
            RefusalText(
                "the integrity attribute has \(bytes) bytes, and must have 20 (SHA-1) or 32 (SHA-256)",
                cure: "Update the client, or report the fault to its makers."
            )
        case .noIntegrity:
            RefusalText(
                "the request has no credential, as every client's first request",
                cure: "Nothing: a client that has a user name and password asks again with them."
            )
        case .algorithmsWithoutFeature:
            RefusalText(
                "the request names password algorithms, and its nonce says that the server knows none: one of the two was "
                    + "changed on the way (RFC 8489 section 9.2.1)",
                cure:
                    "Update the client; where it works from other networks, something in this one changes its packets."
            )
        case .differingAlgorithms:
            RefusalText(
                "PASSWORD-ALGORITHMS is not the list that this server sent: it was changed on the way",
                cure:
                    "Update the client; where it works from other networks, something in this one changes its packets."
            )
        case .unsupportedAlgorithm(let number):
            RefusalText(
                "the client chose the password algorithm \(number), and this server offers 1 (MD5) and 2 (SHA-256)",
                cure: "Update the client, or report the fault to its makers."
            )
        case .wrongRealm:
            RefusalText(
                "the REALM of the request is none of this server's: \(RefusalContext.list(context.realms))",
                cure: "Have the client use the realm of the server's answer, or add its own to the setting realm."
            )
        case .notTimestamp:
            RefusalText(
                "the user name does not begin with a time in seconds as a timed credential's, and this server has no users",
                cure: "Give the client what `stund credentials` prints, or add its user with `stund user add`."
            )
        case .unknownUser:
            RefusalText(
                "no user has this name in the realm, and "
                    + (context.secrets.isEmpty
                        ? "this server has no secret for timed credentials"
                        : "it is no timed credential's (expiry:user)"),
                cure: "Correct the name in the client, or add the user with `stund user add`."
            )
        case .staleNonce(let seconds):
            RefusalText(
                "the nonce was valid until \(seconds) s ago (nonce-lifetime)",
                cure: "Nothing: the client repeats the request with the new nonce of the answer."
            )
        case .futureNonce(let seconds):
            RefusalText(
                "the nonce was made \(seconds) s in the future: by a server with the same nonce-key whose clock is ahead",
                cure: "Set the clocks of all servers with this nonce-key right (`timedatectl`)."
            )
        case .foreignNonce:
            RefusalText(
                "the nonce was not given to this client's address by this server since it started",
                cure:
                    "Nothing if it happens once; else give servers behind one name the same nonce-key, or look whether the "
                    + "client's NAT changes its address."
            )
        case .wrongPassword: context.wrongPassword
        case .retiredSecret(let index): context.text(ofRetiredSecret: index)
        case .expired(let seconds):
            RefusalText(
                "the timed credential ended \(seconds) s ago"
                    + (seconds < 120 ? "" : " (\(HumanText.duration(Int(clamping: seconds))))")
                    + " by this server's clock",
                cure:
                    "Have the client get a new one; if it was new, set the clocks of this host and of the web service "
                    + "right (`timedatectl`)."
            )
        }
    }
}

extension RefusalContext {
    fileprivate var wrongPassword: RefusalText {
        let secrets = currentSecrets
        return RefusalText(
            "the password is wrong: it is not the user's"
                + (secrets.isEmpty ? "" : ", nor made for this very name with the secret \(Self.list(secrets))"),
            cure: secrets.isEmpty
                ? "Correct the password in the client, or set a new one with `stund user add`."
                : "Correct the password in the client, or the secret in the web service; `stund credentials` prints one that "
                    + "works."
        )
    }

    fileprivate func text(ofRetiredSecret index: Int) -> RefusalText {
        let name = secrets.indices.contains(index) ? "\"\(secrets[index].name)\"" : "number \(index)"
        let current = currentSecrets
        return RefusalText(
            "the credential was made with the secret \(name), which is retired",
            cure: current.isEmpty
                ? "Make a new secret with `stund secret add`, and have the web service use it."
                : "Have the web service use the secret \(Self.list(current))."
        )
    }
}
