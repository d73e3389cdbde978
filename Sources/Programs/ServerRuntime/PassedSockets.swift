import Addresses
import Administration
import PacketEngine
import Synchronization

/// The sockets that the server was started with, such as systemd passes, until somebody takes them.
///
/// A socket that nobody takes is closed here, but stays open where it came from: clients who come to it wait in vain, and
/// nobody else can open its port. So the log names it (message 1112).
public final class PassedSockets: Sendable {
    private struct State {
        var sockets: [PassedSocket]
        /// Those that somebody has.
        var isTaken: [Bool]
        /// Those that the console has had, and those of them where it is.
        var ofConsole: Set<ObjectIdentifier> = []
        var servesConsole: Set<ObjectIdentifier> = []
    }

    private let state: Mutex<State>
    /// How many descriptors came that are no sockets of UDP or TCP.
    private let foreign: Int

    /// None.
    public convenience init() { self.init([], foreign: 0) }

    /// Takes open descriptors over.
    public convenience init(adopting descriptors: Range<Int32>) {
        let sockets = descriptors.compactMap { PassedSocket(adopting: $0) }
        self.init(sockets, foreign: descriptors.count - sockets.count)
    }

    /// - `foreign`: how many descriptors came beside them that can serve nobody.
    init(_ sockets: [PassedSocket], foreign: Int = 0) {
        state = Mutex(State(sockets: sockets, isTaken: sockets.map { _ in false }))
        self.foreign = foreign
    }

    /// Whether none came.
    var isEmpty: Bool { foreign == 0 && state.withLock { $0.sockets.isEmpty } }

    /// Whether one for an address has come.
    func has(_ kind: PassedSocket.Kind, _ local: SocketAddress) -> Bool {
        state.withLock { state in state.sockets.contains { Self.fits($0, kind, local) } }
    }

    /// How many have come for an address.
    func count(_ kind: PassedSocket.Kind, _ local: SocketAddress) -> Int {
        state.withLock { state in state.sockets.count { Self.fits($0, kind, local) } }
    }

    /// All that have come for an address, in their order.
    func take(_ kind: PassedSocket.Kind, _ local: SocketAddress) -> [PassedSocket] {
        take { Self.fits($0, kind, local) }
    }

    /// Copies of the TCP sockets for the console, as whoever gets them closes them; `host` is an address as text, and `::` stands
    /// for all of both families.
    public func console(_ host: String, port: UInt16) -> [Int32] {
        guard let address = IPAddress(host) else { return [] }
        let isEverywhere = address == .unspecified(.v6)
        let found = take { socket in
            socket.kind == .connections && socket.local.port == port
                && (isEverywhere ? socket.local.address.isUnspecified : socket.local.address == address)
        }
        state.withLock { state in
            state.ofConsole.formUnion(found.map(ObjectIdentifier.init))
            state.servesConsole.formUnion(found.map(ObjectIdentifier.init))
        }
        return found.compactMap { try? $0.listeningCopy() }
    }

    /// The console goes elsewhere, or back.
    func leaveConsole() { state.withLock { $0.servesConsole = [] } }

    /// A sentence for each socket where the console is no more.
    ///
    /// They stay open here, as it may come back and could not open the port itself. Whoever called shutdown(2) for them would
    /// end systemd's socket too, which that takes for a fault of the unit.
    var leftByConsole: [String] {
        state.withLock { state in
            let left = state.sockets.filter { socket in
                let name = ObjectIdentifier(socket)
                return state.ofConsole.contains(name) && !state.servesConsole.contains(name)
            }
            return left.map { socket in
                "systemd keeps \(socket.text) open, where the console is no more: browsers wait there in vain; take it out of the "
                    + ".socket unit and restart that, or set http-port and http-address back"
            }
        }
    }

    private func take(where isMeant: (PassedSocket) -> Bool) -> [PassedSocket] {
        state.withLock { state in
            let found = state.sockets.indices.filter { isMeant(state.sockets[$0]) }
            for index in found { state.isTaken[index] = true }
            return found.map { state.sockets[$0] }
        }
    }

    /// Where sockets came from that one for this address cannot be opened beside, as words; nil when there is none.
    func obstacle(_ kind: PassedSocket.Kind, _ local: SocketAddress) -> String? {
        let other = state.withLock { state in
            state.sockets.first { socket in
                socket.kind == kind && socket.local.port == local.port
                    && (socket.isOfBothFamilies || socket.local.address.family == local.address.family)
            }
        }
        guard let other else { return nil }
        guard !other.isOfBothFamilies else {
            return
                "systemd has passed it for IPv4 and IPv6 in one socket; set BindIPv6Only=ipv6-only in the .socket unit, "
                + "and name 0.0.0.0:\(local.port) and [::]:\(local.port)"
        }
        return "systemd has passed \(other.local) instead; name \(local) in the .socket unit, or set address to "
            + "\(other.local.address)"
    }

    /// Closes what nobody has taken; a sentence for each that is left over.
    public func closeUnused() -> [String] {
        let unused = state.withLock { state in
            let unused = state.sockets.indices.filter { !state.isTaken[$0] }.map { state.sockets[$0] }
            state.sockets = state.sockets.indices.filter { state.isTaken[$0] }.map { state.sockets[$0] }
            state.isTaken = state.sockets.map { _ in true }
            return unused
        }
        var sentences = unused.map { socket in
            "systemd has passed \(socket.text), which no setting asks for: it is not served; take it out of the .socket unit, "
                + "or set a port to \(socket.local.port)"
        }
        if foreign > 0 {
            sentences.append(
                "systemd has passed \(HumanText.count(foreign, "descriptor")) without use: only sockets of UDP and TCP are "
                    + "served; take the others out of the .socket unit"
            )
        }
        return sentences
    }

    /// What has been taken, an address once: `udp 0.0.0.0:3478`, and how many sockets of it.
    var taken: [(text: String, count: Int)] {
        let taken = state.withLock { state in
            state.sockets.indices.filter { state.isTaken[$0] }.map { state.sockets[$0].text }
        }
        var texts: [(text: String, count: Int)] = []
        for text in taken {
            if let index = texts.firstIndex(where: { $0.text == text }) {
                texts[index].count += 1
            } else {
                texts.append((text, 1))
            }
        }
        return texts
    }

    /// A worker would see clients of IPv4 as ::ffff:a.b.c.d at a socket of both families: only the console may have one.
    private static func fits(_ socket: PassedSocket, _ kind: PassedSocket.Kind, _ local: SocketAddress) -> Bool {
        socket.kind == kind && socket.local == local && !socket.isOfBothFamilies
    }
}

extension PassedSocket {
    /// As listeners are listed: `udp 0.0.0.0:3478`.
    fileprivate var text: String { "\(kind == .datagrams ? "udp" : "tcp") \(local)" }
}
