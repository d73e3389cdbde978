import Addresses
import ClusterCore
import Testing

@Suite("What a worker knows of the other servers")
struct ClusterViewTests {
    @Test("There are never more than 64 of them, however many the name service tells")
    func isBounded() {
        let peer = ClusterPeer(id: 1, kind: .sealed, v4: nil, v6: nil, isHealthy: true)
        let view = ClusterView(peers: Array(repeating: peer, count: 10_000), own: ServerState())
        #expect(view.peers.count == 64)
    }
}
