package import STUNCodec

extension AttributeType {
    /// The name in the RFCs, or the number: `USERNAME`, `attribute 0x7777`.
    package var words: String { Self.names[rawValue] ?? "attribute \(hexadecimal(rawValue))" }

    /// IANA "STUN Attributes", and what RFC 3489 had before; with those of ICE, which clients send to servers too.
    private static let names: [UInt16: String] = [
        0x0001: "MAPPED-ADDRESS", 0x0002: "RESPONSE-ADDRESS", 0x0003: "CHANGE-REQUEST", 0x0004: "SOURCE-ADDRESS",
        0x0005: "CHANGED-ADDRESS", 0x0006: "USERNAME", 0x0007: "PASSWORD", 0x0008: "MESSAGE-INTEGRITY",
        0x0009: "ERROR-CODE", 0x000A: "UNKNOWN-ATTRIBUTES", 0x000B: "REFLECTED-FROM", 0x000C: "CHANNEL-NUMBER",
        0x000D: "LIFETIME", 0x0010: "BANDWIDTH", 0x0012: "XOR-PEER-ADDRESS", 0x0013: "DATA", 0x0014: "REALM",
        0x0015: "NONCE", 0x0016: "XOR-RELAYED-ADDRESS", 0x0017: "REQUESTED-ADDRESS-FAMILY", 0x0018: "EVEN-PORT",
        0x0019: "REQUESTED-TRANSPORT", 0x001A: "DONT-FRAGMENT", 0x001B: "ACCESS-TOKEN",
        0x001C: "MESSAGE-INTEGRITY-SHA256", 0x001D: "PASSWORD-ALGORITHM", 0x001E: "USERHASH",
        0x0020: "XOR-MAPPED-ADDRESS", 0x0021: "TIMER-VAL", 0x0022: "RESERVATION-TOKEN", 0x0024: "PRIORITY",
        0x0025: "USE-CANDIDATE", 0x0026: "PADDING", 0x0027: "RESPONSE-PORT", 0x002A: "CONNECTION-ID",
        0x8000: "ADDITIONAL-ADDRESS-FAMILY", 0x8001: "ADDRESS-ERROR-CODE", 0x8002: "PASSWORD-ALGORITHMS",
        0x8003: "ALTERNATE-DOMAIN", 0x8004: "ICMP", 0x8020: "XOR-MAPPED-ADDRESS (of the drafts)", 0x8022: "SOFTWARE",
        0x8023: "ALTERNATE-SERVER", 0x8025: "TRANSACTION_TRANSMIT_COUNTER", 0x8027: "CACHE-TIMEOUT",
        0x8028: "FINGERPRINT", 0x8029: "ICE-CONTROLLED", 0x802A: "ICE-CONTROLLING", 0x802B: "RESPONSE-ORIGIN",
        0x802C: "OTHER-ADDRESS", 0x802D: "ECN-CHECK STUN", 0x802E: "THIRD-PARTY-AUTHORIZATION",
        0x8030: "MOBILITY-TICKET", 0xC057: "GOOG-NETWORK-INFO",
    ]
}

extension Method {
    /// The name in the RFCs, or the number: `Allocate`, `method 0x0777`.
    package var words: String {
        switch self {
        case .binding: "Binding"
        case .sharedSecret: "Shared Secret"
        case .allocate: "Allocate"
        case .refresh: "Refresh"
        case .send: "Send"
        case .data: "Data"
        case .createPermission: "CreatePermission"
        case .channelBind: "ChannelBind"
        case .connect: "Connect"
        case .connectionBind: "ConnectionBind"
        default: "method \(hexadecimal(rawValue))"
        }
    }
}

extension MessageType.Class {
    /// `request`, `success response`.
    var words: String {
        switch self {
        case .request: "request"
        case .indication: "indication"
        case .success: "success response"
        case .error: "error response"
        }
    }
}

/// `0x4000`.
package func hexadecimal(_ number: UInt16) -> String {
    let digits = String(number, radix: 16, uppercase: true)
    return "0x" + String(repeating: "0", count: 4 - digits.count) + digits
}
