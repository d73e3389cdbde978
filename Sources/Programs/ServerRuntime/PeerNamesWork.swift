import Addresses
import NameService
import Observability
import ServerSettings
import Synchronization

/// What `PeerNames` does in its task.
final class PeerNamesWork: Sendable {
    private let resolver: any NameResolving
    private let allowsLoopback: Bool
    private let pause: PeerNames.Pause
    private let tell: @Sendable (MessageCode, String) -> Void
    private let onChange: @Sendable ([ResolvedServer]) -> Void
    /// What is known of each name or address; only one task works with it at a time.
    private let book = Mutex<[String: KnownName]>([:])

    init(
        _ resolver: any NameResolving,
        allowsLoopback: Bool,
        pause: @escaping PeerNames.Pause,
        tell: @escaping @Sendable (MessageCode, String) -> Void,
        onChange: @escaping @Sendable ([ResolvedServer]) -> Void
    ) {
        self.resolver = resolver
        self.allowsLoopback = allowsLoopback
        self.pause = pause
        self.tell = tell
        self.onChange = onChange
    }

    /// The last list, and whether it had to be cut.
    private typealias Told = (list: [ResolvedServer], isCut: Bool)

    /// What a name server said of a name.
    private struct Heard: Sendable {
        let name: String
        let v4: Result<AddressAnswer, NameError>
        let v6: Result<AddressAnswer, NameError>
    }

    /// Works until the task is cancelled.
    func run(_ servers: [OtherServer]) async {
        var names: [String] = []
        book.withLock { book in
            let hosts = Set(servers.map(\.host))
            book = book.filter { hosts.contains($0.key) }
            for host in servers.map(\.host) where !names.contains(host) {
                guard let address = IPAddress(host) else {
                    names.append(host)
                    continue
                }
                note(host, literal: address, &book)
            }
        }
        var told: Told?
        report(servers, &told)
        await withTaskGroup(of: Heard.self) { group in
            for name in names { group.addTask { await self.ask(name) } }
            while let heard = await group.next(), !Task.isCancelled {
                let seconds = note(heard)
                report(servers, &told)
                group.addTask {
                    // When it is cancelled, the question ends at once too.
                    try? await self.pause(.seconds(seconds))
                    return await self.ask(heard.name)
                }
            }
            group.cancelAll()
        }
    }

    private func ask(_ name: String) async -> Heard {
        async let v4 = resolver.result(of: name, .v4)
        async let v6 = resolver.result(of: name, .v6)
        return Heard(name: name, v4: await v4, v6: await v6)
    }

    private func note(_ host: String, literal address: IPAddress, _ book: inout [String: KnownName]) {
        let answer = AddressAnswer([AddressRecord(address, ttl: 0)])
        let none = Result<AddressAnswer, NameError>.failure(.noData)
        var known = book[host, default: KnownName()]
        say(
            known.take(
                address.family == .v4 ? .success(answer) : none,
                address.family == .v6 ? .success(answer) : none,
                allowsLoopback: allowsLoopback
            ),
            host
        )
        book[host] = known
    }

    /// Keeps what was heard; returns after how many seconds to ask again.
    private func note(_ heard: Heard) -> Int {
        let news = book.withLock { book in
            book[heard.name, default: KnownName()].take(heard.v4, heard.v6, allowsLoopback: allowsLoopback)
        }
        say(news, heard.name)
        return KnownName.seconds(heard.v4, heard.v6)
    }

    private func say(_ news: [KnownName.News], _ host: String) {
        for event in news {
            switch event {
            case .failed(let cause): tell(.otherServerUnresolved, "\(host): \(cause)")
            case .back(let addresses): tell(.otherServerResolvedAgain, "\(host) is resolved again: \(addresses)")
            case .tooMany(let text): tell(.otherServersLeftOut, "\(host) \(text)")
            }
        }
    }

    private func report(_ servers: [OtherServer], _ told: inout Told?) {
        let all = book.withLock { book in
            servers.flatMap { (book[$0.host] ?? KnownName()).rows(for: $0) }
        }
        let list = Array(all.prefix(PeerNames.mostServers))
        let isCut = all.count > list.count
        if isCut, told?.isCut != true {
            tell(
                .otherServersLeftOut,
                "other-stun-servers stand for \(all.count) addresses, of which the first \(list.count) are used"
            )
        }
        let isNew = list != told?.list
        told = (list, isCut)
        guard isNew else { return }
        onChange(list)
    }
}
