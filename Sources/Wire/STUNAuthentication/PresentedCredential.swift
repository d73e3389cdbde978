internal import STUNCodec

/// What a request says of its sender, none of it believed yet: only what stands before its first integrity attribute.
///
/// Whoever has no key may add attributes behind that one, and even another integrity attribute; of these only
/// MESSAGE-INTEGRITY-SHA256 behind MESSAGE-INTEGRITY counts (RFC 8489 sections 14.5 and 14.6, attacks row 15).
struct PresentedCredential {
    /// How the sender is named.
    enum Name {
        /// By USERNAME, which stands here.
        case username(Message.Location)
        /// By USERHASH.
        case userHash(UserHash)
    }

    /// Which integrity is to be checked: MESSAGE-INTEGRITY-SHA256 where it is (RFC 8489 section 9.2.4).
    let integrity: IntegrityAlgorithm
    /// The end of the first integrity attribute.
    let end: Int
    let name: Name
    let realm: Message.Location
    let nonce: Message.Location
    let algorithm: Message.Location?
    let algorithms: Message.Location?

    /// Finds the attributes; throws when the request has no integrity (401), or lacks what belongs to it (400).
    init(_ message: borrowing Message) throws(AuthenticationRefusal) {
        let found = Found(message)
        guard let end = found.end else { throw .noIntegrity }
        guard found.integrity.length == found.integrityLength else { throw .integrityLength(found.integrityLength) }
        name = try Name(message, username: found.username, userHash: found.userHash)
        guard let realm = found.realm else { throw .missing(.realm) }
        guard let nonce = found.nonce else { throw .missing(.nonce) }
        integrity = found.integrity
        self.end = end
        self.realm = realm
        self.nonce = nonce
        algorithm = found.algorithm
        algorithms = found.algorithms
    }

    /// The algorithm of the key, and whether the request names one; throws when somebody may have tampered with that
    /// (RFC 8489 section 9.2.4, attacks row 19).
    func passwordAlgorithm(
        in message: borrowing Message
    ) throws(AuthenticationRefusal) -> (algorithm: PasswordAlgorithm, isNamed: Bool) {
        if algorithm == nil, algorithms == nil { return (.md5, false) }
        let features = Nonce.features(of: message.value(nonce)) ?? []
        guard features.contains(.passwordAlgorithms) else { throw .algorithmsWithoutFeature }
        guard let algorithms else { throw .missing(.passwordAlgorithms) }
        guard let algorithm else { throw .missing(.passwordAlgorithm) }
        guard PasswordAlgorithms(value: message.value(algorithms), in: message.context) == .offered else {
            throw .differingAlgorithms
        }
        let value = message.value(algorithm)
        guard value.byteCount >= 4 else { throw .malformed(.passwordAlgorithm) }
        guard let known = PasswordAlgorithm(value: value, in: message.context) else {
            throw .unsupportedAlgorithm(value.uint16(at: 0))
        }
        return (known, true)
    }
}

extension PresentedCredential.Name {
    /// Reads the name; USERNAME counts where both are.
    fileprivate init(
        _ message: borrowing Message,
        username: Message.Location?,
        userHash: Message.Location?
    ) throws(AuthenticationRefusal) {
        if let username {
            // RFC 8489 section 14.3: up to 763 bytes, for the sake of RFC 5389.
            guard username.count <= 763 else { throw .malformed(.username) }
            self = .username(username)
        } else if let userHash {
            guard let hash = UserHash(value: message.value(userHash), in: message.context) else {
                throw .malformed(.userHash)
            }
            self = .userHash(hash)
        } else {
            throw .missing(.username)
        }
    }

    /// Where USERNAME stands.
    var location: Message.Location? {
        if case .username(let location) = self { location } else { nil }
    }
}

/// Where the first attribute of each kind stands.
private struct Found {
    var end: Int?
    var integrity = IntegrityAlgorithm.hmacSHA1
    var integrityLength = 0
    var username: Message.Location?
    var userHash: Message.Location?
    var realm: Message.Location?
    var nonce: Message.Location?
    var algorithm: Message.Location?
    var algorithms: Message.Location?

    init(_ message: borrowing Message) {
        // Older dialects have no integrity that this mechanism defines.
        guard message.dialect == .cookie else { return }
        var offset = message.dialect.headerLength
        while integrity == .hmacSHA1, let location = message.nextAttribute(&offset) {
            switch location.type {
            case .messageIntegritySHA256:
                integrity = .hmacSHA256
                integrityLength = location.count
                end = end ?? offset
            case _ where end != nil: break
            case .messageIntegrity:
                integrityLength = location.count
                end = offset
            default: note(location)
            }
        }
    }

    private mutating func note(_ location: Message.Location) {
        switch location.type {
        case .username: username = username ?? location
        case .userHash: userHash = userHash ?? location
        case .realm: realm = realm ?? location
        case .nonce: nonce = nonce ?? location
        case .passwordAlgorithm: algorithm = algorithm ?? location
        case .passwordAlgorithms: algorithms = algorithms ?? location
        default: break
        }
    }
}
