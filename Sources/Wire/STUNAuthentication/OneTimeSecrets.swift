public import STUNCodec

/// User names and passwords for one exchange of RFC 3489 (section 8.2), which are made and known again without remembering any.
///
/// ```
/// USERNAME: 32 characters of base64url: 4 bytes of Unix time, 12 drawn from the transaction ID, 8 of HMAC-SHA256
/// PASSWORD: 32 characters of base64url: 24 bytes of HMAC-SHA256 over the user name
/// ```
/// Whoever repeats a request within its second gets the same again; every other request gets another name. Servers with the same key
/// know each other's names.
public final class OneTimeSecrets: Sendable {
    /// How long a name is valid, in seconds: ten minutes at least, half an hour at most.
    public static var lifetime: UInt32 { 900 }
    /// How long names and passwords are, in bytes.
    public static var length: Int { 32 }

    /// A name or a password.
    public struct Text: Sendable {
        let characters: [32 of UInt8]

        init(characters: [32 of UInt8]) { self.characters = characters }

        /// Takes what stands in a message; nil when it has another length.
        public init?(_ bytes: RawSpan) {
            guard bytes.byteCount == OneTimeSecrets.length else { return nil }
            characters = InlineArray { bytes.uint8(at: $0) }
        }

        /// Whether it is what stands in a message.
        public func isSame(as bytes: RawSpan) -> Bool {
            bytes.byteCount == OneTimeSecrets.length && constantTimeEquals(characters.rawBytes, bytes)
        }
    }

    /// What a name is to the server.
    public enum Check: Sendable {
        /// It is good, with this password.
        case valid(Text)
        /// It was good once.
        case stale
        /// Nobody with this key has made it.
        case foreign
    }

    private let hmac: HMAC<SHA256>

    /// Takes a random key.
    public init(key: [32 of UInt8]) { hmac = HMAC(key: key.rawBytes) }

    /// The name and the password for a request.
    ///
    /// - `transactionID`: the bytes that tell it from all others.
    public func issue(for transactionID: RawSpan, at unixSeconds: UInt64) -> (name: Text, password: Text) {
        let time = UInt32(truncatingIfNeeded: unixSeconds)
        var bytes = [24 of UInt8](repeating: 0)
        for index in 0..<4 { bytes[index] = UInt8(truncatingIfNeeded: time >> UInt32(24 &- 8 &* index)) }
        var drawn = labelled(.draw)
        drawn.update(bytes.rawBytes.extracting(first: 4))
        drawn.update(transactionID)
        let code = drawn.finish()
        for index in 0..<12 { bytes[4 &+ index] = code[index] }
        let seal = seal(bytes.rawBytes.extracting(first: 16))
        for index in 0..<8 { bytes[16 &+ index] = seal[index] }
        let name = Text(characters: Base64.encode(bytes.rawBytes, .url).characters)
        return (name, password(of: name.characters.rawBytes))
    }

    /// What a name is, and its password.
    public func check(_ name: RawSpan, at unixSeconds: UInt64) -> Check {
        guard let bytes = Self.decode(name) else { return .foreign }
        let seal = seal(bytes.rawBytes.extracting(first: 16))
        guard constantTimeEquals(seal.rawBytes.extracting(first: 8), bytes.rawBytes.extracting(16..<24)) else {
            return .foreign
        }
        var time: UInt32 = 0
        for index in 0..<4 { time = time << 8 | UInt32(bytes[index]) }
        // Differences of 32 bits stay right when Unix time needs a 33rd, in 2106.
        let age = Int32(bitPattern: UInt32(truncatingIfNeeded: unixSeconds) &- time)
        let clocks = Int32(NonceIssuer.clockDifference)
        guard age >= -clocks, age <= Int32(Self.lifetime) else { return .stale }
        return .valid(password(of: name))
    }

    private func password(of name: RawSpan) -> Text {
        var hmac = labelled(.password)
        hmac.update(name)
        let code = hmac.finish()
        return Text(characters: Base64.encode(code.rawBytes.extracting(first: 24), .url).characters)
    }

    private func seal(_ bytes: RawSpan) -> Digest {
        var hmac = labelled(.seal)
        hmac.update(bytes)
        return hmac.finish()
    }

    private enum Label: UInt8 { case draw, seal, password }

    /// Keeps one use of the key from being another.
    private func labelled(_ label: Label) -> HMAC<SHA256> {
        var hmac = hmac
        let byte: [1 of UInt8] = [label.rawValue]
        hmac.update(byte.rawBytes)
        return hmac
    }

    /// The 24 bytes of 32 characters; nil for what is no name of ours.
    private static func decode(_ name: RawSpan) -> [24 of UInt8]? {
        guard name.byteCount == length else { return nil }
        var bytes = [24 of UInt8](repeating: 0)
        for group in 0..<8 {
            var bits: UInt64 = 0
            for index in 0..<4 {
                guard let six = Base64.bits(ofURL: name.uint8(at: group &* 4 &+ index)) else { return nil }
                bits = bits << 6 | six
            }
            for index in 0..<3 {
                bytes[group &* 3 &+ index] = UInt8(truncatingIfNeeded: bits >> UInt64(16 &- 8 &* index))
            }
        }
        return bytes
    }
}

// MESSAGE-INTEGRITY of RFC 3489 section 11.2.8: an HMAC-SHA1 over the message up to the attribute, filled with zeros to a multiple of 64
// bytes; the attribute is the last one.
extension Message {
    /// Checks it with a password; false also when it is not the last attribute, or has another length.
    ///
    /// - `start`: where its value stands.
    public func checkClassicIntegrity(at start: Int, password: OneTimeSecrets.Text) -> Bool {
        guard dialect == .classic, start >= 24, start &+ 20 == bytes.byteCount, bytes.uint16(at: start &- 2) == 20
        else { return false }
        let code = ClassicIntegrity.code(of: bytes.extracting(first: start &- 4), password)
        return constantTimeEquals(code.rawBytes.extracting(first: 20), bytes.extracting(start..<(start &+ 20)))
    }
}

extension Packet {
    /// Appends it to a finished message of RFC 3489; false when there is no room.
    public mutating func appendClassicIntegrity(_ password: OneTimeSecrets.Text) -> Bool {
        let start = count
        guard start >= 20, start &+ 24 <= capacity else { return false }
        // The length counts the attribute itself.
        write(UInt16(truncatingIfNeeded: start &+ 4), at: 2)
        write(AttributeType.messageIntegrity.rawValue, at: start)
        write(UInt16(20), at: start &+ 2)
        resize(to: start &+ 24)
        let code = ClassicIntegrity.code(of: bytes.extracting(first: start), password)
        for index in 0..<20 { write(code[index], at: start &+ 4 &+ index) }
        return true
    }
}

extension MessageWriter {
    /// Appends a name or a password; false when it does not fit.
    public mutating func append(_ type: AttributeType, _ text: OneTimeSecrets.Text, to packet: inout Packet) -> Bool {
        append(type, text.characters.rawBytes, to: &packet)
    }
}

private enum ClassicIntegrity {
    static func code(of bytes: RawSpan, _ password: OneTimeSecrets.Text) -> Digest {
        var hmac = HMAC<SHA1>(key: password.characters.rawBytes)
        hmac.update(bytes)
        let zeros = [64 of UInt8](repeating: 0)
        hmac.update(zeros.rawBytes.extracting(first: (64 &- bytes.byteCount % 64) % 64))
        return hmac.finish()
    }
}
