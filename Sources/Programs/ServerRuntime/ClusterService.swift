import Addresses
import Administration
import ClusterCore
import ClusterStore
import Foundation
import NameService
import Observability
import PacketEngine
import ServerCore
import ServerSettings
import Synchronization

/// The other servers of the fleet: their names, their health, and what this server tells them of itself.
final class ClusterService: Sendable {
    /// What it is told of this server.
    struct Surroundings: Sendable {
        /// The version of the program.
        let version: String
        /// Where this server listens.
        let plan: ListenPlan
        /// The relay's ports; nil when TURN is off.
        let relay: RelayTable?
        /// Takes each new view, and what workers go by to believe the others.
        let publish: @Sendable (ClusterView, ClusterTrust?) -> Void
        /// Takes how the others are named, by `ClusterPeer.id`.
        let name: @Sendable ([UInt16: String]) -> Void
        /// The log.
        let tell: @Sendable (MessageCode, String) -> Void
    }

    /// A number of this start of the process, by which a server knows itself.
    let instance = UInt64.random(in: 1 ... .max)
    let link: ClusterLink
    /// What this server says of itself now.
    let own: @Sendable () -> ServerState
    private let resolver = NameService()
    private let names: PeerNames
    private let lists: PeerLists
    private let draining: DrainMark

    /// Whether this server tells the others that it takes no new allocations.
    private final class DrainMark: Sendable {
        let isSet = Atomic<Bool>(false)
        /// The most allocations that the settings allow; 0 for as many as there are ports.
        let mostAllocations = Atomic<Int>(0)
    }

    /// The filter that all workers share, made when there is a key: it takes a megabyte.
    private final class SharedFilter: Sendable {
        private let made = Mutex<ReplayFilter?>(nil)

        var value: ReplayFilter {
            made.withLock { made in
                let filter = made ?? ReplayFilter()
                made = filter
                return filter
            }
        }
    }

    init(_ surroundings: Surroundings) throws(SocketError) {
        let mark = DrainMark()
        let filter = SharedFilter()
        let publish = surroundings.publish
        let name = surroundings.name
        let (plan, relay) = (surroundings.plan, surroundings.relay)
        let version = ServerState.version(surroundings.version)
        let own: @Sendable () -> ServerState = {
            var state = ServerState()
            state.version = version
            let ports = relay?.usage() ?? []
            let used = ports.reduce(0) { $0 + $1.total - $1.free }
            let most = mark.mostAllocations.load(ordering: .relaxed)
            state.allocations = UInt32(clamping: used)
            state.load = Self.load(ports.map { ($0.total - $0.free, $0.total) } + (most > 0 ? [(used, most)] : []))
            state.isDraining = mark.isSet.load(ordering: .relaxed)
            state.port2 = plan.v4.readsPort2 ? plan.v4.port2 : 0
            return state
        }
        self.own = own
        let link = try ClusterLink(
            ClusterLink.Surroundings(
                instance: instance,
                addresses: plan.asking,
                own: own,
                publish: { view, key in publish(view, key.map { ClusterTrust(key: $0, filter: filter.value) }) },
                tell: surroundings.tell
            )
        )
        self.link = link
        draining = mark
        let listening = plan.sockets.filter { !$0.isShortcut }.map(\.local.address)
        let lists = PeerLists(allowsLoopback: listening.contains(where: \.isLoopback)) { servers in
            let named = servers.enumerated().map { (UInt16(clamping: $0.offset), "\($0.element.server)") }
            name(Dictionary(named) { first, _ in first })
            link.use { $0.servers = servers }
        }
        self.lists = lists
        names = PeerNames(resolver, listening: listening, tell: surroundings.tell) { lists.use(named: $0) }
    }

    /// How much of what there is is used, in thousandths: of what is scarcest.
    static func load(_ uses: [(used: Int, most: Int)]) -> UInt16 {
        uses.map { UInt16(clamping: $0.most > 0 ? $0.used * 1000 / $0.most : 1000) }.max() ?? 0
    }

    /// Goes by these settings from now on.
    func adopt(_ settings: Settings) {
        draining.mostAllocations.store(settings.maxAllocations ?? 0, ordering: .relaxed)
        let key = settings.clusterKey.map { ClusterKey(secret: $0) }
        link.use { $0.key = key }
        // Without a key nobody of the fleet's store would answer.
        lists.use(storeServers: key != nil)
        names.use(settings.otherStunServers)
    }

    /// Takes which servers the store of the fleet has, this one, called `name`, among them.
    func adopt(_ members: [FleetMember], name: String) {
        let answering = link.findings.membership.links.filter { $0.state.isAnswering }.map(\.entry.address)
        lists.use(
            members,
            besides: FleetPeers.Own(name: name, instance: instance),
            answering: Set(answering),
            at: SystemClock.monotonic()
        )
    }

    /// Tells the others whether this server takes new allocations.
    func drain(_ isDraining: Bool) {
        draining.isSet.store(isDraining, ordering: .relaxed)
        link.refresh()
    }

    /// Waits until every other server has answered: 0.3 s, and 0.6 s while none has.
    func waitForAnswers() {
        let began = ContinuousClock.now
        while .now < began + .milliseconds(600) {
            let others = FleetFacts(link.findings).servers.filter { $0.kind != .own && $0.state != "itself" }
            if !others.isEmpty, others.allSatisfy({ $0.state != "unknown" }) { return }
            if .now >= began + .milliseconds(300), others.contains(where: \.isUsable) { return }
            Thread.sleep(forTimeInterval: 0.005)
        }
    }

    /// Asks nobody any more.
    func stop() {
        names.stop()
        resolver.stop()
        link.stop()
    }
}

extension ListenPlan {
    /// The addresses to ask other servers from: the first of each family that is listened on, since the others know
    /// this server by it.
    var asking: [IPAddress] {
        IPAddress.Family.allCases.compactMap { family in
            sockets.first { $0.role == .primaryPrimary && !$0.isShortcut && $0.local.address.family == family }?
                .local.address
        }
    }
}
