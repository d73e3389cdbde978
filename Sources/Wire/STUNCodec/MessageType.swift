/// The 14-bit message type: a method with a class (RFC 8489 section 5).
///
/// The drafts and RFC 3489 knew only whole numbers; theirs (1 Binding, 2 Shared Secret, 0x100 response, 0x110 error) are
/// the same bits.
public struct MessageType: RawRepresentable, Hashable, Sendable {
    /// The class of a message.
    public enum Class: UInt16, Sendable, CaseIterable {
        /// Wants an answer.
        case request = 0x000
        /// Wants none.
        case indication = 0x010
        /// The answer of success.
        case success = 0x100
        /// The answer of failure.
        case error = 0x110
    }

    /// The number on the wire, 0...0x3FFF.
    public let rawValue: UInt16

    /// Takes the number from the wire.
    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Joins a method and a class.
    @inlinable
    public init(_ method: Method, _ messageClass: Class) {
        let bits = method.rawValue
        rawValue = bits & 0xF | (bits & 0x70) << 1 | (bits & 0xF80) << 2 | messageClass.rawValue
    }

    /// Bits 4 and 8.
    @inlinable
    public var messageClass: Class {
        switch rawValue & 0x110 {
        case 0x000: .request
        case 0x010: .indication
        case 0x100: .success
        default: .error
        }
    }

    /// The other twelve bits.
    @inlinable
    public var method: Method {
        Method(rawValue: rawValue & 0xF | (rawValue >> 1) & 0x70 | (rawValue >> 2) & 0xF80)
    }
}

/// What a message asks for (IANA "STUN Methods").
public struct Method: RawRepresentable, Hashable, Sendable {
    /// The number, 0...0xFFF.
    public let rawValue: UInt16

    /// Takes the number.
    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Binding (RFC 8489 section 3).
    @inlinable public static var binding: Method { Method(rawValue: 0x001) }
    /// Shared Secret (RFC 3489 section 9.3), reserved since RFC 5389.
    @inlinable public static var sharedSecret: Method { Method(rawValue: 0x002) }
    /// Allocate (RFC 8656 section 17).
    @inlinable public static var allocate: Method { Method(rawValue: 0x003) }
    /// Refresh (RFC 8656 section 17).
    @inlinable public static var refresh: Method { Method(rawValue: 0x004) }
    /// Send, indications only (RFC 8656 section 17).
    @inlinable public static var send: Method { Method(rawValue: 0x006) }
    /// Data, indications only (RFC 8656 section 17).
    @inlinable public static var data: Method { Method(rawValue: 0x007) }
    /// CreatePermission (RFC 8656 section 17).
    @inlinable public static var createPermission: Method { Method(rawValue: 0x008) }
    /// ChannelBind (RFC 8656 section 17).
    @inlinable public static var channelBind: Method { Method(rawValue: 0x009) }
    /// Connect (RFC 6062 section 6.1).
    @inlinable public static var connect: Method { Method(rawValue: 0x00A) }
    /// ConnectionBind (RFC 6062 section 6.1).
    @inlinable public static var connectionBind: Method { Method(rawValue: 0x00B) }
    /// ConnectionAttempt, indications only (RFC 6062 section 6.1).
    @inlinable public static var connectionAttempt: Method { Method(rawValue: 0x00C) }
}
