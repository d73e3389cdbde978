import Addresses
import ClusterCore

/// A membership with servers that answer when the test says so.
struct FleetOnPaper {
    static let own: UInt64 = 42

    var membership = Membership(instance: own)
    var now: UInt64 = 0
    var sent: [SocketAddress: [UInt64]] = [:]
    var changes: [Membership.Change] = []
    var instances: [String: UInt64] = [:]
    var draining: Set<String> = []
    private var names: [String] = []
    private var hasTicked = false

    init(_ names: [String]) { adopt(names) }

    static func address(_ text: String) -> SocketAddress {
        SocketAddress(IPAddress(text) ?? .unspecified(.v4), port: 3478)
    }

    var states: [PeerState] { membership.links.map(\.state) }
    var view: ClusterView { membership.view(own: ServerState()) }

    mutating func adopt(_ names: [String]) {
        self.names = names
        let entries = names.enumerated().map {
            Membership.Entry(
                place: UInt16(clamping: $0.offset),
                kind: .sealed,
                address: Self.address($0.element)
            )
        }
        membership.adopt(entries, at: now)
    }

    /// Sends the pings of the next full second; the first are sent at 0.
    mutating func tick() {
        if hasTicked { now = (now / 1_000_000 + 1) * 1_000_000 }
        hasTicked = true
        for ping in membership.pings(at: now, unixMilliseconds: unix) {
            sent[ping.address, default: []].append(ping.sequence)
        }
        changes += membership.changes(at: now)
    }

    mutating func wait(until time: UInt64) {
        now = time
        changes += membership.changes(at: now)
    }

    private var unix: Int64 { 1_800_000_000_000 + Int64(now / 1000) }

    func pong(_ sequence: UInt64, clock: Int64 = 0, instance: UInt64 = 1, isDraining: Bool = false) -> Membership.Pong {
        var state = ServerState()
        state.instance = instance
        state.isDraining = isDraining
        return Membership.Pong(sequence: sequence, unixMilliseconds: unix + clock, state: state)
    }

    /// Lets a server answer the last ping, with its clock so many milliseconds ahead of what is right in a network
    /// without delay; returns when.
    @discardableResult
    mutating func answer(_ name: String, after delay: UInt64 = 0, clock: Int64 = 0) -> UInt64 {
        let address = Self.address(name)
        let place = UInt64(names.firstIndex(of: name) ?? 0)
        let pong = pong(
            sent[address]?.last ?? 0,
            clock: clock,
            instance: instances[name] ?? 1000 + place,
            isDraining: draining.contains(name)
        )
        // Others' answers may come in between: only the newest moment counts for the clock.
        let time = now / 1_000_000 * 1_000_000 + max(delay, now % 1_000_000)
        now = time
        membership.take(pong, from: address, at: time)
        changes += membership.changes(at: time)
        return time
    }

    mutating func answerAll() { for name in names { answer(name) } }
}
