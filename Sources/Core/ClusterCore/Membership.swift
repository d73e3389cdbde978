public import Addresses

/// Which of the other servers answer, how fast, and whose clock agrees with ours.
///
/// A value on an integer clock: its owner sends what `pings` names, hands in what comes back, and asks for the view.
/// Times are microseconds of a clock that never goes back; the wall clock is told in Unix milliseconds.
public struct Membership: Sendable {
    /// An address of another server, as the settings and the name service tell it.
    public struct Entry: Sendable, Hashable {
        /// The place of the setting's item, which may stand for several addresses.
        public var place: UInt16
        /// How requests are handed to it.
        public var kind: ClusterPeer.Kind
        /// Its address and first port.
        public var address: SocketAddress

        /// Joins the parts.
        public init(place: UInt16, kind: ClusterPeer.Kind, address: SocketAddress) {
            self.place = place
            self.kind = kind
            self.address = address
        }
    }

    /// A ping that is due.
    public struct Ping: Sendable, Equatable {
        /// Where to.
        public var address: SocketAddress
        /// How that server is asked.
        public var kind: ClusterPeer.Kind
        /// The number that the pong has to name.
        public var sequence: UInt64
    }

    /// What a server answered.
    public struct Pong: Sendable, Equatable {
        /// The number of the ping.
        public var sequence: UInt64
        /// The server's wall clock when it answered; nil where a foreign server does not tell.
        public var unixMilliseconds: Int64?
        /// What it says of itself.
        public var state: ServerState
        /// Whether it finds our clock too far from its own: it would take no hand-over.
        public var foundStale: Bool

        /// Joins the parts.
        public init(sequence: UInt64, unixMilliseconds: Int64?, state: ServerState, foundStale: Bool = false) {
            self.sequence = sequence
            self.unixMilliseconds = unixMilliseconds
            self.state = state
            self.foundStale = foundStale
        }
    }

    /// Something that a person may want to know.
    public struct Change: Sendable, Equatable {
        /// Whose state it is.
        public var entry: Entry
        /// What the state is now.
        public var state: PeerState
        /// How the server answers now.
        public var figures: PeerFigures
        /// What the server said of itself last.
        public var said: ServerState
        /// Whether it is another start of the process than before.
        public var isRestart: Bool
    }

    /// A number of this start of the process, by which a server knows itself.
    public let instance: UInt64
    /// All addresses, in the order of the settings.
    public private(set) var links: [PeerLink] = []
    private var nextSequence: UInt64

    /// Nothing known yet; `firstSequence` is the number of the first ping.
    public init(instance: UInt64, firstSequence: UInt64 = 1) {
        self.instance = instance
        nextSequence = firstSequence
    }

    /// Takes over which addresses there are; what is known of those that stay is kept.
    ///
    /// An address that is named twice counts once, and no more than `ClusterView.mostPeers` are kept.
    public mutating func adopt(_ entries: [Entry], at now: UInt64) {
        var kept: [PeerLink] = []
        for entry in entries where kept.count < ClusterView.mostPeers {
            guard !kept.contains(where: { $0.entry.address == entry.address }) else { continue }
            var link =
                links.first { $0.entry.address == entry.address && $0.entry.kind == entry.kind }
                ?? PeerLink(entry, at: now)
            link.entry = entry
            kept.append(link)
        }
        links = kept
    }

    /// The pings that are due, which count as sent with that.
    public mutating func pings(at now: UInt64, unixMilliseconds: Int64) -> [Ping] {
        var due: [Ping] = []
        for index in links.indices where links[index].isDue(at: now) {
            let sequence = nextSequence
            nextSequence &+= 1
            links[index].send(sequence, at: now, unixMilliseconds: unixMilliseconds)
            due.append(Ping(address: links[index].entry.address, kind: links[index].entry.kind, sequence: sequence))
        }
        return due
    }

    /// Takes a pong whose sender is proved; returns whether it answered a ping of the last seconds to that address.
    @discardableResult
    public mutating func take(_ pong: Pong, from address: SocketAddress, at now: UInt64) -> Bool {
        guard let index = links.firstIndex(where: { $0.entry.address == address }) else { return false }
        return links[index].take(pong, at: now)
    }

    /// Looks at the clock, and returns whose state has changed since the last time.
    public mutating func changes(at now: UInt64) -> [Change] {
        var found: [Change] = []
        for index in links.indices {
            if let isRestart = links[index].advance(to: now, instance: instance) {
                let link = links[index]
                found.append(
                    Change(
                        entry: link.entry,
                        state: link.state,
                        figures: link.figures,
                        said: link.said,
                        isRestart: isRestart
                    )
                )
            }
        }
        return found
    }

    /// When the next ping is due or a state may change; nil without addresses.
    public func nextDeadline(at now: UInt64) -> UInt64? { links.map { $0.nextDeadline(at: now) }.min() }
}
