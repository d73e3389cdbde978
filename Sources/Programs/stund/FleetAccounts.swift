import AccountStore
import Administration
import ArgumentParser
import ClusterStore
import ServerSettings

/// What commands with `--fleet` change and show: the users and secrets in the Redis of the fleet.
struct FleetAccounts {
    private let settings: Settings
    private let store: RedisClusterStore

    /// Finds the Redis that the settings name.
    init(_ option: FileOption) throws(Failure) {
        let place = try FleetStorePlace(option, instead: "leave --fleet out")
        (settings, store) = (place.settings, place.store)
    }

    /// Where the change is, and from when on it counts.
    private var taken: String { "in \(store.place) now; the servers of the fleet use it within two seconds." }

    /// Adds a user; without a password one is made.
    func addUser(
        name: String,
        realm: String?,
        password: String?,
        comment: String,
        replacing: Bool
    ) async throws(Failure) -> String {
        do {
            let name = try AccountChanges.userName(name)
            let realm = try realmNamed(realm)
            let comment = try AccountChanges.comment(comment)
            let made = password == nil ? StoredSecret.random(bytes: 16) : nil
            let chosen = try OpaqueString(password ?? made ?? "")
            guard chosen.text.utf8.count <= UserSetting.longestPassword else {
                throw Failure(.dataError, "the password is longer than \(UserSetting.longestPassword) bytes")
            }
            if !replacing,
                try await store.accounts().users.contains(where: { $0.name == name.text && $0.realm == realm.text })
            {
                throw AccountStoreError.userExists(name: name.text, realm: realm.text)
            }
            try await store.put(
                StoredUser(name: name, realm: realm, password: chosen, created: Accounts.now, comment: comment)
            )
            let shown = made.map { "\npassword: \($0)   (not shown again)" } ?? ""
            return "The user \"\(name)\" of the realm \"\(realm)\" is \(taken)\(shown)"
        } catch {
            throw Failure(error)
        }
    }

    /// Removes a user.
    func removeUser(name: String, realm: String?) async throws(Failure) -> String {
        do {
            let name = try AccountChanges.userName(name)
            let realm = try realmNamed(realm)
            guard try await store.removeUser(name: name.text, realm: realm.text) else {
                throw AccountStoreError.noUser(name: name.text, realm: realm.text)
            }
            return "The user \"\(name)\" of the realm \"\(realm)\" is no longer \(taken)"
        } catch {
            throw Failure(error)
        }
    }

    /// The users of the fleet as `stund user list` shows them.
    func users() async throws(Failure) -> UserList {
        do {
            return UserList(Settings(), try await store.accounts().users, place: store.place, from: "fleet")
        } catch {
            throw Failure(error)
        }
    }

    /// Adds a secret; without a text one is made.
    func addSecret(id: String, secret: String?) async throws(Failure) -> String {
        do {
            try AccountChanges.check(id: id)
            if let secret, secret.utf8.count < AccountChanges.shortestSecret {
                throw Failure(.dataError, "a secret has at least \(AccountChanges.shortestSecret) bytes")
            }
            guard try await !store.accounts().secrets.contains(where: { $0.id == id }) else {
                throw AccountStoreError.secretExists(id)
            }
            let new = StoredSecret(id: id, secret: secret ?? StoredSecret.random(), created: Accounts.now)
            try await store.put(new)
            return "The secret \"\(id)\" is \(taken)" + (secret == nil ? "\nsecret: \(new.secret)" : "")
        } catch {
            throw Failure(error)
        }
    }

    /// Retires a secret.
    func retireSecret(id: String) async throws(Failure) -> String {
        do {
            guard let old = try await store.accounts().secrets.first(where: { $0.id == id }) else {
                throw AccountStoreError.noSecret(id)
            }
            guard old.retired == nil else { throw AccountStoreError.alreadyRetired(id) }
            let retired = StoredSecret(id: id, secret: old.secret, created: old.created, retired: Accounts.now)
            try await store.put(retired)
            return "The secret \"\(TerminalText.visible(id))\" is retired \(taken)"
        } catch {
            throw Failure(error)
        }
    }

    /// Removes a secret.
    func removeSecret(id: String) async throws(Failure) -> String {
        do {
            guard try await store.removeSecret(id: id) else { throw AccountStoreError.noSecret(id) }
            return "The secret \"\(TerminalText.visible(id))\" is no longer \(taken)"
        } catch {
            throw Failure(error)
        }
    }

    /// The secrets of the fleet as `stund secret list` shows them.
    func secrets(show: Bool) async throws(Failure) -> SecretList {
        do {
            let secrets = try await store.accounts().secrets
            return SecretList(Credentials(Settings(), fleetSecrets: secrets), secrets, show: show, place: store.place)
        } catch {
            throw Failure(error)
        }
    }

    private func realmNamed(_ name: String?) throws -> OpaqueString {
        try OpaqueString(name ?? settings.realm.first?.name ?? "")
    }
}
