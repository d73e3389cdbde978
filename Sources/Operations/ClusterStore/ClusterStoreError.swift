/// Why something could not be read from the store of a fleet or written to it.
///
/// Nothing of what the store holds, and no text that it sent, is ever in it: either may be a secret.
package enum ClusterStoreError: Error, Hashable {
    /// The store cannot be reached, with the reason.
    case unreachable(place: String, reason: String)
    /// It did not answer in time.
    case timedOut(place: String)
    /// The name of its host stands for no address now, with the reason.
    case unresolved(place: String, reason: String)
    /// It refused a command, with the word that its answer began with.
    case refused(place: String, code: String)
    /// It answered with something else than it should.
    case unexpected(place: String)
    /// So many questions wait for it already.
    case overloaded(place: String)
    /// There are more of these than there may be.
    case tooMany(String, limit: Int)
    /// Something is larger than so many bytes.
    case tooLarge(String, limit: Int)
    /// Something was published by a server whose name is none.
    case notAName
    /// The file of the store cannot be used, with the reason.
    case file(path: String, reason: String)

    /// Whether nothing was heard of it, rather than something unexpected.
    package var isSilence: Bool {
        switch self {
        case .unreachable, .timedOut, .unresolved, .overloaded: true
        case .refused, .unexpected, .tooMany, .tooLarge, .notAName, .file: false
        }
    }
}

extension ClusterStoreError: CustomStringConvertible {
    /// The sentence for a person.
    package var description: String {
        switch self {
        case .unreachable(let place, let reason): "\(place) can't be reached: \(reason)"
        case .timedOut(let place): "\(place) did not answer within a second: it is overloaded, stopped or cut off"
        case .unresolved(let place, let reason):
            "\(place) can't be reached: the name of its host can't be resolved: \(reason)"
        case .refused(let place, let code): "\(place) refused: \(Self.advice(code))"
        case .unexpected(let place):
            "\(place) answered with something that is no answer: is it a Redis, and is nobody else writing to keys that "
                + "begin with stund:?"
        case .overloaded(let place): "\(place) answers too slowly: too many questions wait for it"
        case .tooMany(let what, let limit): "more than \(limit) \(what), which is the most"
        case .tooLarge(let what, let limit): "\(what) is larger than \(limit) bytes, which is the most"
        case .notAName:
            "the name of a server has 1 to \(StoreLimits.nameBytes) letters, digits and the characters . - _ : [ ]"
        case .file(let path, let reason): "\(path) can't be used: \(reason)"
        }
    }

    private static func advice(_ code: String) -> String {
        switch code {
        case "NOAUTH": "it wants a password, set redis-password"
        case "AUTH", "WRONGPASS": "it does not take the password, look at redis-password"
        case "SELECT": "it has no database of that number, look at redis"
        case "NOPERM":
            "the user of redis-password may not do that, give them the keys stund:* (turn/* too, to read coturn's users)"
        case "LOADING": "it is still loading its data"
        case "READONLY": "it is a replica, name the primary in redis"
        case "OOM": "it has no memory left, raise its maxmemory"
        case "MISCONF": "it cannot save to its disk, look at its log"
        case "WRONGTYPE": "a key that begins with stund: or turn/ holds another kind of data than it should"
        case "MOVED", "CROSSSLOT": "it is a Redis Cluster, name a single Redis in redis"
        case "DENIED": "it is in protected mode, set a password in it or use its unix socket"
        default: "it answered with the error \(code)"
        }
    }
}
