import STUNCodec

/// What a server has done since it started; written by its worker alone and copied on request.
public struct Counters: Sendable {
    /// Messages whose dialect could be told, by `Dialect.rawValue`.
    public private(set) var received = InlineArray<3, UInt64>(repeating: 0)
    /// Success answers, by `Dialect.rawValue`.
    public private(set) var answered = InlineArray<3, UInt64>(repeating: 0)
    /// Success answers of TURN: in the order of `grantedMethods`.
    public private(set) var granted = InlineArray<6, UInt64>(repeating: 0)
    /// Error answers, in the order of `errorCodes`.
    public private(set) var refused = InlineArray<21, UInt64>(repeating: 0)
    /// Allocate requests that were sent to another server: while draining, and by load.
    public private(set) var redirected = InlineArray<2, UInt64>(repeating: 0)
    /// Requests that were refused for want of something (508), in the order of `shortageNames`.
    public private(set) var shortages = InlineArray<9, UInt64>(repeating: 0)
    /// Datagrams without an answer, by `DropReason.rawValue`.
    public private(set) var dropped = InlineArray<27, UInt64>(repeating: 0)
    /// Mirrors that were made, by `MirrorDraft.rawValue`.
    public private(set) var mirrors = InlineArray<3, UInt64>(repeating: 0)
    /// Requests that were handed to other servers.
    public private(set) var handedOver: UInt64 = 0
    /// Success answers to requests that other servers have handed over; `answered` counts them too.
    public private(set) var answeredForOthers: UInt64 = 0
    /// What allocations relayed, those that have ended included.
    public internal(set) var traffic = Traffic()

    /// The error codes that this server sends, in the order of `refused`.
    public static let errorCodes: [21 of UInt16] = [
        300, 400, 401, 403, 420, 430, 431, 432, 433, 437, 438, 439, 440, 441, 442, 443, 446, 447, 486, 500, 508,
    ]
    /// The methods of TURN in the order of `granted`.
    public static var grantedMethods: [String] { methods.indices.map { methods[$0].1 } }

    /// Why clients are sent to another server, in the order of `redirected`.
    public static var redirectCauses: [String] { ["draining", "load"] }

    /// What there was too little of, in the order of `shortages`.
    public static var shortageNames: [String] {
        [
            "allocations", "memory", "relay-ports", "open-files", "system", "permissions", "channels", "connections",
            "mirrors",
        ]
    }

    private static let methods: [6 of (Method, String)] = [
        (.allocate, "allocate"), (.refresh, "refresh"), (.createPermission, "create-permission"),
        (.channelBind, "channel-bind"), (.connect, "connect"), (.connectionBind, "connection-bind"),
    ]

    /// All zero.
    public init() {}

    mutating func countReceived(_ dialect: Dialect) { received[Int(dialect.rawValue)] &+= 1 }
    mutating func countAnswered(_ dialect: Dialect) { answered[Int(dialect.rawValue)] &+= 1 }
    mutating func countMirror(_ draft: MirrorDraft) { mirrors[Int(draft.rawValue)] &+= 1 }
    mutating func countHandedOver() { handedOver &+= 1 }
    mutating func countAnsweredForOthers() { answeredForOthers &+= 1 }
    mutating func countDropped(_ reason: DropReason) { dropped[reason.rawValue] &+= 1 }
    mutating func countRefused(_ error: ErrorCode) {
        for index in Self.errorCodes.indices where Self.errorCodes[index] == error.code { refused[index] &+= 1 }
    }
    mutating func countRedirected(_ cause: Redirection.Cause) { redirected[cause == .draining ? 0 : 1] &+= 1 }
    mutating func countShortage(_ refusal: Refusal) {
        switch refusal {
        case .serverAllocations: shortages[0] &+= 1
        case .memory: shortages[1] &+= 1
        case .relayPort(.noneFree): shortages[2] &+= 1
        case .relayPort(.openFiles): shortages[3] &+= 1
        case .relayPort(.system): shortages[4] &+= 1
        case .permissionLimit: shortages[5] &+= 1
        case .channelLimit: shortages[6] &+= 1
        case .connectionLimit: shortages[7] &+= 1
        case .mirrors: shortages[8] &+= 1
        default: break
        }
    }
    mutating func countTURN(_ method: Method) {
        for index in Self.methods.indices where Self.methods[index].0 == method { granted[index] &+= 1 }
    }

    /// Adds another server's counters, so that workers can be shown as one.
    public mutating func add(_ other: Counters) {
        for index in received.indices { received[index] &+= other.received[index] }
        for index in answered.indices { answered[index] &+= other.answered[index] }
        for index in granted.indices { granted[index] &+= other.granted[index] }
        for index in refused.indices { refused[index] &+= other.refused[index] }
        for index in redirected.indices { redirected[index] &+= other.redirected[index] }
        for index in shortages.indices { shortages[index] &+= other.shortages[index] }
        for index in dropped.indices { dropped[index] &+= other.dropped[index] }
        for index in mirrors.indices { mirrors[index] &+= other.mirrors[index] }
        handedOver &+= other.handedOver
        answeredForOthers &+= other.answeredForOthers
        traffic.add(other.traffic)
    }

    /// STUN and TURN requests of all dialects, and whatever else of them could be told.
    public var requests: UInt64 { received.indices.reduce(0) { $0 &+ received[$1] } }

    /// Name and value of each, in a fixed order: `requests-rfc8489`, `answers-rfc3489`, `errors-420`, `drops-not-stun`.
    public var named: [(name: String, value: UInt64)] {
        var list: [(name: String, value: UInt64)] = []
        for dialect in Dialect.allCases { list.append(("requests-\(dialect.name)", received[Int(dialect.rawValue)])) }
        for dialect in Dialect.allCases { list.append(("answers-\(dialect.name)", answered[Int(dialect.rawValue)])) }
        list.append(("handed-over", handedOver))
        list.append(("answers-for-others", answeredForOthers))
        for index in granted.indices { list.append(("turn-\(Self.methods[index].1)", granted[index])) }
        for draft in MirrorDraft.allCases { list.append(("mirrors-\(draft.name)", mirrors[Int(draft.rawValue)])) }
        list.append(("relayed-packets-to-peers", traffic.packetsToPeers))
        list.append(("relayed-bytes-to-peers", traffic.bytesToPeers))
        list.append(("relayed-packets-to-clients", traffic.packetsToClient))
        list.append(("relayed-bytes-to-clients", traffic.bytesToClient))
        for index in refused.indices { list.append(("errors-\(Self.errorCodes[index])", refused[index])) }
        for index in redirected.indices { list.append(("redirects-\(Self.redirectCauses[index])", redirected[index])) }
        for index in shortages.indices { list.append(("shortages-\(Self.shortageNames[index])", shortages[index])) }
        for reason in DropReason.allCases { list.append(("drops-\(reason.name)", dropped[reason.rawValue])) }
        return list
    }
}
