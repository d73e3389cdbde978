public import Addresses

/// The form of a log line.
public enum LogFormat: String, Sendable, CaseIterable {
    /// The line of the 2002 manual: `[8] Tue Aug 13 15:30:48 2002: ...`.
    case text
    /// One JSON object a line.
    case json
}

/// How workers ask the kernel for packets.
public enum EngineChoice: String, Sendable, CaseIterable {
    /// What costs less at the rates of calls: epoll.
    case auto
    /// epoll, recvmmsg and sendmmsg: on every Linux.
    case epoll
    /// io_uring, or no start.
    case ioUring = "io_uring"
}

/// Whether a server gives up after its start what it needs no more.
public enum SandboxChoice: String, Sendable, CaseIterable {
    /// What the kernel can do.
    case auto
    /// All of it, or no start.
    case on
    /// Nothing.
    case off
}

/// When a sleeping worker wakes up.
public enum WakeUpMode: String, Sendable, CaseIterable {
    /// With the first packet, but for several where packets come often and one by one.
    case adaptive
    /// Always with the first packet.
    case lowLatency = "low-latency"
    /// For several packets, also at lower rates.
    case lowPower = "low-power"
}

/// How the 2001 drafts write an address attribute.
public enum DraftAddressLayout: String, Sendable, CaseIterable {
    /// Eight bytes.
    case draft01 = "draft-01"
    /// Seven bytes.
    case draft00 = "draft-00"
}

/// Another STUN server: a host name or IP address, and a port.
public struct OtherServer: Sendable, Hashable {
    /// A host name in lower case, or the text of an IP address without brackets.
    public let host: String
    /// The UDP port.
    public private(set) var port: UInt16
    /// Whether it is a foreign server, to which requests are handed by RESPONSE-ADDRESS (RFC 3489 section 11.2.2).
    public private(set) var isClassic = false

    /// The port of a server that is written without one (RFC 8489 section 18.6).
    public static let defaultPort: UInt16 = 3478
}

extension OtherServer: LosslessStringConvertible {
    /// What marks a foreign server, after host and port.
    private static let classicMark = "/classic"

    /// Reads `host`, `host:port`, `1.2.3.4:5`, `2001:db8::1` or `[2001:db8::1]:5`, each perhaps with `/classic` behind
    /// it; nil for anything else.
    ///
    /// Port 0 and names that are no valid host names (RFC 1123 section 2.1) are refused.
    public init?(_ text: String) {
        guard text.hasSuffix(Self.classicMark) else {
            self.init(unmarked: text)
            return
        }
        self.init(unmarked: String(text.dropLast(Self.classicMark.count)))
        isClassic = true
    }

    private init?(unmarked text: String) {
        if let address = IPAddress(text) {
            self.init(address: address, port: Self.defaultPort)
        } else if text.hasPrefix("["), text.hasSuffix("]"),
            let address = IPAddress(String(text.dropFirst().dropLast())),
            address.family == .v6
        {
            self.init(address: address, port: Self.defaultPort)
        } else if let pair = SocketAddress(text) {
            guard pair.port != 0 else { return nil }
            self.init(address: pair.address, port: pair.port)
        } else {
            self.init(name: text)
        }
    }

    /// `host:port`, an IPv6 address in brackets; reads back as the same value.
    public var description: String {
        (host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)") + (isClassic ? Self.classicMark : "")
    }

    /// The same host with another port.
    public func with(port: UInt16) -> OtherServer {
        var result = self
        result.port = port
        return result
    }

    /// Names an address and a port.
    public init(address: IPAddress, port: UInt16) {
        host = address.description
        self.port = port
    }

    private init?(name text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = parts.first, Self.isHostName(name) else { return nil }
        host = name.lowercased()
        guard parts.count == 2 else {
            port = Self.defaultPort
            return
        }
        guard parts[1].utf8.allSatisfy(isDigit), let port = UInt16(parts[1]), port != 0 else { return nil }
        self.port = port
    }

    /// RFC 1123 section 2.1; a last label of digits only would be a mistyped IPv4 address.
    private static func isHostName(_ name: Substring) -> Bool {
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        guard name.utf8.count <= 253, let last = labels.last, !last.utf8.allSatisfy(isDigit) else { return false }
        return labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy { isDigit($0) || isLetter($0) || $0 == UInt8(ascii: "-") }
        }
    }
}

/// Whether `byte` is an ASCII digit.
func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

/// Whether `byte` is an ASCII letter.
func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) }
