public import Addresses
public import STUNCodec

/// The server's side of the long-term credential mechanism (RFC 8489 section 9.2.4).
///
/// A value that workers copy. It remembers nothing of any client, and allocates nothing for a request (attacks rows 21
/// and 33).
public struct LongTermAuthenticator: Sendable {
    /// Who may use the server.
    public let book: CredentialBook
    private let issuer: NonceIssuer

    /// Joins the two; the book decides what the issuer's nonces say that the server can do.
    public init(book: CredentialBook, issuer: NonceIssuer) {
        self.book = book
        var issuer = issuer
        issuer.features = book.features
        self.issuer = issuer
    }

    /// Finds out who sent a request, by the steps and in the order of RFC 8489 section 9.2.4.
    ///
    /// `local` is the server's address that it came to. `acceptsExpired` is for requests about an allocation that exists:
    /// a timed credential need not hold any more then (draft-uberti-behave-turn-rest-00), which its `expiry` tells.
    public func authenticate(
        _ message: borrowing Message,
        from source: IPAddress,
        at local: IPAddress,
        unixSeconds: UInt64,
        acceptsExpired: Bool = false
    ) -> Authentication {
        do throws(AuthenticationRefusal) {
            let presented = try PresentedCredential(message)
            let (algorithm, isNamed) = try presented.passwordAlgorithm(in: message)
            guard let realm = book.realm(named: message.value(presented.realm).withoutTrailingNulls) else {
                throw .wrongRealm
            }
            let sender = try Sender(of: message, presented, algorithm, realm: realm, in: book)
            if let expiry = sender.expiry, expiry <= unixSeconds, !acceptsExpired {
                throw .expired(bySeconds: unixSeconds &- expiry)
            }
            try check(message.value(presented.nonce), from: source, at: unixSeconds)
            let request = AuthenticatedRequest(
                user: sender.user,
                account: sender.account,
                realm: realm,
                key: sender.key,
                integrity: isNamed ? .hmacSHA256 : .hmacSHA1,
                end: presented.end,
                expiry: sender.expiry,
                username: presented.name.location
            )
            return .accepted(request)
        } catch {
            return .refused(error)
        }
    }

    /// The realm with which a request is to be challenged: its own REALM where that is one of ours, else that of the
    /// address it came to.
    ///
    /// To be asked before the answer is written over the request.
    public func realm(for message: borrowing Message, at local: IPAddress) -> Int {
        guard let location = message.first(.realm),
            let named = book.realm(named: message.value(location).withoutTrailingNulls)
        else { return book.realm(at: local) }
        return named
    }

    /// Appends REALM, NONCE and PASSWORD-ALGORITHMS, which belong to every 401 and 438; false when they do not fit.
    ///
    /// With header and ERROR-CODE that makes 88 bytes for a realm of up to 8 (attacks row 27).
    public func appendChallenge(
        realm: Int,
        for source: SocketAddress,
        unixSeconds: UInt64,
        to writer: inout MessageWriter,
        over packet: inout Packet
    ) -> Bool {
        let realms = book.realms
        guard realms.indices.contains(realm) else { return false }
        let name = realms[realm].bytes
        return writer.append(.realm, name.rawBytes, to: &packet)
            && writer.append(issuer.issue(for: source, at: unixSeconds), to: &packet)
            && writer.append(PasswordAlgorithms.offered, to: &packet)
    }

    private func check(
        _ nonce: RawSpan,
        from source: IPAddress,
        at unixSeconds: UInt64
    ) throws(AuthenticationRefusal) {
        switch issuer.check(nonce, from: source, at: unixSeconds) {
        case .valid: return
        case .stale(let seconds): throw .staleNonce(bySeconds: seconds)
        case .future(let seconds): throw .futureNonce(bySeconds: seconds)
        case .foreign: throw .foreignNonce
        }
    }
}

extension RawSpan {
    /// The bytes without the nulls at their end, which some clients send as padding (RFC 8489 section 9.2.2).
    var withoutTrailingNulls: RawSpan {
        @_lifetime(copy self)
        get {
            var count = byteCount
            while count > 0, uint8(at: count &- 1) == 0 { count &-= 1 }
            return extracting(first: count)
        }
    }
}
