import Addresses
import Glibc
import PacketEngine
import ServerCore
import Synchronization

/// The relay ports of the whole server: one table under a lock, used only when an allocation begins or ends.
///
/// A port that is kept for a RESERVATION-TOKEN has its socket open from the start (RFC 8656 section 7.2), and waits here,
/// since the request that claims it may come to another worker.
final class RelayTable: Sendable {
    /// How long a port rests before it is used again, so that late packets of its last peers reach nobody.
    private static let rest: UInt64 = 30_000_000_000
    /// How many ports are tried when other programs hold the ones that were drawn.
    private static let tries = 64

    private let state: Mutex<State>
    /// A bit for each port of IPv4 and of IPv6 that an allocation has: read on the packet path without the lock.
    private let openV4 = PortBits()
    private let openV6 = PortBits()
    /// The same of ports at which TCP allocations listen.
    private let listeningV4 = PortBits()
    private let listeningV6 = PortBits()
    /// How many sockets there may be, so that the limit of open files leaves room for what else the server opens.
    let files: FileBudget

    fileprivate struct State {
        var pools: [Pool]
        var random = KernelRandom()

        /// How many sockets are open.
        var openCount: Int { pools.reduce(0) { $0 + $1.openCount } }
    }

    fileprivate struct Pool {
        let address: RelayAddress
        /// Whether its sockets listen for TCP; those of datagrams have ports of their own.
        let isTCP: Bool
        var ports: RelayPortPool
        /// The open sockets of reserved ports.
        var waiting: [UInt16: SocketHandle] = [:]
        /// How many sockets are open, those that wait among them.
        var openCount = 0
    }

    /// A table for at most one relay address of each family.
    init(_ addresses: [RelayAddress], ports: ClosedRange<UInt16>, files: FileBudget = FileBudget()) {
        self.files = files
        let pools = [false, true].flatMap { isTCP in
            addresses.map { Pool(address: $0, isTCP: isTCP, ports: RelayPortPool(ports: ports, rest: Self.rest)) }
        }
        state = Mutex(State(pools: pools))
    }

    /// Opens and closes a socket on each relay address, at any port: an address that is not this host's is better told at
    /// the start than by every Allocate request.
    static func probe(_ addresses: [RelayAddress]) throws(StartError) {
        for address in addresses {
            do throws(SocketError) {
                RelaySocket.close(try RelaySocket.open(SocketAddress(address.local, port: 0)))
            } catch {
                throw .relayAddress(address.local, error.description)
            }
        }
    }

    /// Closes the sockets that nobody claimed.
    deinit {
        state.withLock { state in
            for pool in state.pools {
                for socket in pool.waiting.values { RelaySocket.close(socket) }
            }
        }
    }

    /// A socket for an allocation, with the address that peers see and the token of the port that was kept beside it.
    struct Opened {
        let socket: SocketHandle
        let address: SocketAddress
        let token: UInt64?
        /// Whether peers connect to it (RFC 6062).
        var isTCP = false
    }

    /// Opens a socket.
    func open(_ request: RelayPortRequest, now: Instant) throws(RelayPortError) -> Opened {
        let result = state.withLock { state in
            defer { files.setRelays(state.openCount) }
            return open(request, now: now, in: &state)
        }
        let opened = try result.get()
        bits(opened.address.address.family, opened.isTCP).insert(opened.address.port)
        return opened
    }

    /// Says that a socket's allocation has ended: nothing may be relayed to it.
    func end(_ socket: SocketHandle, isTCP: Bool = false) {
        bits(socket.local.address.family, isTCP).remove(socket.local.port)
    }

    /// Closes a socket; its port rests.
    func close(_ socket: SocketHandle, isTCP: Bool = false, now: Instant) {
        end(socket, isTCP: isTCP)
        RelaySocket.close(socket)
        state.withLock { state in
            for index in state.pools.indices
            where state.pools[index].isTCP == isTCP
                && state.pools[index].address.local.family == socket.local.address.family
            {
                state.pools[index].ports.release(socket.local.port, now: now)
                state.pools[index].openCount -= 1
            }
            files.setRelays(state.openCount)
        }
    }

    /// Closes the sockets of reserved ports that nobody has claimed in time.
    func closeUnclaimed(now: Instant) {
        state.withLock { state in
            for index in state.pools.indices { state.pools[index].closeUnclaimed(now: now) }
            files.setRelays(state.openCount)
        }
    }

    /// Whether an allocation has this port.
    func isOpen(port: UInt16, of family: IPAddress.Family) -> Bool { bits(family, false).contains(port) }

    /// Whether a TCP allocation has this port.
    func isListening(port: UInt16, of family: IPAddress.Family) -> Bool { bits(family, true).contains(port) }

    /// Free ports and all ports of each relay address, for datagrams.
    func usage() -> [(address: RelayAddress, free: Int, total: Int)] {
        state.withLock { state in
            state.pools.filter { !$0.isTCP }.map { ($0.address, $0.ports.freeCount, $0.ports.capacity) }
        }
    }

    private func bits(_ family: IPAddress.Family, _ isTCP: Bool) -> PortBits {
        if isTCP { return family == .v4 ? listeningV4 : listeningV6 }
        return family == .v4 ? openV4 : openV6
    }

    private func open(
        _ request: RelayPortRequest,
        now: Instant,
        in state: inout State
    ) -> Result<Opened, RelayPortError> {
        for index in state.pools.indices { state.pools[index].closeUnclaimed(now: now) }
        let family: IPAddress.Family
        let kind: RelayPortKind
        var isTCP = false
        switch request {
        case .any(let wanted): (family, kind) = (wanted, .any)
        case .tcp(let wanted): (family, kind, isTCP) = (wanted, .any, true)
        case .even(let wanted): (family, kind) = (wanted, .even)
        case .evenReservingNext(let wanted): (family, kind) = (wanted, .evenReservingNext)
        case .reserved(let token):
            for index in state.pools.indices {
                if let opened = state.pools[index].claim(token, now: now) { return .success(opened) }
            }
            return .failure(.unknownToken)
        }
        let found = state.pools.firstIndex { $0.isTCP == isTCP && $0.address.local.family == family }
        guard let index = found else { return .failure(.familyMissing(family)) }
        let needed = kind == .evenReservingNext ? 2 : 1
        guard files.hasRoom(forRelays: state.openCount + needed) else { return .failure(.openFiles(files.limit)) }
        if kind == .evenReservingNext, state.pools[index].isFullyReserved { return .failure(.noneFree) }
        for _ in 0..<Self.tries {
            guard let port = state.pools[index].ports.take(kind, now: now, using: &state.random) else {
                return .failure(.noneFree)
            }
            do throws(SocketError) {
                let opened = try state.pools[index].open(port, kind, now: now, using: &state.random)
                if let opened { return .success(opened) }
            } catch {
                // Another program has this port: the next one may be free.
                guard error.isAddressInUse else {
                    state.pools[index].ports.release(port, now: now)
                    let isLimit = error.code == EMFILE
                    return .failure(isLimit ? .openFiles(FileLimit.current) : .system(error.code))
                }
                state.pools[index].ports.markUnusable(port, now: now)
            }
        }
        return .failure(.noneFree)
    }
}

extension RelayTable.Pool {
    /// Whether as many ports are kept for tokens as may be, an eighth: no client can hold them all by asking again and
    /// again.
    fileprivate var isFullyReserved: Bool { waiting.count >= max(1, ports.capacity / 8) }

    private func local(_ port: UInt16) -> SocketAddress { SocketAddress(address.local, port: port) }
    private func external(_ port: UInt16) -> SocketAddress { SocketAddress(address.external, port: port) }

    /// Opens the socket of a port that was taken, and that of the next port where it is to be kept; nil when another
    /// program holds that next port.
    fileprivate mutating func open(
        _ port: UInt16,
        _ kind: RelayPortKind,
        now: Instant,
        using random: inout KernelRandom
    ) throws(SocketError) -> RelayTable.Opened? {
        let socket = isTCP ? try TCPRelaySocket.open(local(port)) : try RelaySocket.open(local(port))
        guard kind == .evenReservingNext else {
            openCount += 1
            return RelayTable.Opened(socket: socket, address: external(port), token: nil, isTCP: isTCP)
        }
        do throws(SocketError) {
            let next = try RelaySocket.open(local(port + 1))
            if let token = ports.reserve(port + 1, now: now, using: &random) {
                waiting[port + 1] = next
                openCount += 2
                return RelayTable.Opened(socket: socket, address: external(port), token: token)
            }
            RelaySocket.close(next)
        } catch {
            guard error.isAddressInUse else {
                RelaySocket.close(socket)
                throw error
            }
            ports.markUnusable(port + 1, now: now)
        }
        RelaySocket.close(socket)
        ports.release(port, now: now)
        return nil
    }

    fileprivate mutating func claim(_ token: UInt64, now: Instant) -> RelayTable.Opened? {
        guard let port = ports.claim(token: token, now: now), let socket = waiting.removeValue(forKey: port) else {
            return nil
        }
        return RelayTable.Opened(socket: socket, address: external(port), token: nil)
    }

    /// Closes the sockets of tokens that nobody has used in time.
    fileprivate mutating func closeUnclaimed(now: Instant) {
        while let port = ports.popExpiredReservation(now: now) {
            guard let socket = waiting.removeValue(forKey: port) else { continue }
            RelaySocket.close(socket)
            openCount -= 1
        }
    }
}

/// A set of ports that many threads read while one changes it.
final class PortBits: Sendable {
    private let words: InlineArray<1024, Atomic<UInt64>> = InlineArray { _ in Atomic(0) }

    func insert(_ port: UInt16) { words[Int(port >> 6)].bitwiseOr(1 << UInt64(port & 63), ordering: .relaxed) }
    func remove(_ port: UInt16) { words[Int(port >> 6)].bitwiseAnd(~(1 << UInt64(port & 63)), ordering: .relaxed) }
    func contains(_ port: UInt16) -> Bool {
        words[Int(port >> 6)].load(ordering: .relaxed) >> UInt64(port & 63) & 1 == 1
    }
}
