public import Addresses
public import NameService
import PacketEngine
public import ServerSettings

/// What a zone should say of this server, made of its settings: addresses, SRV and NAPTR records.
public struct ZonePlan: Sendable, Equatable {
    /// The records of one service.
    public struct Service: Sendable, Equatable {
        /// Such as `_stun._udp.example.org`.
        public var name: String
        /// All of one priority and weight.
        public var records: [ServiceRecord]
    }

    /// How long others may keep a record, in seconds.
    public static let ttl = 3600
    /// The longest domain: room for `_stun-behavior._udp.` before it (RFC 1035 section 2.3.4).
    public static let longestDomain = 230
    private static let priority: UInt16 = 10
    private static let weight: UInt16 = 10

    /// The domain that clients are told.
    public let domain: String
    /// The name of this host, which the services lead to.
    public let host: String
    /// The addresses by which clients reach this host, as far as the settings and the host tell.
    public private(set) var addresses: [IPAddress] = []
    /// What clients ask for.
    public private(set) var services: [Service] = []
    /// How clients of TURN find the service (RFC 5928).
    public private(set) var naming: [NamingAuthorityRecord] = []
    /// What a person should know.
    public private(set) var notes: [String] = []
    /// Services that this server does not offer: they must not lead to it.
    public private(set) var absent: [String] = []
    /// The port that clients without SRV must be told; nil when it is the one they take by themselves.
    public private(set) var port: UInt16?
    /// The port of TLS; nil when there is no certificate.
    public private(set) var securePort: UInt16?
    /// Whether there is TCP without TLS.
    public private(set) var servesTCP: Bool

    /// Plans, on this host; `domain` and `host` are names in lower case without a dot at their ends.
    public init(domain: String, host: String, _ settings: Settings) {
        self.init(domain: domain, host: host, settings, outgoing: HostAddresses.outgoing)
    }

    /// Plans; `outgoing` gives the address by which a host reaches the Internet in a family.
    init(domain: String, host: String, _ settings: Settings, outgoing: (IPAddress.Family) -> IPAddress?) {
        self.domain = domain
        self.host = host
        addresses = IPAddress.Family.allCases.compactMap { Self.address($0, settings, outgoing) }
        port = settings.stunPort1 == OtherServer.defaultPort ? nil : settings.stunPort1
        securePort = settings.tlsCertificate == nil ? nil : settings.tlsPort
        servesTCP = settings.tcp
        addServices(settings)
        addNotes(settings)
    }

    /// What clients reach in a family; nil when they reach nothing.
    static func address(
        _ family: IPAddress.Family,
        _ settings: Settings,
        _ outgoing: (IPAddress.Family) -> IPAddress?
    ) -> IPAddress? {
        let listening = settings.address.first { $0.family == family }
        guard settings.address.isEmpty || listening != nil else { return nil }
        let set = listening.flatMap { $0.isUnspecified ? nil : $0 }
        let own = set ?? outgoing(family)
        if let set, let external = settings.external(forFirst: set) { return external }
        if set == nil, let main = settings.externalOnAll(family, outgoing: outgoing) { return main.external }
        // A host that does not tell its own address may still say what stands for it.
        if own == nil, let bare = settings.externalIp.first(where: { $0.external.family == family && $0.local == nil })
        {
            return bare.external
        }
        // An IPv6 address that only this host or its network reaches is worse than none, unless it was asked for.
        if family == .v6, set == nil, let own, !own.isPublic { return nil }
        return own
    }

    private mutating func addServices(_ settings: Settings) {
        let ways = ZoneWay.all(settings)
        for way in ways where way.isServed {
            services.append(Service(name: "\(way.stun).\(domain)", records: records(way, settings)))
        }
        if !settings.secondAddress.isEmpty {
            let own = record(settings.stunPort1, host)
            services.append(Service(name: "_stun-behavior._udp.\(domain)", records: [own]))
        }
        absent = ways.filter { !$0.isServed }.map { "\($0.stun).\(domain)" }
        absent += ways.filter { !$0.isServed || !settings.turn }.map { "\($0.turn).\(domain)" }
        guard settings.turn else { return }
        for (index, way) in ways.filter(\.isServed).enumerated() {
            let service = Service(name: "\(way.turn).\(domain)", records: records(way, settings))
            services.append(service)
            naming.append(
                NamingAuthorityRecord(
                    order: 10,
                    preference: UInt16(10 * (index + 1)),
                    flags: "s",
                    service: "RELAY:\(way.tag)",
                    replacement: service.name
                )
            )
        }
    }

    /// This server's and those of the others, which are taken to serve what it serves.
    private func records(_ way: ZoneWay, _ settings: Settings) -> [ServiceRecord] {
        var all = [record(way.isSecure ? settings.tlsPort : settings.stunPort1, host)]
        for server in settings.otherStunServers where !server.isClassic && IPAddress(server.host) == nil {
            let record = record(way.isSecure ? settings.tlsPort : server.port, server.host)
            // Settings that a whole fleet shares name this server too.
            if !all.contains(record) { all.append(record) }
        }
        return all
    }

    private func record(_ port: UInt16, _ target: String) -> ServiceRecord {
        ServiceRecord(priority: Self.priority, weight: Self.weight, port: port, target: target)
    }

    private mutating func addNotes(_ settings: Settings) {
        for address in addresses where !address.isPublic {
            notes.append(
                "\(address) is no address that the Internet reaches: where a NAT maps a public one to this host, set external-ip"
            )
        }
        if addresses.isEmpty { notes.append("no address of this host was found: set address or external-ip") }
        for server in settings.otherStunServers where !server.isClassic && IPAddress(server.host) != nil {
            notes.append(
                "\(server) of other-stun-servers has no line, since SRV needs a name: name it there to have one"
            )
        }
        if !settings.secondAddress.isEmpty, settings.otherStunServers.contains(where: { !$0.isClassic }) {
            notes.append(
                "_stun-behavior is for servers with two addresses (RFC 5780): other servers have no line there"
            )
        }
        if settings.tlsCertificate != nil,
            settings.otherStunServers.contains(where: { !$0.isClassic && IPAddress($0.host) == nil })
        {
            notes.append(
                "other servers are taken to serve TLS at port \(settings.tlsPort) too: leave out those that do not"
            )
        }
        if !settings.turn { notes.append("turn is off, so there are no lines for TURN") }
        if !isInZone {
            notes.append("\(host) is in another zone than \(domain): its addresses belong there")
        }
    }

    /// Whether the host's addresses belong to the same zone.
    public var isInZone: Bool { host == domain || host.hasSuffix(".\(domain)") }
}

/// A transport of clients, as the names and tags of DNS call it.
private struct ZoneWay {
    /// The SRV name of STUN (RFC 8489 section 8, RFC 7350 section 4.5).
    let stun: String
    /// The SRV name of TURN (RFC 8656 section 21, RFC 7350 section 4.6).
    let turn: String
    /// The protocol of S-NAPTR (RFC 5928 section 6, RFC 7350 section 6.1).
    let tag: String
    let isSecure: Bool
    let isServed: Bool

    /// Those that carry media best come first.
    static func all(_ settings: Settings) -> [ZoneWay] {
        let hasCertificate = settings.tlsCertificate != nil
        return [
            ZoneWay("", "udp", "turn.udp", isServed: true),
            ZoneWay("s", "udp", "turn.dtls", isServed: hasCertificate && settings.dtls),
            ZoneWay("", "tcp", "turn.tcp", isServed: settings.tcp),
            ZoneWay("s", "tcp", "turn.tls", isServed: hasCertificate),
        ]
    }

    private init(_ mark: String, _ transport: String, _ tag: String, isServed: Bool) {
        stun = "_stun\(mark)._\(transport)"
        turn = "_turn\(mark)._\(transport)"
        self.tag = tag
        isSecure = !mark.isEmpty
        self.isServed = isServed
    }
}

extension ZonePlan {
    /// The lines of a zone file (RFC 1035 section 5.1), comments among them.
    public var lines: [String] {
        var rows: [(name: String, type: String, data: String)] = addresses.map { address in
            (host, address.family == .v4 ? "A" : "AAAA", "\(address)")
        }
        let others = rows.count
        for service in services { rows += service.records.map { (service.name, "SRV", $0.zoneText) } }
        rows += naming.map { (domain, "NAPTR", $0.zoneText) }
        let width = rows.map(\.name.count).max() ?? 0
        let texts = rows.enumerated().map { index, row in
            let name = row.name + "." + String(repeating: " ", count: width - row.name.count)
            let text = "\(name) \(Self.ttl) IN \(row.type.padded(to: 5)) \(row.data)"
            return index < others && !isInZone ? "; \(text)" : text
        }
        return notes.map { "; note: \($0)" } + texts
    }
}

extension ServiceRecord {
    /// As a zone file has it after the type.
    var zoneText: String { "\(priority) \(weight) \(port) \(target)." }
}

extension NamingAuthorityRecord {
    /// As a zone file has it after the type.
    var zoneText: String { "\(order) \(preference) \"\(flags)\" \"\(service)\" \"\(expression)\" \(replacement)." }
}

extension IPAddress {
    /// Whether others than this host and its network may reach it.
    var isPublic: Bool { !isLoopback && !isLinkLocal && !isPrivate }
}

extension String {
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
