extension Administrator {
    /// Has the server take no new allocations; the log says who wanted it.
    public func drain(_ order: DrainOrder, by person: Operator) async throws -> DrainReport {
        if let seconds = order.seconds, !(0...DrainOrder.longest).contains(seconds) {
            throw AdministrationError("a drain takes at most \(DrainOrder.longest) seconds, which are 30 days")
        }
        return try await server.drain(order, by: person.phrase)
    }

    /// Has the server take new allocations again.
    public func undrain(by person: Operator) async throws -> DrainReport {
        try await server.undrain(by: person.phrase)
    }
}
