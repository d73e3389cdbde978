public import Addresses
internal import STUNCodec

/// What a nonce is to the server that gets it back.
public enum NonceCheck: Equatable, Sendable {
    /// This server, or one with the same key, gave it to this address, and not too long ago.
    case valid
    /// It was valid until so many seconds ago.
    case stale(bySeconds: UInt64)
    /// It was made so many seconds from now: the clocks of two servers differ, or this one's was set back.
    case future(bySeconds: UInt64)
    /// Nobody with this key gave it to this address.
    case foreign
}

/// Makes and checks nonces without remembering any (attacks rows 20 and 33).
///
/// A nonce names the time it was made and the client's port, and holds an HMAC of both, the security features and the
/// client's IP address; for IPv6 of its /64, within which a host changes its address as it likes. The port only keeps two
/// clients behind one NAT from getting the same nonce (RFC 8489 section 9.2.4); it is not compared, since a NAT may change
/// it at any time. Servers with the same key accept each other's nonces.
public struct NonceIssuer: Sendable {
    /// How far the clocks of a fleet may be apart, in seconds.
    public static var clockDifference: UInt32 { 5 }
    /// How long a nonce is valid, in seconds.
    public let lifetime: UInt32
    /// What new nonces say that the server can do.
    public var features: SecurityFeatures
    private let hmac: HMAC<SHA256>

    /// Takes a random key and a lifetime in seconds.
    public init(key: [32 of UInt8], lifetime: UInt32, features: SecurityFeatures = .passwordAlgorithms) {
        self.lifetime = lifetime
        self.features = features
        hmac = HMAC(key: key.rawBytes)
    }

    /// Takes the key of a fleet, of any length, and a lifetime in seconds.
    ///
    /// The key is hashed to 32 bytes: HMAC itself would make one key of two that differ in zeros at their end.
    public init(sharedKey: [UInt8], lifetime: UInt32) {
        var hash = SHA256()
        hash.update(sharedKey.rawBytes)
        self.init(key: hash.finish(), lifetime: lifetime)
    }

    /// A nonce for a client.
    public func issue(for client: SocketAddress, at unixSeconds: UInt64) -> Nonce {
        let stamp = Stamp(time: UInt32(truncatingIfNeeded: unixSeconds), port: client.port)
        return make(for: client.address, stamp, features)
    }

    /// Whether a client may use a nonce.
    public func check(_ value: RawSpan, from address: IPAddress, at unixSeconds: UInt64) -> NonceCheck {
        // The features are those of the time when it was made: a reload that changes them leaves nonces valid.
        guard value.byteCount == Nonce.length, let features = Nonce.features(of: value),
            let stamp = Stamp(of: value)
        else { return .foreign }
        let expected = make(for: address, stamp, features)
        guard constantTimeEquals(expected.characters.rawBytes, value) else { return .foreign }
        // Differences of 32 bits stay right when Unix time needs a 33rd, in 2106.
        let age = Int32(bitPattern: UInt32(truncatingIfNeeded: unixSeconds) &- stamp.time)
        if age < -Int32(Self.clockDifference) { return .future(bySeconds: UInt64(age.magnitude)) }
        if age > 0, age.magnitude > lifetime { return .stale(bySeconds: UInt64(age.magnitude &- lifetime)) }
        return .valid
    }

    private func make(for address: IPAddress, _ stamp: Stamp, _ features: SecurityFeatures) -> Nonce {
        var bytes = Bytes<14>()
        bytes.put(stamp.time, at: 0, count: 4)
        bytes.put(UInt32(stamp.port) << 16, at: 4, count: 2)
        let code = code(of: address, stamp, features)
        for index in 0..<8 { bytes.values[6 &+ index] = code[index] }
        var head = Bytes<3>()
        head.put(features.rawValue << 8, at: 0, count: 3)
        var characters = [32 of UInt8](repeating: 0)
        let (cookie, bits) = (Nonce.cookie, Base64.encode(head.values.rawBytes, .standard).characters)
        let rest = Base64.encode(bytes.values.rawBytes, .url).characters
        for index in 0..<9 { characters[index] = cookie[index] }
        for index in 0..<4 { characters[9 &+ index] = bits[index] }
        for index in 0..<19 { characters[13 &+ index] = rest[index] }
        return Nonce(characters)
    }

    /// The HMAC of 20 bytes: time, features, family, the address or its /64, and the port.
    private func code(of address: IPAddress, _ stamp: Stamp, _ features: SecurityFeatures) -> Digest {
        var text = Bytes<20>()
        text.put(stamp.time, at: 0, count: 4)
        text.put(features.rawValue << 8 | UInt32(address.family.rawValue), at: 4, count: 4)
        let network = address.family == .v4 ? address.low : address.high
        text.put(UInt32(truncatingIfNeeded: network >> 32), at: 8, count: 4)
        text.put(UInt32(truncatingIfNeeded: network), at: 12, count: 4)
        text.put(UInt32(stamp.port), at: 16, count: 4)
        return hmac.code(of: text.values.rawBytes)
    }
}

/// What a nonce tells openly.
private struct Stamp {
    let time: UInt32
    let port: UInt16

    init(time: UInt32, port: UInt16) {
        self.time = time
        self.port = port
    }

    /// Reads the eight characters behind the features: 48 bits.
    init?(of value: RawSpan) {
        var bits: UInt64 = 0
        for index in 13..<21 {
            guard let six = Base64.bits(ofURL: value.uint8(at: index)) else { return nil }
            bits = bits << 6 | six
        }
        time = UInt32(truncatingIfNeeded: bits >> 16)
        port = UInt16(truncatingIfNeeded: bits)
    }
}

/// A few bytes in which numbers stand in network byte order.
private struct Bytes<let size: Int> {
    var values = InlineArray<size, UInt8>(repeating: 0)

    /// Writes the first `count` bytes of a number.
    mutating func put(_ value: UInt32, at offset: Int, count: Int) {
        for index in 0..<count {
            values[offset &+ index] = UInt8(truncatingIfNeeded: value >> UInt32(24 &- 8 &* index))
        }
    }
}
