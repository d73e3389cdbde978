public import AccountStore
public import ServerSettings

/// Shows and changes who may use the console and the API, whether a server runs or not.
///
/// Everything here blocks: the console asks `Administrator`. Errors are `AdministrationError` or `AccountStoreError`.
public struct OperatorAccounts: Sendable {
    /// The longest name of an operator or token, in bytes.
    private static let longestName = 64
    /// The shortest password, in characters, and the longest, in bytes.
    private static let passwordLength = 8...1024
    /// The longest time a token may be right, in days: a hundred years.
    public static let longestToken = 36_525
    /// What every token begins with, so that one that leaked is found.
    private static let tokenPrefix = "stund_"

    private let settings: Settings
    private let store: AccountStore

    /// Changes what `store` has; `settings` are those in force.
    public init(_ settings: Settings, store: AccountStore) {
        self.settings = settings
        self.store = store
    }

    /// The people and tokens.
    public func report() throws -> OperatorsReport {
        var report = OperatorsReport(settings)
        report.people += try store.operators().map { person in
            .init(
                name: person.name,
                role: Self.role(person.role),
                origin: "store",
                created: SettingsEditor.text(ofTime: person.created)
            )
        }
        report.tokens = try store.tokens().map { token in
            .init(
                name: token.name,
                role: Self.role(token.role),
                created: SettingsEditor.text(ofTime: token.created),
                expires: token.expires.map(SettingsEditor.text(ofTime:))
            )
        }
        return report
    }

    // MARK: People

    /// Adds somebody, or gives them a new password and role.
    ///
    /// Takes about a tenth of a second.
    public func set(name: String, password: String, role: OperatorRole, at time: Int64) throws {
        let name = try self.name(name)
        try Self.check(password: password)
        let hash: PasswordHash
        do throws(PasswordHashError) {
            hash = try PasswordHash(password: password)
        } catch {
            throw AdministrationError(error.description)
        }
        try store.set(
            StoredOperator(name: name, hash: hash.description, role: role.rawValue, created: time)
        )
    }

    /// The name of somebody who may be added, after OpaqueString.
    @discardableResult
    public func name(_ text: String) throws(AdministrationError) -> String {
        let name = try AccountChanges.prepared(text, "the name", atMost: Self.longestName).text
        guard !name.contains(":") else {
            // RFC 7617 section 2: HTTP Basic could not carry it.
            throw AdministrationError("the name of an operator may not have a colon")
        }
        guard name != settings.httpUser else {
            throw AdministrationError("\"\(name)\" is http-user of the settings: `stund password` sets its password")
        }
        return name
    }

    /// Refuses a password of the console that is too easy to guess, or too long to be hashed.
    public static func check(password: String) throws(AdministrationError) {
        guard password.count >= passwordLength.lowerBound else {
            throw AdministrationError(
                "the password is too short: take at least \(passwordLength.lowerBound) characters"
            )
        }
        guard password.utf8.count <= passwordLength.upperBound else {
            throw AdministrationError("the password is longer than \(passwordLength.upperBound) bytes")
        }
    }

    /// Removes somebody of the store.
    public func remove(name: String) throws {
        let prepared = try Self.known(name, else: .noOperator(name))
        do throws(AccountStoreError) {
            try store.removeOperator(name: prepared)
        } catch {
            guard case .noOperator = error, prepared == settings.httpUser else { throw error }
            throw AdministrationError("\"\(prepared)\" is http-user of the settings: change it there")
        }
    }

    /// Whose password this is; nil when it is wrong.
    ///
    /// Takes about a tenth of a second whether the name exists or not.
    public func authenticate(name: String, password: String) -> Operator? {
        guard password.utf8.count <= Self.passwordLength.upperBound else { return nil }
        let candidate = candidate(name)
        let isRight = (candidate?.hash ?? .nobody).matches(password)
        return isRight ? candidate?.person : nil
    }

    /// The stored hash of somebody's password; nil when there is nobody of this name.
    public func storedHash(of name: String) -> String? { candidate(name)?.hash.description }

    private func candidate(_ name: String) -> (person: Operator, hash: PasswordHash)? {
        let prepared = (try? OpaqueString(name))?.text
        if let text = settings.httpPasswordHash, name == settings.httpUser || prepared == settings.httpUser {
            return (try? PasswordHash(parsing: text)).map { hash in
                (Operator(name: settings.httpUser, role: .admin, way: .console), hash)
            }
        }
        guard let prepared, let stored = try? store.storedOperator(name: prepared) else { return nil }
        return (try? PasswordHash(parsing: stored.hash)).map { hash in
            (Operator(name: stored.name, role: Self.role(stored.role), way: .console), hash)
        }
    }

    /// The name as it was prepared when it was added; one that cannot be prepared, with a zero byte say, is nobody's.
    private static func known(_ name: String, else error: AccountStoreError) throws(AccountStoreError) -> String {
        guard let prepared = try? OpaqueString(name) else { throw error }
        return prepared.text
    }

    /// A role of a later version may mean less than any that is known here.
    private static func role(_ text: String) -> OperatorRole { OperatorRole(rawValue: text) ?? .viewer }

    // MARK: Tokens

    /// Makes an API token; only its hash is kept.
    ///
    /// - `days`: how long it is right; nil means for ever.
    public func addToken(name: String, role: OperatorRole, days: Int?, at time: Int64) throws -> NewSecret {
        let name = try AccountChanges.prepared(name, "the name", atMost: Self.longestName).text
        guard days.map((1...Self.longestToken).contains) != false else {
            throw AdministrationError("a token is right for 1 to \(Self.longestToken) days")
        }
        let token = Self.tokenPrefix + StoredSecret.random(bytes: 32)
        try store.add(
            StoredToken(
                name: name,
                digest: SHA256.digest(token),
                role: role.rawValue,
                created: time,
                expires: days.map { time + Int64($0) * 86400 }
            )
        )
        return NewSecret(name: name, secret: token)
    }

    /// Removes a token.
    public func removeToken(name: String) throws {
        try store.removeToken(name: try Self.known(name, else: .noToken(name)))
    }

    /// Whose token this is at `time`; nil when it is none, or has ended.
    public func authenticate(token: String, at time: Int64) -> Operator? {
        guard token.hasPrefix(Self.tokenPrefix), token.utf8.count < 100,
            let stored = try? store.token(digest: SHA256.digest(token)),
            stored.expires.map({ time < $0 }) != false
        else { return nil }
        return Operator(name: stored.name, role: Self.role(stored.role), way: .token)
    }
}

extension OperatorsReport {
    /// What the settings alone say.
    public init(_ settings: Settings) {
        let isPasswordSet = settings.httpPasswordHash != nil
        let first = Person(name: settings.httpUser, role: .admin, origin: "settings", created: nil)
        self.init(isPasswordSet: isPasswordSet, people: isPasswordSet ? [first] : [], tokens: [])
    }
}
