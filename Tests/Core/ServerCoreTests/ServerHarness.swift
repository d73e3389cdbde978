import Addresses
import STUNCodec
import WireFixtures

@testable import ServerCore

/// A server under test with an integer clock: bytes in, bytes out.
struct ServerHarness {
    var server: Server
    var ports = FakeRelayPorts()
    var now = Instant(nanoseconds: 1_000_000_000)

    init(policy: Policy = .oneAddress) {
        server = Server(policy: policy, seed: 0x5EED)
    }

    /// What one datagram leads to.
    struct Outcome: Equatable {
        let verdict: Verdict
        /// The answer; nil when there is none.
        let answer: [UInt8]?
    }

    /// Sends one datagram through the server, in a buffer whose other bytes are 0xAA, or as told.
    mutating func send(
        _ request: [UInt8],
        from source: SocketAddress = .client,
        on role: SocketRole = .primaryPrimary,
        at offset: Int = 0,
        filledWith filler: UInt8 = 0xAA
    ) -> Outcome {
        let endpoints = server.policy.endpoints(source.address.family)
        let address = (role.isOnAlternateAddress ? endpoints.alternate : endpoints.primary) ?? .server
        let port = role.isOnAlternatePort ? endpoints.port2 : endpoints.port1
        let flow = ClientFlow(source: source, destination: SocketAddress(address, port: port), role: role)
        let (verdict, datagram) = withPacket(request, at: offset, headroom: Packet.headroom, filledWith: filler) {
            packet in
            server.receive(&packet, from: flow, now: now, ports: &ports)
        }
        if case .drop = verdict { return Outcome(verdict: verdict, answer: nil) }
        return Outcome(verdict: verdict, answer: datagram)
    }
}

extension Policy {
    /// A host with one address.
    static var oneAddress: Policy {
        var policy = Policy()
        policy.v4.primary = .server
        policy.v6.primary = IPAddress(v6High: 0x2001_0db8_0000_0000, low: 0x10)
        return policy
    }

    /// A host with two addresses in both families.
    static var twoAddresses: Policy {
        var policy = oneAddress
        policy.v4.alternate = IPAddress(v4: 0xC633_640B)
        policy.v6.alternate = IPAddress(v6High: 0x2001_0db8_0000_0000, low: 0x11)
        return policy
    }
}

extension IPAddress {
    /// 198.51.100.10.
    static let server = IPAddress(v4: 0xC633_640A)
}

extension SocketAddress {
    /// The phone of the manual's log, 217.230.186.106:29508.
    static let client = SocketAddress(IPAddress(v4: 0xD9E6_BA6A), port: 29508)
    /// A client with IPv6.
    static let client6 = SocketAddress(IPAddress(v6High: 0x2001_0db8_00ff_0000, low: 0x77), port: 40000)
}

extension Wire.Attribute {
    /// CHANGE-REQUEST or FLAGS with the dialect's bits: from the top in the rosenberg drafts, else from the bottom.
    static func change(ip: Bool = false, port: Bool = false, discard: Bool = false, as dialect: Dialect) -> Self {
        let bits: UInt8 = (ip ? 4 : 0) | (port ? 2 : 0) | (discard ? 1 : 0)
        return Self(0x0003, dialect == .rosenberg ? [bits << 5, 0, 0, 0] : [0, 0, 0, bits])
    }

    /// An attribute that no dialect knows and that must be understood.
    static let unknown = Self(0x7777, [1, 2, 3, 4])
}

/// The value of an address attribute since midcom-stun-00: zero, family, port, address.
func value(_ address: SocketAddress) -> [UInt8] { Wire.value(address) }

/// The value of an address in the layout of rosenberg-01: port, family, zero, address.
func draft01(_ address: SocketAddress) -> [UInt8] {
    let value = Wire.value(address)
    return Wire.bytes(address.port) + [value[1], 0] + value.dropFirst(4)
}

extension ServerHarness {
    /// The address of a role's socket, as the policy has it.
    func address(of role: SocketRole, family: IPAddress.Family) -> SocketAddress? {
        let endpoints = server.policy.endpoints(family)
        let port = role.isOnAlternatePort ? endpoints.port2 : endpoints.port1
        return (role.isOnAlternateAddress ? endpoints.alternate : endpoints.primary).map {
            SocketAddress($0, port: port)
        }
    }

    /// Sends a request and takes the answer apart; nil when there is none.
    mutating func ask(
        _ request: [UInt8],
        as dialect: Dialect,
        from source: SocketAddress = .client,
        on role: SocketRole = .primaryPrimary
    ) -> TakenApart? {
        send(request, from: source, on: role).answer.flatMap { TakenApart($0, as: dialect) }
    }

    /// The one row of the statistics.
    var row: SourceTable.Row? { server.sources.newestFirst.first }

    /// How many requests were refused with a code.
    func refusals(_ code: Int) -> UInt64? { server.counters.named.first { $0.name == "errors-\(code)" }?.value }

    /// How many datagrams were dropped for a reason.
    func drops(_ reason: DropReason) -> UInt64 { server.counters.dropped[reason.rawValue] }
}
