import AccountStore
import ServerSettings

extension Administrator {
    /// The people and tokens.
    public func operators() async throws -> OperatorsReport {
        try await withOperators(on: work) { try $0.report() }
    }

    /// Adds somebody, or gives them a new password and role.
    public func setOperator(
        name: String,
        password: String,
        role: OperatorRole,
        by person: Operator
    ) async throws {
        try await withOperators(on: hashing) { try $0.set(name: name, password: password, role: role, at: Self.now) }
        server.tell(.operatorSet(name, role, by: person))
    }

    /// Removes somebody of the store.
    public func removeOperator(name: String, by person: Operator) async throws {
        try await withOperators(on: work) { try $0.remove(name: name) }
        server.tell(.operatorRemoved(name, by: person))
    }

    /// Makes an API token; only its hash is kept.
    ///
    /// - `days`: how long it is right; nil means for ever.
    public func addToken(name: String, role: OperatorRole, days: Int?, by person: Operator) async throws -> NewSecret {
        let token = try await withOperators(on: work) { operators in
            try operators.addToken(name: name, role: role, days: days, at: Self.now)
        }
        server.tell(.tokenAdded(token.name, role, by: person))
        return token
    }

    /// Removes a token.
    public func removeToken(name: String, by person: Operator) async throws {
        try await withOperators(on: work) { try $0.removeToken(name: name) }
        server.tell(.tokenRemoved(name, by: person))
    }

    /// Whose password this is; nil when it is wrong.
    ///
    /// Takes about a tenth of a second whether the name exists or not: whoever calls holds back those who guess.
    public func authenticate(name: String, password: String) async -> Operator? {
        let accounts = OperatorAccounts(server.settings.settings, store: store)
        return await hashing.run { accounts.authenticate(name: name, password: password) }
    }

    /// Whose token this is; nil when it is none, or has ended.
    public func authenticate(token: String) async -> Operator? {
        let accounts = OperatorAccounts(server.settings.settings, store: store)
        return await work.run { accounts.authenticate(token: token, at: Self.now) }
    }

    /// The stored hash that somebody's password is checked against; nil when there is nobody of this name.
    ///
    /// Whoever remembers that a password was right forgets it when this changes.
    public func storedHash(of name: String) async -> String? {
        let accounts = OperatorAccounts(server.settings.settings, store: store)
        return await work.run { accounts.storedHash(of: name) }
    }

    /// Whether the console asks people to log in.
    public var asksForLogin: Bool { server.settings.settings.httpPasswordHash != nil }

    private func withOperators<Result: Sendable>(
        on thread: BlockingWork,
        _ look: @escaping @Sendable (OperatorAccounts) throws -> Result
    ) async throws -> Result {
        let accounts = OperatorAccounts(server.settings.settings, store: store)
        return try await thread.run {
            do {
                return try look(accounts)
            } catch {
                throw Self.plain(error)
            }
        }
    }
}
