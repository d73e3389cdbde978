import Addresses
import ServerCore

/// Relay sockets that exist only as numbers: what a test can give to a server in place of the system's.
struct FakeRelayPorts: RelayPorts {
    /// The addresses that relay; a family that is not here is refused.
    var addresses: [IPAddress] = [.relay, .relay6]
    /// The ports that can be had.
    var range: ClosedRange<UInt16> = 49152...65535
    /// What the next calls of `open` fail with, if anything.
    var failure: RelayPortError?
    /// The open sockets by their number.
    private(set) var open: [Int32: SocketAddress] = [:]
    /// Those of them that are for TCP.
    private var listening: Set<Int32> = []
    /// The port that waits for each token.
    private(set) var reserved: [UInt64: SocketAddress] = [:]
    private var nextID: Int32 = 0
    private var nextToken: UInt64 = 0xA0

    mutating func open(_ request: RelayPortRequest, now: Instant) throws(RelayPortError) -> OpenedRelay {
        if let failure { throw failure }
        switch request {
        case .any(let family): return try take(family, evenOnly: false, reservesNext: false)
        case .even(let family): return try take(family, evenOnly: true, reservesNext: false)
        case .evenReservingNext(let family): return try take(family, evenOnly: true, reservesNext: true)
        case .tcp(let family):
            let relay = try take(family, evenOnly: false, reservesNext: false)
            listening.insert(relay.id.index)
            return relay
        case .reserved(let token):
            guard let address = reserved.removeValue(forKey: token) else { throw .unknownToken }
            return add(address, token: nil)
        }
    }

    mutating func close(_ relay: RelayID, now: Instant) { open[relay.index] = nil }

    func isOpen(port: UInt16, of family: IPAddress.Family) -> Bool {
        open.contains { !listening.contains($0.key) && $0.value.port == port && $0.value.address.family == family }
    }

    func isListening(port: UInt16, of family: IPAddress.Family) -> Bool {
        open.contains { listening.contains($0.key) && $0.value.port == port && $0.value.address.family == family }
    }

    private mutating func take(
        _ family: IPAddress.Family,
        evenOnly: Bool,
        reservesNext: Bool
    ) throws(RelayPortError) -> OpenedRelay {
        guard let address = addresses.first(where: { $0.family == family }) else { throw .familyMissing(family) }
        let port = range.first { port in
            isFree(port, address) && (!evenOnly || port & 1 == 0)
                && (!reservesNext || port < range.upperBound && isFree(port + 1, address))
        }
        guard let port else { throw .noneFree }
        guard reservesNext else { return add(SocketAddress(address, port: port), token: nil) }
        nextToken += 1
        reserved[nextToken] = SocketAddress(address, port: port + 1)
        return add(SocketAddress(address, port: port), token: nextToken)
    }

    private func isFree(_ port: UInt16, _ address: IPAddress) -> Bool {
        !open.values.contains(SocketAddress(address, port: port))
            && !reserved.values.contains(SocketAddress(address, port: port))
    }

    private mutating func add(_ address: SocketAddress, token: UInt64?) -> OpenedRelay {
        nextID += 1
        open[nextID] = address
        return OpenedRelay(id: RelayID(index: nextID), address: address, token: token)
    }
}

extension IPAddress {
    /// 198.51.100.20, what the fake relays give out.
    static let relay = IPAddress(v4: 0xC633_6414)
    /// 2001:db8::20.
    static let relay6 = IPAddress(v6High: 0x2001_0db8_0000_0000, low: 0x20)
}
