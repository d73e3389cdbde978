extension Administrator {
    /// Has the server take no new allocations; the log says who wanted it.
    public func drain(_ order: DrainOrder, by person: Operator) async throws -> DrainReport {
        try Self.check(order)
        return try await server.drain(order, by: person.phrase)
    }

    /// Has the server take new allocations again.
    public func undrain(by person: Operator) async throws -> DrainReport {
        try await server.undrain(by: person.phrase)
    }

    /// Has a server of the fleet take no new allocations, or with nil take them again.
    ///
    /// - `name`: its name, or one of its addresses with the port; this server can be meant too.
    public func drain(_ order: DrainOrder?, on name: String, by person: Operator) async throws -> DrainReport {
        if let order { try Self.check(order) }
        switch try Fleet(server).only(name) {
        case .own:
            guard let order else { return try await undrain(by: person) }
            return try await drain(order, by: person)
        case .other(let other): return try await Fleet(server).drain(order, other, by: person)
        }
    }

    private static func check(_ order: DrainOrder) throws {
        guard let seconds = order.seconds, !(0...DrainOrder.longest).contains(seconds) else { return }
        throw AdministrationError("a drain takes at most \(DrainOrder.longest) seconds, which are 30 days")
    }
}
