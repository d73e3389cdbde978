import Addresses

extension Fleet {
    /// One server of the fleet.
    enum Member: Sendable {
        /// The server that asks.
        case own
        /// Another one.
        case other(FleetPlaces.Other)
    }

    /// The servers that a name means.
    struct Meant: Sendable {
        /// What the server that asks is called.
        var ownName: String
        /// Whether it is meant.
        var own: Bool
        /// The others that are meant.
        var others: [FleetPlaces.Other]
    }

    /// The servers that a name or an address with its port means; all when there is no name.
    ///
    /// A name of the name service may mean several.
    func meant(by name: String?) throws -> Meant {
        let places = server.fleetPlaces
        guard let name, !name.isEmpty else {
            return Meant(ownName: places.ownName, own: true, others: places.others)
        }
        let isOwn = name == places.ownName || places.listening.contains { "\($0)" == name }
        let others = places.others.filter { other in other.name == name || other.addresses.contains { "\($0)" == name }
        }
        guard isOwn || !others.isEmpty else {
            throw AdministrationError("no server of the fleet is called \(Self.shown(name))", isMissing: true)
        }
        return Meant(ownName: places.ownName, own: isOwn, others: others)
    }

    /// The one server that a name or an address with its port means.
    func only(_ name: String) throws -> Member {
        guard !name.isEmpty else { throw AdministrationError("no server is named", isMissing: true) }
        let meant = try meant(by: name)
        switch (meant.own, meant.others.count) {
        case (true, 0): return .own
        case (false, 1): return .other(meant.others[0])
        default:
            throw AdministrationError(
                "several servers are called \(Self.shown(name)): name one by its address and port"
            )
        }
    }

    private static func shown(_ name: String) -> String { TerminalText.oneLine(String(name.prefix(200))) }
}
