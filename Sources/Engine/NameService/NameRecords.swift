public import Addresses

/// An address that a name stands for, and how long that is good.
public struct AddressRecord: Sendable, Hashable {
    /// The address.
    public let address: IPAddress
    /// How many seconds the answer may be used (RFC 1035 section 3.2.1); 0 for names of /etc/hosts.
    public let ttl: Int

    /// Joins the two.
    public init(_ address: IPAddress, ttl: Int) {
        self.address = address
        self.ttl = ttl
    }
}

/// The addresses that a name has in one family, or in both.
public struct AddressAnswer: Sendable, Hashable {
    /// The addresses, at most `NameService.mostRecords`.
    public var records: [AddressRecord]
    /// Whether the name is an alias of another one (a CNAME record).
    public var isAlias: Bool
    /// Whether there were more addresses than are kept.
    public var isCut: Bool

    /// Joins the parts.
    public init(_ records: [AddressRecord], isAlias: Bool = false, isCut: Bool = false) {
        self.records = records
        self.isAlias = isAlias
        self.isCut = isCut
    }
}

/// A server that offers a service: an SRV record (RFC 2782).
public struct ServiceRecord: Sendable, Hashable {
    /// The lowest is tried first.
    public var priority: UInt16
    /// Its share among those of one priority.
    public var weight: UInt16
    /// The port.
    public var port: UInt16
    /// The host, without a dot at its end, as the name service wrote it; empty when the service is not offered at all.
    public var target: String

    /// Joins the parts.
    public init(priority: UInt16, weight: UInt16, port: UInt16, target: String) {
        self.priority = priority
        self.weight = weight
        self.port = port
        self.target = target
    }
}

/// A step from a domain to a service: a NAPTR record (RFC 3403 section 4.1).
public struct NamingAuthorityRecord: Sendable, Hashable {
    /// The lowest must be looked at first.
    public var order: UInt16
    /// The lowest of one order is preferred.
    public var preference: UInt16
    /// What kind of name the replacement is: `s` for SRV, `a` for an address, empty for another NAPTR.
    public var flags: String
    /// The service, such as `RELAY:turn.udp` (RFC 5928 section 3).
    public var service: String
    /// A rule for rewriting; empty when there is a replacement.
    public var expression: String
    /// The next name, without a dot at its end.
    public var replacement: String

    /// Joins the parts.
    public init(
        order: UInt16,
        preference: UInt16,
        flags: String,
        service: String,
        expression: String = "",
        replacement: String
    ) {
        self.order = order
        self.preference = preference
        self.flags = flags
        self.service = service
        self.expression = expression
        self.replacement = replacement
    }
}

/// Why the name service gave no answer.
public enum NameError: Error, Sendable, Hashable {
    /// The name does not exist (NXDOMAIN, RFC 1035 section 4.1.1).
    case noSuchName
    /// The name exists, but has no record of the kind that was asked for.
    case noData
    /// The text is no name that can be asked for.
    case badName
    /// The name server failed (SERVFAIL), often since it cannot reach those that know.
    case serverFailure
    /// The name server refused the question.
    case refused
    /// Nobody answered in time.
    case timedOut
    /// No name server could be reached at all.
    case noServer
    /// The answer could not be read.
    case badAnswer
    /// Too many questions wait already.
    case busy
    /// The question was taken back, or the name service was stopped.
    case cancelled
    /// The system or the library refused something.
    case system(String)

    /// Whether the answer is certain: asking again now would bring the same.
    public var isCertain: Bool {
        switch self {
        case .noSuchName, .noData, .badName: true
        case .serverFailure, .refused, .timedOut, .noServer, .badAnswer, .busy, .cancelled, .system: false
        }
    }
}

extension NameError: CustomStringConvertible {
    /// What happened, in words that follow the name.
    public var description: String {
        switch self {
        case .noSuchName: "there is no such name"
        case .noData: "the name exists, but has no record of this kind"
        case .badName: "this is no name that can be looked up"
        case .serverFailure: "the name server failed (SERVFAIL)"
        case .refused: "the name server refused the question"
        case .timedOut: "no name server answered in time"
        case .noServer: "no name server can be reached (see /etc/resolv.conf)"
        case .badAnswer: "the name server's answer cannot be read"
        case .busy: "too many names are being looked up"
        case .cancelled: "the look-up was ended"
        case .system(let text): "the look-up failed: \(text)"
        }
    }
}
