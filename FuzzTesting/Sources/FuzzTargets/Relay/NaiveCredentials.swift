import Addresses
import STUNAuthentication
import STUNCodec

/// Who sent a request, as a reader of RFC 8489 section 9.2.4 finds out.
enum NaiveIdentity {
    case known(Known)
    /// Refused with one of these.
    case refused(Set<Int>)

    struct Known {
        /// Realm and name: two are the same user when these are.
        let user: [String]
        /// Whom quotas count for.
        let account: [String]
        let key: LongTermKey
        let integrity: IntegrityAlgorithm
        /// What begins from here on does not count.
        let end: Int
        /// When the credential ends, in Unix time.
        let expiry: UInt64?
    }
}

/// All nonces that were given out, and the users there are.
struct NaiveCredentials {
    var hasBob = true
    private var nonces: [[UInt8]: (network: UInt64, time: UInt64)] = [:]

    /// Remembers a nonce that the server gave to an address.
    mutating func note(nonce: [UInt8], to address: IPAddress, at unixSeconds: UInt64) {
        nonces[nonce] = (Self.network(address), unixSeconds)
    }

    /// `acceptsExpired`: a timed credential that has ended still does for an allocation that there is.
    func identify(
        _ message: NaiveMessage,
        from address: IPAddress,
        at unixSeconds: UInt64,
        acceptsExpired: Bool
    ) -> NaiveIdentity {
        guard let integrity = message.attributes.first(where: { $0.type == 0x0008 || $0.type == 0x001C }) else {
            return .refused([401])
        }
        let isSHA256 = message.first(0x001C) != nil
        guard message.first(isSHA256 ? 0x001C : 0x0008)?.count == (isSHA256 ? 32 : 20) else { return .refused([400]) }
        let end = integrity.start
        let name = message.first(0x0006, before: end)
        let hash = message.first(0x001E, before: end)
        let algorithm = message.first(0x001D, before: end)
        let offered = message.first(0x8002, before: end)
        guard name != nil || hash != nil, let realm = message.first(0x0014, before: end),
            let nonce = message.first(0x0015, before: end), name?.count ?? 0 <= 763,
            name != nil || hash?.count == 32
        else { return .refused([400]) }
        guard (algorithm == nil) == (offered == nil) else { return .refused([400]) }
        let refused = NaiveIdentity.refused([400, 401, 438])
        var kind = PasswordAlgorithm.md5
        if let algorithm, let offered {
            guard Array(offered) == [0, 2, 0, 0, 0, 1, 0, 0], algorithm.count == 4,
                algorithm.dropFirst(2).allSatisfy({ $0 == 0 }),
                let named = PasswordAlgorithm(rawValue: UInt16(NaiveMessage.number(algorithm.prefix(2))))
            else { return refused }
            kind = named
        }
        guard let realm = Cast.realms.first(where: { Array($0.utf8) == Self.trimmed(realm) }),
            let person = person(name.map { Self.trimmed($0) }, hash: hash.map { Array($0) }, realm: realm)
        else { return refused }
        let key = LongTermKey(username: person.name, realm: realm, password: person.password, algorithm: kind)
        guard let parsed = try? Message(parsing: message.bytes.raw, as: .cookie),
            case .valid = parsed.checkIntegrity(isSHA256 ? .hmacSHA256 : .hmacSHA1, key: key)
        else { return algorithm == nil ? .refused([401]) : refused }
        guard acceptsExpired || person.expiry ?? .max > unixSeconds else {
            return algorithm == nil ? .refused([401]) : refused
        }
        guard let issued = nonces[Array(nonce)], issued.network == Self.network(address),
            issued.time + Cast.nonceLifetime >= unixSeconds, unixSeconds + 5 >= issued.time
        else {
            // A nonce without the feature's bit and a named algorithm are at odds (RFC 8489 section 9.2.4).
            return .refused(algorithm == nil ? [438] : [400, 438])
        }
        return .known(
            NaiveIdentity.Known(
                user: [realm, person.name],
                account: [realm, person.account],
                key: key,
                integrity: algorithm == nil ? .hmacSHA1 : .hmacSHA256,
                end: end,
                expiry: person.expiry
            )
        )
    }

    private struct Person {
        let name: String
        let account: String
        let password: String
        let expiry: UInt64?
    }

    private func person(_ name: [UInt8]?, hash: [UInt8]?, realm: String) -> Person? {
        for (user, home) in Cast.users where home == realm && (hasBob || user != "bob") {
            guard name.map({ $0 == Array(user.utf8) }) ?? (hash == UserHash(username: user, realm: realm).bytes) else {
                continue
            }
            return Person(name: user, account: user, password: Cast.password(user, realm), expiry: nil)
        }
        // A timed credential: digits, and perhaps a name behind a colon; its secret is retired together with bob.
        guard hasBob, let secret = Cast.secret, let name,
            let digits = name.split(separator: 0x3A, omittingEmptySubsequences: false).first,
            (1...10).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let text = String(validating: name, as: UTF8.self),
            let expiry = UInt64(String(decoding: digits, as: UTF8.self))
        else { return nil }
        let rest = String(text.dropFirst(digits.count + 1))
        let user = text.contains(":") ? rest : nil
        // Made as the web service makes it, from what the name says; leading zeros give another name.
        let credential = TimedCredential(expiry: expiry, user: user, secret: secret)
        guard credential.username == text else { return nil }
        return Person(name: text, account: rest.isEmpty ? text : rest, password: credential.password, expiry: expiry)
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        Array(bytes.reversed().drop { $0 == 0 }.reversed())
    }

    /// The part of an address that a nonce is for.
    private static func network(_ address: IPAddress) -> UInt64 {
        address.family == .v4 ? address.low : address.high
    }
}
