import AccountStore
import Observability
import ServerSettings

extension Administrator {
    /// The users and secrets.
    public func accounts() async throws -> AccountsReport {
        try await withAccounts { try $0.report() }
    }

    /// Adds a user; without a password one is made.
    ///
    /// - `realm`: nil means the default realm.
    /// - `replacing`: a user of this name and realm gets the new password.
    /// - Returns: The name and the password that was made; an empty one when the password was given.
    public func addUser(
        name: String,
        realm: String?,
        password: String?,
        comment: String,
        replacing: Bool,
        by person: Operator
    ) async throws -> NewSecret {
        let user = try await change { accounts in
            try accounts.addUser(
                name: name,
                realm: realm,
                password: password,
                comment: comment,
                replacing: replacing,
                at: Self.now
            )
        } told: { user in
            .userSet(user.name, realm: user.realm, replacing: replacing, by: person)
        }
        return NewSecret(name: user.name, secret: user.password ?? "")
    }

    /// Removes a user of the store; its sessions end at their next refresh.
    public func removeUser(name: String, realm: String?, by person: Operator) async throws {
        _ = try await change {
            try $0.removeUser(name: name, realm: realm)
        } told: { user in
            .userRemoved(user.name, realm: user.realm, by: person)
        }
    }

    /// Adds a secret, which makes new credentials from now on; without a text one is made.
    ///
    /// - Returns: The name and the secret that was made; an empty one when it was given.
    public func addSecret(id: String, secret: String?, by person: Operator) async throws -> NewSecret {
        try await change {
            try $0.addSecret(id: id, secret: secret, at: Self.now)
        } told: { _ in
            .secretAdded(id, by: person)
        }
    }

    /// Refuses credentials of this secret from now on; the log tells who still uses it.
    public func retireSecret(id: String, by person: Operator) async throws {
        try await change {
            try $0.retireSecret(id: id, at: Self.now)
        } told: { _ in
            .secretRetired(id, by: person)
        }
    }

    /// Forgets a secret.
    public func removeSecret(id: String, by person: Operator) async throws {
        try await change {
            try $0.removeSecret(id: id)
        } told: { _ in
            .secretRemoved(id, by: person)
        }
    }

    /// Makes a time-limited credential.
    ///
    /// - `seconds`: how long it is right.
    /// - `host`: how clients reach the server, with a port if need be; nil means what the server knows of itself.
    public func makeCredential(user: String, seconds: Int, host: String?) async throws -> CredentialReport {
        let status = try await server.status()
        let (found, names) = (status.relay?.mainAddress, status.certificateNames)
        let made = try await withAccounts { accounts in
            try accounts.makeCredential(
                user: user,
                seconds: seconds,
                host: host,
                found: found,
                names: names,
                at: Self.now
            )
        }
        if made.madeSecret {
            server.tell(.secretMade, "The secret \"\(made.secret)\" was made, as there was no user and no secret")
            try await takeOver()
        }
        return CredentialReport(
            iceServers: made.servers.iceServers,
            otherURIs: made.servers.otherURIs,
            expires: SettingsEditor.text(ofTime: made.expiry),
            secret: made.secret
        )
    }

    // MARK: How a change is made

    private func withAccounts<Result: Sendable>(
        _ look: @escaping @Sendable (AccountChanges) throws -> Result
    ) async throws -> Result {
        let settings = server.settings.settings
        return try await work.run { [self] in
            do {
                return try look(AccountChanges(settings, store: store))
            } catch {
                throw Self.plain(error)
            }
        }
    }

    /// Changes the store, says so in the log, and puts the change into force.
    private func change<Result: Sendable>(
        _ work: @escaping @Sendable (AccountChanges) throws -> Result,
        told note: (Result) -> ChangeNote
    ) async throws -> Result {
        try await changes.oneAtATime {
            let result = try await withAccounts(work)
            server.tell(note(result))
            try await takeOver()
            return result
        }
    }

    private func takeOver() async throws {
        do {
            try await server.reload()
        } catch {
            throw AdministrationError("the change is stored, but the running server did not take it over: \(error)")
        }
    }

    /// The error as a sentence that names no command, for somebody who sits before a page.
    static func plain(_ error: any Error) -> AdministrationError {
        switch error {
        case let error as AdministrationError: error
        case AccountStoreError.userExists(let name, let realm):
            AdministrationError("there is a user \"\(name)\" in the realm \"\(realm)\" already")
        case AccountStoreError.noUser(let name, let realm):
            AdministrationError("there is no user \"\(name)\" in the realm \"\(realm)\"", isMissing: true)
        case AccountStoreError.noSecret(let id):
            AdministrationError("there is no secret called \"\(id)\"", isMissing: true)
        case AccountStoreError.noOperator(let name):
            AdministrationError("there is no operator \"\(name)\"", isMissing: true)
        case AccountStoreError.noToken(let name):
            AdministrationError("there is no token called \"\(name)\"", isMissing: true)
        default: AdministrationError("\(error)")
        }
    }
}
