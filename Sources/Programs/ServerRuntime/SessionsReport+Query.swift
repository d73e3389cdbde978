import Addresses
import Administration
import ServerCore

/// One session of all workers' lists.
struct ListedSession: Sendable {
    let worker: Int
    let entry: SessionList.Entry

    var session: Session { entry.session }
}

extension SessionsQuery {
    /// The sessions that the query means, of the lists of all workers: those to show, and how many the search found.
    func choose(from lists: [WorkerSessions]) -> (shown: [ListedSession], found: Int, total: Int) {
        var found: [ListedSession] = []
        for list in lists { found += search(list) }
        let total = lists.reduce(0) { $0 + $1.list.entries.count }
        let order = isReversed ? order(of: found).reversed() : order(of: found)
        let shown = order.dropFirst(max(0, offset)).prefix(max(0, limit ?? .max))
        return (shown.map { found[$0] }, found.count, total)
    }

    private func search(_ list: WorkerSessions) -> [ListedSession] {
        let search = TextSearch(search)
        let entries = list.list.entries
        guard !search.isEmpty else { return entries.map { ListedSession(worker: list.worker, entry: $0) } }
        var hasPeer = [Bool](repeating: false, count: entries.count)
        for peer in list.list.peers where !hasPeer[Int(peer.entry)] && search.finds(peer.address) {
            hasPeer[Int(peer.entry)] = true
        }
        return entries.indices.compactMap { index in
            let session = entries[index].session
            let isFound =
                hasPeer[index] || search.finds(session.flow.source) || search.finds(session.username)
                || session.relayV4.map(search.finds) == true || session.relayV6.map(search.finds) == true
                || search.finds(session.id(worker: list.worker))
            return isFound ? ListedSession(worker: list.worker, entry: entries[index]) : nil
        }
    }

    /// The indices in order: numbers are cheaper to sort than sessions.
    private func order(of sessions: [ListedSession]) -> [Int] {
        var order = Array(sessions.indices)
        order.sort { sessions[$0].session.age < sessions[$1].session.age }
        switch sort {
        case .age: break
        case .user: order.sort { sessions[$0].session.username < sessions[$1].session.username }
        case .client:
            order.sort {
                AddressOrder(sessions[$0].session.flow.source) < AddressOrder(sessions[$1].session.flow.source)
            }
        case .bytes: order.sort { sessions[$0].session.traffic.bytes > sessions[$1].session.traffic.bytes }
        }
        return order
    }
}
