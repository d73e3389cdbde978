import Addresses
import NameService
import ServerSettings

/// What is known of one name of `other-stun-servers`.
struct KnownName: Sendable {
    /// What the log is to be told.
    enum News: Sendable, Equatable {
        /// The name, or one of its addresses, is of no use: the cause.
        case failed(String)
        /// The name is of use again: its addresses.
        case back(String)
        /// There are more addresses than are used.
        case tooMany(String)
    }

    private var v4: [IPAddress] = []
    private var v6: [IPAddress] = []
    private var problem: String?
    /// Whether the log was told of the failure that lasts now.
    private var isFailing = false
    /// The addresses that were refused, as the log was told of them.
    private var refused: [IPAddress] = []
    private var isCut = false

    /// Takes what a name server said of both families; returns what the log is to be told.
    mutating func take(
        _ first: Result<AddressAnswer, NameError>,
        _ second: Result<AddressAnswer, NameError>,
        allowsLoopback: Bool
    ) -> [News] {
        var unusable: [(address: IPAddress, reason: String)] = []
        let usable = [first, second].map { result -> [IPAddress]? in
            guard case .success(let answer) = result else { return nil }
            return answer.records.map(\.address).filter { address in
                guard let reason = Self.refusal(of: address, allowsLoopback: allowsLoopback) else { return true }
                unusable.append((address, reason))
                return false
            }
        }
        let words = unusable.prefix(PeerNames.mostAddresses).map {
            "its address \($0.address) is not used: \($0.reason)"
        }
        guard usable.contains(where: { $0?.isEmpty == false }) else {
            return fail(words.isEmpty ? Self.cause(first, second) : words.joined(separator: "; "))
        }
        let old = v4 + v6
        v4 = Self.chosen(usable[0], of: first, keeping: v4)
        v6 = Self.chosen(usable[1], of: second, keeping: v6)
        problem = words.isEmpty ? nil : words.joined(separator: "; ")
        var news: [News] = []
        if isFailing { news.append(.back((v4 + v6).map(\.description).joined(separator: ", "))) }
        isFailing = false
        let refusedNow = unusable.map(\.address).sorted()
        if let problem, refusedNow != refused || old.isEmpty { news.append(.failed(problem)) }
        refused = refusedNow
        return news + cutNews(usable, first, second)
    }

    private mutating func fail(_ cause: String) -> [News] {
        let kept = (v4 + v6).map(\.description).joined(separator: ", ")
        problem = cause
        guard !isFailing else { return [] }
        isFailing = true
        return [.failed(kept.isEmpty ? cause : "\(cause); the last addresses stay in use: \(kept)")]
    }

    private mutating func cutNews(
        _ usable: [[IPAddress]?],
        _ first: Result<AddressAnswer, NameError>,
        _ second: Result<AddressAnswer, NameError>
    ) -> [News] {
        let counts = usable.map { Set($0 ?? []).count }
        let wasCut = isCut
        isCut = counts.contains { $0 > PeerNames.mostAddresses }
        guard isCut, !wasCut else { return [] }
        let isMore = [first, second].contains { (try? $0.get())?.isCut == true }
        let most = counts.max() ?? 0
        return [
            .tooMany(
                "has \(isMore ? "more than " : "")\(most) addresses of one family: \(PeerNames.mostAddresses) are used"
            )
        ]
    }

    /// The addresses to use: those in use that are still there, then new ones from the lowest on.
    private static func chosen(
        _ usable: [IPAddress]?,
        of result: Result<AddressAnswer, NameError>,
        keeping old: [IPAddress]
    ) -> [IPAddress] {
        guard let usable else {
            // Not known, or certainly none.
            if case .failure(let error) = result, error.isCertain { return [] }
            return old
        }
        let new = Set(usable)
        let stay = old.filter(new.contains)
        return Array((stay + new.subtracting(stay).sorted()).prefix(PeerNames.mostAddresses)).sorted()
    }

    private static func cause(
        _ first: Result<AddressAnswer, NameError>,
        _ second: Result<AddressAnswer, NameError>
    ) -> String {
        let errors = [first, second].compactMap { result -> NameError? in
            guard case .failure(let error) = result else { return nil }
            return error
        }
        let uncertain = errors.first { !$0.isCertain }
        let telling = uncertain ?? errors.first { $0 == .noData } ?? errors.first
        return telling == .noData ? "the name exists, but has no address" : telling?.description ?? "no address"
    }

    /// Why no server can have an address; nil when one can.
    static func refusal(of address: IPAddress, allowsLoopback: Bool) -> String? {
        if address.isUnspecified { return "it stands for any address" }
        if address.isMulticast { return "it is a multicast address" }
        if address.isBroadcast { return "it is the broadcast address" }
        if address.isMappedV4 { return "it is an IPv4 address written as IPv6" }
        if address.isLinkLocal, address.family == .v6 {
            return "a link-local address works only with the name of an interface"
        }
        if address.isLoopback, !allowsLoopback {
            return "it is a loopback address, and this server does not listen on one"
        }
        return nil
    }

    /// The rows of an entry with this name: IPv4 and IPv6 addresses side by side.
    func rows(for server: OtherServer) -> [ResolvedServer] {
        (0..<max(1, v4.count, v6.count)).map { index in
            ResolvedServer(
                server: server,
                v4: index < v4.count ? v4[index] : nil,
                v6: index < v6.count ? v6[index] : nil,
                problem: problem
            )
        }
    }

    /// After how many seconds to ask again.
    static func seconds(_ results: Result<AddressAnswer, NameError>...) -> Int {
        var least = PeerNames.usableTime.upperBound
        var hasAnswer = false
        for result in results {
            switch result {
            case .success(let answer):
                hasAnswer = true
                least = min(least, answer.records.map(\.ttl).min() ?? 0)
            case .failure(let error):
                if !error.isCertain { least = 0 }
            }
        }
        return max(PeerNames.usableTime.lowerBound, hasAnswer ? least : 0)
    }
}

extension IPAddress {
    fileprivate var isMulticast: Bool { family == .v4 ? v4Bits >> 28 == 0xE : high >> 56 == 0xFF }
    fileprivate var isBroadcast: Bool { family == .v4 && v4Bits == .max }
    fileprivate var isMappedV4: Bool { family == .v6 && high == 0 && low >> 32 == 0xFFFF }
}

extension [IPAddress] {
    /// By their numbers.
    fileprivate func sorted() -> Self { sorted { ($0.high, $0.low) < ($1.high, $1.low) } }
}

extension Set<IPAddress> {
    fileprivate func sorted() -> [IPAddress] { Array(self).sorted() }
}
