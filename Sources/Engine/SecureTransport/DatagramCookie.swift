public import Addresses

/// Has a client of DTLS prove that it receives at its address before the server keeps anything of it (RFC 6347 section 4.2.1;
/// RFC 7350 sections 4.1 and 4.6 demand it; attacks row 34).
///
/// No SSL object and no memory is involved: the cookie is a digest over the client's address, the time and the client's hello, by
/// a secret. The answer is shorter than the hello, so it amplifies nothing.
public struct DatagramCookie: Sendable {
    /// What a datagram is.
    public enum Judgement: Equatable, Sendable {
        /// No ClientHello: for the session of its 5-tuple, if there is one.
        case other
        /// A hello without a cookie that counts; so many bytes were written that are to be sent back.
        case answer(count: Int)
        /// A hello with a good cookie. It is a repetition for a session that began with an equal one; else it begins a new
        /// session, whether or not the 5-tuple has one (RFC 6347 section 4.2.8).
        case proven(HelloID)
        /// A hello that nobody can answer without keeping something: cut into fragments, or with lengths that lie.
        case unfit
    }

    /// Tells a client's hellos apart: the beginning of its random value.
    public struct HelloID: Equatable, Sendable {
        let high: Int
        let low: Int
    }

    /// Room for the longest answer.
    public static let answerRoom = 60
    /// How long a cookie counts at least; twice that at most.
    public static let lifetime: UInt64 = 30_000_000_000

    private let digest: CookieDigest

    /// - `secret`: 32 random bytes, the same for all workers that may see datagrams of one client.
    public init(secret: RawSpan) { digest = CookieDigest(key: secret) }

    /// With a secret that is drawn.
    public init(drawing generator: inout some RandomNumberGenerator) {
        var secret = [32 of UInt8](repeating: 0)
        for index in secret.indices { secret[index] = .random(in: 0...255, using: &generator) }
        self.init(secret: secret.rawBytes)
    }

    /// Looks at a datagram of a client; `now` is in nanoseconds of any clock.
    public func judge(
        _ datagram: RawSpan,
        from client: SocketAddress,
        now: UInt64,
        answer: inout MutableRawSpan
    ) -> Judgement {
        var name = [19 of UInt8](repeating: client.address.family.rawValue)
        for index in 0..<8 {
            name[index] = UInt8(truncatingIfNeeded: client.address.high >> UInt64(8 &* index))
            name[index &+ 8] = UInt8(truncatingIfNeeded: client.address.low >> UInt64(8 &* index))
        }
        name[16] = UInt8(truncatingIfNeeded: client.port)
        name[17] = UInt8(truncatingIfNeeded: client.port >> 8)
        return judge(datagram, from: name.rawBytes, now: now, answer: &answer)
    }

    /// Looks at a datagram; `client` is whatever stands for its address and port, and `now` nanoseconds of any clock.
    public func judge(
        _ datagram: RawSpan,
        from client: RawSpan,
        now: UInt64,
        answer: inout MutableRawSpan
    ) -> Judgement {
        // The record (RFC 6347 section 4.1): type, version, epoch, sequence number, length; then the handshake's header.
        guard datagram.byte(at: 0) == 22, datagram.byte(at: 1) == 254, datagram.number(at: 3, bytes: 2) == 0,
            datagram.byte(at: 13) == 1
        else { return .other }
        guard let record = datagram.number(at: 11, bytes: 2), record <= datagram.byteCount &- 13,
            let length = datagram.number(at: 14, bytes: 3), datagram.number(at: 19, bytes: 3) == 0,
            datagram.number(at: 22, bytes: 3) == length, 12 &+ length <= record,
            let fields = HelloFields(datagram, body: 25..<(25 &+ length), hasCookie: true)
        else { return .unfit }
        let slot = now / Self.lifetime
        if fields.cookie.count == Self.cookieLength, let first = datagram.byte(at: fields.cookie.lowerBound) {
            // The first byte says which of the two times is meant.
            for candidate in [slot, slot &- 1] where UInt8(truncatingIfNeeded: candidate) == first {
                let right = cookie(for: candidate, client, datagram, fields)
                if CookieDigest.areEqual(right.rawBytes, datagram.extracting(fields.cookie)) {
                    return .proven(Self.identify(datagram, fields))
                }
            }
        }
        return write(cookie(for: slot, client, datagram, fields), sequence: 5..<11, of: datagram, to: &answer)
    }

    private static let cookieLength = 32

    /// One byte of the time, then 31 of the digest.
    private func cookie(
        for slot: UInt64,
        _ client: RawSpan,
        _ datagram: RawSpan,
        _ fields: HelloFields
    ) -> [32 of UInt8] {
        var digest = digest
        var prefix = [10 of UInt8](repeating: 0)
        for index in 0..<8 { prefix[index] = UInt8(truncatingIfNeeded: slot >> UInt64(8 &* (7 &- index))) }
        prefix[8] = UInt8(truncatingIfNeeded: client.byteCount >> 8)
        prefix[9] = UInt8(truncatingIfNeeded: client.byteCount)
        digest.update(prefix.rawBytes)
        digest.update(client)
        // Version, random value, session, ciphers and compression must be the same in both hellos.
        digest.update(datagram.extracting(fields.beginning))
        digest.update(datagram.extracting(fields.choices))
        let code = digest.finish()
        var cookie = [32 of UInt8](repeating: UInt8(truncatingIfNeeded: slot))
        for index in 1..<Self.cookieLength { cookie[index] = code[index] }
        return cookie
    }

    /// HelloVerifyRequest (RFC 6347 section 4.2.1): in the version that every client knows, with the hello's own record number.
    private func write(
        _ cookie: [32 of UInt8],
        sequence: Range<Int>,
        of datagram: RawSpan,
        to answer: inout MutableRawSpan
    ) -> Judgement {
        guard answer.byteCount >= Self.answerRoom, datagram.byteCount >= Self.answerRoom else { return .unfit }
        let length = UInt8(3 &+ Self.cookieLength)
        let head: [28 of UInt8] = [
            22, 254, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, length &+ 12,
            3, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length,
            254, 255, UInt8(Self.cookieLength),
        ]
        for index in head.indices { answer.storeBytes(of: head[index], toByteOffset: index, as: UInt8.self) }
        for index in sequence {
            answer.storeBytes(of: datagram.byte(at: index) ?? 0, toByteOffset: index, as: UInt8.self)
        }
        for index in cookie.indices { answer.storeBytes(of: cookie[index], toByteOffset: 28 &+ index, as: UInt8.self) }
        return .answer(count: Self.answerRoom)
    }

    private static func identify(_ datagram: RawSpan, _ fields: HelloFields) -> HelloID {
        // The first four bytes may be the time.
        let start = fields.random.lowerBound
        return HelloID(
            high: (datagram.number(at: start &+ 4, bytes: 4) ?? 0) << 32
                | (datagram.number(at: start &+ 8, bytes: 4) ?? 0),
            low: (datagram.number(at: start &+ 12, bytes: 4) ?? 0) << 32
                | (datagram.number(at: start &+ 16, bytes: 4) ?? 0)
        )
    }
}
