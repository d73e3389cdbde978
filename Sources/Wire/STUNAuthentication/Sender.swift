internal import STUNCodec

/// The sender of a request, proved by its integrity.
struct Sender {
    let user: UserID
    let account: UserID
    let key: LongTermKey
    /// When a timed credential ends, Unix time in seconds.
    let expiry: UInt64?

    /// Looks the sender up and checks the integrity with its key; throws 401 when the two do not fit.
    ///
    /// An unknown user costs the same HMAC as a wrong password (attacks row 22).
    init(
        of message: borrowing Message,
        _ presented: PresentedCredential,
        _ algorithm: PasswordAlgorithm,
        realm: Int,
        in book: CredentialBook
    ) throws(AuthenticationRefusal) {
        let realmName = book.realms[realm].bytes
        switch presented.name {
        case .userHash(let hash):
            let index = book.user(hash, realm: realm)
            key = try Self.storedKey(message, presented.integrity, algorithm, user: index, in: book)
            user = hash.user
            account = hash.user
            expiry = nil
        case .username(let location):
            let username = message.value(location).withoutTrailingNulls
            let hash = UserHash(username: username, realm: realmName.rawBytes)
            let index = book.user(hash, realm: realm)
            user = hash.user
            if index == nil, !book.secrets.isEmpty, let timed = TimedUsername(username) {
                let secrets = book.secrets
                key = try Self.timedKey(
                    message,
                    presented.integrity,
                    algorithm,
                    username,
                    realmName.rawBytes,
                    in: secrets
                )
                account =
                    timed.userStart.map {
                        UserHash(username: username.extracting($0...), realm: realmName.rawBytes).user
                    }
                    ?? hash.user
                expiry = timed.expiry
            } else {
                key = try Self.storedKey(message, presented.integrity, algorithm, user: index, in: book)
                account = hash.user
                expiry = nil
            }
        }
    }

    /// The key of a user of the book.
    private static func storedKey(
        _ message: borrowing Message,
        _ integrity: IntegrityAlgorithm,
        _ algorithm: PasswordAlgorithm,
        user index: Int?,
        in book: CredentialBook
    ) throws(AuthenticationRefusal) -> LongTermKey {
        let key = book.key(ofUser: index, algorithm)
        let isRight = message.isProtected(by: integrity, key)
        guard index != nil else { throw book.userCount == 0 && !book.secrets.isEmpty ? .notTimestamp : .unknownUser }
        guard isRight else { throw .wrongPassword }
        return key
    }

    /// The key by the current secret that fits; when only a retired one fits, the refusal says so.
    private static func timedKey(
        _ message: borrowing Message,
        _ integrity: IntegrityAlgorithm,
        _ algorithm: PasswordAlgorithm,
        _ username: RawSpan,
        _ realm: RawSpan,
        in secrets: [SharedSecret]
    ) throws(AuthenticationRefusal) -> LongTermKey {
        var retired: Int?
        for index in secrets.indices {
            let key = secrets[index].key(username: username, realm: realm, algorithm: algorithm)
            guard message.isProtected(by: integrity, key) else { continue }
            if secrets[index].state == .current { return key }
            retired = index
        }
        throw retired.map { .retiredSecret($0) } ?? .wrongPassword
    }
}

extension Message {
    /// Whether the integrity attribute is right.
    fileprivate func isProtected(by algorithm: IntegrityAlgorithm, _ key: LongTermKey) -> Bool {
        if case .valid = checkIntegrity(algorithm, key: key) { true } else { false }
    }
}
