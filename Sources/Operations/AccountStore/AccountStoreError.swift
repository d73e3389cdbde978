import GRDB

/// Why something could not be read from the store or changed in it.
public enum AccountStoreError: Error, Hashable {
    /// This user may not read or write the file.
    case notPermitted(String)
    /// Another process has held the file for longer than a change takes.
    case busy(String)
    /// The file has tables that this version does not know.
    case newerVersion(String)
    /// The file is no database, or a damaged one, with SQLite's reason.
    case damaged(path: String, reason: String)
    /// The system refused, with the reason.
    case system(path: String, reason: String)
    /// There is such a user already.
    case userExists(name: String, realm: String)
    /// There is no such user.
    case noUser(name: String, realm: String)
    /// There is a secret of this id already.
    case secretExists(String)
    /// There are so many secrets in use already, which is the most.
    case tooManySecrets(Int)
    /// There is no secret of this id.
    case noSecret(String)
    /// The secret was retired before.
    case alreadyRetired(String)
    /// There is nobody of this name who may use the console.
    case noOperator(String)
    /// So many people may use the console already, which is the most.
    case tooManyOperators(Int)
    /// There is a token of this name already.
    case tokenExists(String)
    /// There are so many tokens already, which is the most.
    case tooManyTokens(Int)
    /// There is no token of this name.
    case noToken(String)

    init(_ error: any Error, path: String) {
        if let error = error as? AccountStoreError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else {
            self = .system(path: path, reason: "\(error)")
            return
        }
        let reason = error.message ?? "\(error.resultCode)"
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED: self = .busy(path)
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH: self = .notPermitted(path)
        case .SQLITE_CANTOPEN where !StoreFile.isAccessible(path): self = .notPermitted(path)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_SCHEMA, .SQLITE_ERROR: self = .damaged(path: path, reason: reason)
        default: self = .system(path: path, reason: reason)
        }
    }
}

extension AccountStoreError: CustomStringConvertible {
    /// The sentence for a person.
    public var description: String {
        switch self {
        case .notPermitted(let path): "you may not change \(path): ask as root or as the user that the server runs as"
        case .busy(let path): "\(path) is in use by another process all the time: try again"
        case .newerVersion(let path): "\(path) was written by a newer version of this program: use that one"
        case .damaged(let path, let reason):
            "\(path) can't be used (\(reason)): put a copy that works in its place, or move it away to begin anew"
        case .system(let path, let reason): "\(path) can't be used: \(reason)"
        case .userExists(let name, let realm):
            "there is a user \"\(name)\" in the realm \"\(realm)\" already: give a new password with --replace"
        case .noUser(let name, let realm):
            "there is no user \"\(name)\" in the realm \"\(realm)\": see `stund user list`"
        case .secretExists(let id): "there is a secret called \"\(id)\" already: choose another name"
        case .tooManySecrets(let most):
            "\(most) secrets are in use, and each may be tried for a request: retire or remove one first"
        case .noSecret(let id): "there is no secret called \"\(id)\": see `stund secret list`"
        case .alreadyRetired(let id): "the secret \"\(id)\" is retired already"
        case .noOperator(let name): "there is no operator \"\(name)\": see `stund operator list`"
        case .tooManyOperators(let most): "\(most) operators are the most there can be: remove one first"
        case .tokenExists(let name):
            "there is a token called \"\(name)\" already: choose another name, or remove that one first"
        case .tooManyTokens(let most): "\(most) tokens are the most there can be: remove one first"
        case .noToken(let name): "there is no token called \"\(name)\": see `stund token list`"
        }
    }
}
