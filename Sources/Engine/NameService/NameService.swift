public import Addresses
import CLinux

/// Who knows the addresses of names: `NameService`, or what a test puts in its place.
public protocol NameResolving: Sendable {
    /// The addresses that a name has in one family.
    func addresses(of name: String, family: IPAddress.Family) async throws(NameError) -> AddressAnswer
}

extension NameResolving {
    /// The addresses that a name has in both families, asked at the same time, IPv4 first.
    ///
    /// An error only when neither family has any: the one that is worth a second try, if there is one.
    public func addresses(of name: String) async throws(NameError) -> AddressAnswer {
        async let first = result(of: name, .v4)
        async let second = result(of: name, .v6)
        switch (await first, await second) {
        case (.success(let v4), .success(let v6)):
            return AddressAnswer(
                v4.records + v6.records,
                isAlias: v4.isAlias || v6.isAlias,
                isCut: v4.isCut || v6.isCut
            )
        case (.success(let one), .failure), (.failure, .success(let one)): return one
        case (.failure(let v4), .failure(let v6)):
            // No data in one family: the name is there, whatever was said of the other.
            if v4.isCertain, v6.isCertain { throw v4 == .noData ? v4 : v6 }
            throw v4.isCertain ? v6 : v4
        }
    }

    /// The addresses of one family, or why there are none.
    public func result(of name: String, _ family: IPAddress.Family) async -> Result<AddressAnswer, NameError> {
        do throws(NameError) {
            return .success(try await addresses(of: name, family: family))
        } catch {
            return .failure(error)
        }
    }
}

/// The name service by c-ares: asks the name servers of this host (/etc/resolv.conf) and its /etc/hosts.
///
/// One thread, which starts with the first question, does all the waiting: nobody else ever blocks. Every question ends
/// after `timeout`, and of an answer at most `mostRecords` are kept, whatever a name server sends.
public final class NameService: NameResolving {
    /// How many records of an answer are kept.
    public static let mostRecords = 64
    /// How many questions are asked at the same time; others wait for their turn.
    static let mostAtOnce = 64
    /// How many questions may wait.
    static let mostWaiting = 1024

    private let options: Options
    private let thread: ResolverThread

    /// How questions are asked.
    struct Options: Sendable {
        var servers: [SocketAddress]
        var readsHostsFile: Bool
        var milliseconds: Int
    }

    /// Makes a name service; it starts nothing yet.
    ///
    /// - `servers`: the name servers to ask; empty means those of /etc/resolv.conf, read anew for each question.
    /// - `readsHostsFile`: whether /etc/hosts is asked first, as programs do; who checks a zone does not.
    /// - `timeout`: how long a question may take at most.
    public init(servers: [SocketAddress] = [], readsHostsFile: Bool = true, timeout: Duration = .seconds(5)) {
        let milliseconds = timeout / .milliseconds(1)
        options = Options(
            servers: servers,
            readsHostsFile: readsHostsFile,
            milliseconds: max(1, Int(min(milliseconds, 3_600_000)))
        )
        thread = ResolverThread()
    }

    deinit { thread.stop() }

    /// Ends all questions that are open, and the thread; questions that come later are answered `cancelled`.
    public func stop() { thread.stop() }

    /// The addresses that a name has in one family (A or AAAA records, aliases followed).
    public func addresses(of name: String, family: IPAddress.Family) async throws(NameError) -> AddressAnswer {
        guard case .addresses(let found) = try await ask(.addresses(name, family)) else { throw .badAnswer }
        return found
    }

    /// The servers of a service such as `_stun._udp.example.org` (SRV records), in the order of the answer.
    public func services(_ name: String) async throws(NameError) -> [ServiceRecord] {
        guard case .services(let found) = try await ask(.services(name)) else { throw .badAnswer }
        return found
    }

    /// What a domain says of its services (NAPTR records), in the order of the answer.
    public func namingAuthority(_ domain: String) async throws(NameError) -> [NamingAuthorityRecord] {
        guard case .namingAuthority(let found) = try await ask(.namingAuthority(domain)) else { throw .badAnswer }
        return found
    }

    private func ask(_ question: Question) async throws(NameError) -> Answer {
        guard question.isAskable else { throw .badName }
        let id = thread.nextID()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                thread.submit(Job(id: id, question: question, options: options, continuation: continuation))
            }
        } onCancel: {
            thread.cancel(id)
        }
        return try result.get()
    }
}

/// What is asked.
enum Question: Sendable {
    case addresses(String, IPAddress.Family)
    case services(String)
    case namingAuthority(String)

    var name: String {
        switch self {
        case .addresses(let name, _), .services(let name), .namingAuthority(let name): name
        }
    }

    /// Whether a name server can be asked for it: labels of 1 to 63 bytes, 253 bytes in all (RFC 1035 section 2.3.4), and
    /// nothing in it that ends a C string or escapes a character.
    var isAskable: Bool {
        let bytes = name.utf8.last == UInt8(ascii: ".") ? name.utf8.dropLast() : name.utf8[...]
        guard (1...253).contains(bytes.count) else { return false }
        guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }) else { return false }
        let labels = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return labels.allSatisfy { (1...63).contains($0.count) }
    }
}

/// What came back.
enum Answer: Sendable, Equatable {
    case addresses(AddressAnswer)
    case services([ServiceRecord])
    case namingAuthority([NamingAuthorityRecord])
}

/// A question on its way to the thread.
struct Job: Sendable {
    let id: UInt64
    let question: Question
    let options: NameService.Options
    let continuation: CheckedContinuation<Result<Answer, NameError>, Never>
}
