import Addresses
import STUNCodec

@testable import ServerCore

/// A server under test with an integer clock: bytes in, bytes out.
struct ServerHarness {
    var server: Server
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

    /// Sends one datagram through the server, in a buffer whose other bytes are 0xAA.
    mutating func send(
        _ request: [UInt8],
        from source: SocketAddress = .client,
        on role: SocketRole = .primaryPrimary
    ) -> Outcome {
        var buffer = [UInt8](repeating: 0xAA, count: 2048)
        buffer.replaceSubrange(0..<request.count, with: request)
        var span = buffer.mutableSpan
        // Bytes have no invalid values, so any store through the raw span is sound.
        var packet = unsafe Packet(span.mutableBytes, count: request.count)
        let endpoints = server.policy.endpoints(source.address.family)
        let address = (role.isOnAlternateAddress ? endpoints.alternate : endpoints.primary) ?? .server
        let port = role.isOnAlternatePort ? endpoints.port2 : endpoints.port1
        let flow = ClientFlow(source: source, destination: SocketAddress(address, port: port), role: role)
        let verdict = server.receive(&packet, from: flow, now: now)
        if case .drop = verdict { return Outcome(verdict: verdict, answer: nil) }
        let count = packet.count
        return Outcome(verdict: verdict, answer: Array(buffer[..<count]))
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

/// The bytes of a hex dump; blanks and newlines are passed over.
func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}
