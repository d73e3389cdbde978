import Addresses
import ServerCore

/// Relay sockets that exist only as numbers: few of them, which fail when the script says so.
struct ScriptedPorts: RelayPorts {
    /// Enough for pairs, few enough to run out.
    private static let range: ClosedRange<UInt16> = 49152...49157
    private static let reservationNanoseconds: UInt64 = 30_000_000_000

    /// The families that are relayed.
    var families: Set<IPAddress.Family> = [.v4, .v6]
    /// What the next so many calls of `open` fail with.
    var failures: (count: Int, error: RelayPortError) = (0, .noneFree)
    /// The open sockets.
    private(set) var sockets: [RelayID: SocketAddress] = [:]
    /// The tokens that were given out, the newest last.
    private(set) var tokens: [UInt64] = []
    /// What the last calls of `open` asked for and came to.
    var attempts: [(request: RelayPortRequest, result: OpenedRelay?)] = []
    /// A socket that was closed though it was not open.
    private(set) var wrongClose: RelayID?
    private var reserved: [UInt64: (address: SocketAddress, since: Instant)] = [:]

    mutating func open(_ request: RelayPortRequest, now: Instant) throws(RelayPortError) -> OpenedRelay {
        do throws(RelayPortError) {
            let relay = try choose(request, now: now)
            sockets[relay.id] = relay.address
            attempts.append((request, relay))
            return relay
        } catch {
            attempts.append((request, nil))
            throw error
        }
    }

    mutating func close(_ relay: RelayID, now: Instant) {
        if sockets.removeValue(forKey: relay) == nil { wrongClose = relay }
    }

    func isOpen(port: UInt16, of family: IPAddress.Family) -> Bool {
        sockets.values.contains { $0.port == port && $0.address.family == family }
    }

    func isListening(port: UInt16, of family: IPAddress.Family) -> Bool { false }

    private mutating func choose(_ request: RelayPortRequest, now: Instant) throws(RelayPortError) -> OpenedRelay {
        if failures.count > 0 {
            failures.count -= 1
            throw failures.error
        }
        reserved = reserved.filter { now.nanoseconds(since: $0.value.since) < Self.reservationNanoseconds }
        // The lowest number that is free: numbers come back soon, as the runtime's may.
        let id = RelayID(index: (0..<Int32.max).first { sockets[RelayID(index: $0)] == nil } ?? 0)
        switch request {
        case .any(let family): return OpenedRelay(id: id, address: try port(family, 1, 0))
        case .tcp(let family): throw .familyMissing(family)
        case .even(let family): return OpenedRelay(id: id, address: try port(family, 2, 0))
        case .evenReservingNext(let family):
            let address = try port(family, 2, 1)
            let token = 0xA000 + UInt64(tokens.count)
            tokens.append(token)
            reserved[token] = (SocketAddress(address.address, port: address.port + 1), now)
            return OpenedRelay(id: id, address: address, token: token)
        case .reserved(let token):
            guard let (address, _) = reserved.removeValue(forKey: token) else { throw .unknownToken }
            return OpenedRelay(id: id, address: address)
        }
    }

    private func port(
        _ family: IPAddress.Family,
        _ multiple: UInt16,
        _ more: UInt16
    ) throws(RelayPortError) -> SocketAddress {
        guard families.contains(family) else { throw .familyMissing(family) }
        let address = family == .v4 ? Cast.server : Cast.server6
        let port = Self.range.first { port in
            port % multiple == 0 && (port...(port + more)).allSatisfy { isFree($0, address) }
        }
        guard let port else { throw .noneFree }
        return SocketAddress(address, port: port)
    }

    private func isFree(_ port: UInt16, _ address: IPAddress) -> Bool {
        let wanted = SocketAddress(address, port: port)
        return Self.range.contains(port) && !sockets.values.contains(wanted)
            && !reserved.values.contains { $0.address == wanted }
    }
}
