import Administration
import ClusterStore

/// What `stund drain --server` and `--all-servers` do: ask servers by the Redis of the fleet, whether this one runs or not.
struct FleetDrain {
    private let store: any ClusterStore

    init(_ option: FileOption) throws(Failure) {
        store = try FleetStorePlace(option, instead: "run stund drain on that server itself").store
    }

    /// Works on this store.
    init(_ store: any ClusterStore) { self.store = store }

    /// Asks one server, by its name in the fleet or that of its host, or all of them; says what comes of it.
    func begin(server: String?) async throws(Failure) -> String {
        do {
            guard let server else {
                try await store.setDrain(.all)
                return """
                    All servers of the fleet are asked to take no new allocations, also those that start later; they do so \
                    within two seconds, and stay. `stund drain --cancel --all-servers` takes it back.
                    """
            }
            let members = try await store.members()
            let found = members.filter { $0.name == server || $0.host == server }
            guard found.count == 1, let name = found.first?.name else { throw unclear(server, found, members) }
            try await store.setDrain(.member(name))
            return """
                The server \(name) is asked to take no new allocations; it does so within two seconds, and stays. \
                `stund drain --cancel --server \(name)` takes it back.
                """
        } catch {
            throw Failure(error)
        }
    }

    /// Takes it back; a server need not be there any more.
    func cancel(server: String?) async throws(Failure) -> String {
        do {
            let before = try await store.drains()
            guard let server else {
                guard before.all else { throw Failure(.dataError, "the servers are not asked to drain all together") }
                try await store.clearDrain(.all)
                let left = before.members.sorted().map(TerminalText.oneLine).joined(separator: ", ")
                return "The servers of the fleet are no longer asked to drain all together"
                    + (left.isEmpty ? "." : ", but these are by name: \(left).")
            }
            let isName = before.members.contains(server)
            let named = isName ? [] : try await store.members().filter { $0.host == server }.map(\.name)
            let asked = isName ? [server] : named.filter(before.members.contains)
            guard asked.count == 1, let name = asked.first else {
                let names = before.members.sorted().map(TerminalText.oneLine).joined(separator: ", ")
                throw Failure(
                    .dataError,
                    "\(TerminalText.oneLine(server)) is not asked to drain by name; "
                        + (names.isEmpty ? "no server is" : "these are: \(names)")
                        + (before.all ? "; all together are: --all-servers" : "")
                )
            }
            try await store.clearDrain(.member(name))
            return "The server \(name) is no longer asked to drain by name"
                + (before.all ? ", but all are: `stund drain --cancel --all-servers` takes that back." : ".")
        } catch {
            throw Failure(error)
        }
    }

    private func unclear(_ server: String, _ found: [FleetMember], _ members: [FleetMember]) -> Failure {
        let names = (found.isEmpty ? members : found).map { "\($0.name) (\(TerminalText.oneLine($0.host)))" }
        let listed =
            names.prefix(20).joined(separator: ", ") + (names.count > 20 ? " and \(names.count - 20) more" : "")
        let server = TerminalText.oneLine(server)
        let text =
            found.isEmpty
            ? "there is no server \(server) in \(store.place); there \(names.isEmpty ? "is none" : "are: \(listed)")"
            : "\(server) is the host of several servers, name one of them: \(listed)"
        return Failure(.dataError, text)
    }
}
