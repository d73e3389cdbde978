package import Addresses
import Foundation

/// A server of a fleet as it describes itself to the others.
package struct FleetMember: Sendable, Hashable {
    /// What it is called, unique in the fleet; see `StoreLimits.isName`.
    package var name: String
    /// A random number of this start of the process.
    package var instance: UInt64
    /// The name of its host, for people.
    package var host: String
    /// Its addresses as clients reach it.
    package var addresses: [IPAddress]
    /// Its first STUN port.
    package var port1: UInt16
    /// Its second STUN port; 0 when requests there are not read.
    package var port2: UInt16
    /// The version of the program.
    package var version: String
    /// How much of what it may relay is used, in thousandths; over 1000 means that it would rather have no more.
    package var load: UInt16
    /// How many allocations it has.
    package var allocations: Int
    /// Whether it takes no new allocations.
    package var isDraining: Bool

    /// Describes a server.
    package init(
        name: String,
        instance: UInt64 = 0,
        host: String = "",
        addresses: [IPAddress] = [],
        port1: UInt16 = 3478,
        port2: UInt16 = 0,
        version: String = "",
        load: UInt16 = 0,
        allocations: Int = 0,
        isDraining: Bool = false
    ) {
        self.name = name
        self.instance = instance
        self.host = host
        self.addresses = addresses
        self.port1 = port1
        self.port2 = port2
        self.version = version
        self.load = load
        self.allocations = allocations
        self.isDraining = isDraining
    }
}

/// What a server has counted since it started.
package struct FleetTotals: Sendable, Hashable, Codable {
    /// The figures by name.
    package var counters: [String: UInt64]

    /// Takes figures.
    package init(counters: [String: UInt64]) { self.counters = counters }
}

/// Which servers are asked to take no new allocations.
package enum DrainTarget: Sendable, Hashable {
    /// All servers.
    case all
    /// The one of this name.
    case member(String)
}

/// All requests to drain.
package struct DrainSignals: Sendable, Hashable {
    /// Whether all servers are asked to.
    package var all: Bool
    /// The servers that are asked by name.
    package var members: Set<String>

    /// Nobody, unless something else is said.
    package init(all: Bool = false, members: Set<String> = []) {
        self.all = all
        self.members = members
    }

    /// Whether a server is asked to.
    package func mean(_ name: String) -> Bool { all || members.contains(name) }
}

extension FleetMember: Codable {
    private enum Key: String, CodingKey {
        case name, instance, host, addresses, port1, port2, version, load, allocations, draining
    }

    /// Reads what `encode` wrote; what is missing takes the value that says least.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        name = try values.decode(String.self, forKey: .name)
        instance = try values.decodeIfPresent(UInt64.self, forKey: .instance) ?? 0
        host = try values.decodeIfPresent(String.self, forKey: .host) ?? ""
        addresses =
            try values.decodeIfPresent([String].self, forKey: .addresses)?.prefix(16).compactMap(IPAddress.init) ?? []
        port1 = try values.decodeIfPresent(UInt16.self, forKey: .port1) ?? 3478
        port2 = try values.decodeIfPresent(UInt16.self, forKey: .port2) ?? 0
        version = try values.decodeIfPresent(String.self, forKey: .version) ?? ""
        load = try values.decodeIfPresent(UInt16.self, forKey: .load) ?? 0
        allocations = try values.decodeIfPresent(Int.self, forKey: .allocations) ?? 0
        isDraining = try values.decodeIfPresent(Bool.self, forKey: .draining) ?? false
    }

    /// Writes names and texts, so that newer versions can add to them.
    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(name, forKey: .name)
        try values.encode(instance, forKey: .instance)
        try values.encode(host, forKey: .host)
        try values.encode(addresses.map(\.description), forKey: .addresses)
        try values.encode(port1, forKey: .port1)
        try values.encode(port2, forKey: .port2)
        try values.encode(version, forKey: .version)
        try values.encode(load, forKey: .load)
        try values.encode(allocations, forKey: .allocations)
        try values.encode(isDraining, forKey: .draining)
    }
}
