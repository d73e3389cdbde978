import Addresses
import Administration
import Observability
import STUNCodec
import Testing

@testable import ServerCore
@testable import ServerRuntime

@Suite("What a person asks of the statistics, the sessions and the log")
struct QueryTests {
    @Test(
        "a search finds parts of addresses and texts, ASCII letters in either case",
        arguments: [
            ("", true), ("198.51.100.7", true), ("100.7:50", true), ("7:501", false), ("2001", false), ("x", false),
            ("198.51.100.70", false), (":", true),
        ]
    )
    func search(wanted: String, isFound: Bool) throws {
        let address = try #require(SocketAddress("198.51.100.7:50"))
        #expect(TextSearch(wanted).finds(address) == isFound)
        #expect(TextSearch(wanted).finds("\(address)") == isFound)
    }

    @Test("the text of an address that is searched is the one that is shown")
    func sameText() throws {
        for text in ["0.0.0.0:0", "255.255.255.255:65535", "10.0.9.100:7", "[2001:db8::1]:5", "[::ffff:1.2.3.4]:9"] {
            let address = try #require(SocketAddress(text))
            #expect(TextSearch("\(address)").finds(address))
            #expect(TextSearch("\(address.address)").finds(address.address))
        }
        #expect(
            TextSearch("ALICE").finds("xAlicex") && TextSearch("äé").finds("zäéz") && !TextSearch("abc").finds("ab")
        )
    }

    @Test("statistics are sorted by each column, turned round, and shown by pages")
    func statistics() throws {
        // What the core counts of each source: requests, errors, and when.
        let workers = [try sources([(9, 3, 0), (10, 1, 2)], from: 1000), try sources([(11, 2, 1)], from: 500)]
        func rows(_ change: (inout StatisticsQuery) -> Void) -> [String] {
            var query = StatisticsQuery()
            change(&query)
            return StatisticsReport(workers, query, remembered: 100).rows.map {
                String($0.source.split(separator: ":")[1])
            }
        }
        #expect(rows { _ in } == ["10", "9", "11"])
        #expect(rows { $0.isReversed = true } == ["11", "9", "10"])
        #expect(rows { $0.sort = .source } == ["9", "10", "11"])
        #expect(rows { $0.sort = .noChange } == ["9", "11", "10"])
        #expect(rows { $0.sort = .error } == ["10", "11", "9"])
        #expect(
            rows {
                $0.sort = .hits
                $0.isReversed = true
            }.count == 3
        )
        #expect(rows { $0.sort = .keepAlive }.last == "10", "one request has no interval")
        #expect(
            rows {
                $0.sort = .keepAlive
                $0.isReversed = true
            }.last == "10"
        )
        #expect(
            rows {
                $0.offset = 1
                $0.limit = 1
            } == ["9"]
        )
        #expect(rows { $0.offset = 7 } == [])
        #expect(
            rows {
                $0.offset = -3
                $0.limit = -1
            } == []
        )
        var query = StatisticsQuery(limit: 1)
        query.search = "192.0.2.1:1"
        let report = StatisticsReport(workers, query, remembered: 100)
        #expect(report.rows.count == 1 && report.foundSources == 2 && report.totalSources == 3)
        #expect(StatisticsReport(workers, StatisticsQuery(), remembered: 2).totalSources == 2)
    }

    @Test("a source that two workers know is one row")
    func merged() throws {
        let workers = [try sources([(9, 3, 0)], from: 1000), try sources([(9, 2, 1)], from: 2000)]
        let report = StatisticsReport(workers, StatisticsQuery(), remembered: 100)
        #expect(report.rows.map(\.noChange) == [5] && report.rows.map(\.error) == [1])
        #expect(report.rows.first?.dialect == "rfc8489")
    }

    @Test("sessions are found by id, user, client, relay and peer, sorted and shown by pages")
    func sessions() throws {
        let lists = [
            WorkerSessions(worker: 0, list: try list([("alice", 5), ("bob", 50)], peers: [(1, "192.0.2.200")])),
            WorkerSessions(worker: 1, list: try list([("Carol", 10)], peers: [])),
        ]
        func users(_ change: (inout SessionsQuery) -> Void) -> [String] {
            var query = SessionsQuery()
            change(&query)
            return query.choose(from: lists).shown.map(\.session.username)
        }
        #expect(users { _ in } == ["alice", "Carol", "bob"])
        #expect(
            users {
                $0.isReversed = true
                $0.limit = 1
            } == ["bob"]
        )
        #expect(users { $0.sort = .user } == ["Carol", "alice", "bob"])
        #expect(users { $0.offset = 2 } == ["bob"])
        #expect(users { $0.search = "carol" } == ["Carol"])
        #expect(users { $0.search = "1-15" } == ["Carol"])
        #expect(users { $0.search = "2.200" } == ["bob"])
        #expect(users { $0.search = ":50001" }.count == 3, "the relay address of IPv6")
        #expect(users { $0.search = "203.0.113" } == [])
        var query = SessionsQuery(limit: 1)
        query.search = "192.0.2.1:5"
        let chosen = query.choose(from: lists)
        #expect(chosen.shown.count == 1 && chosen.found == 3 && chosen.total == 3)
    }

    @Test("log messages are chosen by level, code, text, address and remark; the newest stay within a limit")
    func log() throws {
        let entries = [
            LogEntry(.messageReceived, "one", address: SocketAddress("192.0.2.1:5"), at: 1),
            LogEntry(.startWarning, "two", remark: "Because", at: 2), LogEntry(.stopping, "three", at: 3),
        ]
        func texts(_ change: (inout LogQuery) -> Void) -> [String] {
            var query = LogQuery()
            change(&query)
            return query.choose(from: entries).map(\.text)
        }
        #expect(texts { _ in } == ["one", "two", "three"])
        #expect(texts { $0.level = 7 } == ["two", "three"])
        #expect(texts { $0.code = Int(MessageCode.stopping.rawValue) } == ["three"])
        #expect(texts { $0.search = "because" } == ["two"])
        #expect(texts { $0.search = "192.0.2.1" } == ["one"])
        #expect(
            texts {
                $0.search = "o"
                $0.limit = 1
            } == ["two"]
        )
        #expect(texts { $0.limit = -1 } == [])
    }

    /// The rows of a worker that heard ports of 192.0.2.1 in this order: so many requests, then so much noise.
    private func sources(
        _ heard: [(port: UInt16, requests: Int, noise: Int)],
        from start: UInt64
    ) throws -> WorkerSources {
        var table = SourceTable(capacity: 100, seed: 1)
        var now = Instant(nanoseconds: start)
        for (port, requests, noise) in heard {
            let source = SocketAddress(try #require(IPAddress("192.0.2.1")), port: port)
            let flow = ClientFlow(source: source, destination: source, role: .primaryPrimary)
            for index in 0..<(requests + noise) {
                now = Instant(nanoseconds: now.nanoseconds + 1_000_000)
                if index < requests {
                    table.count(.noChange, .cookie, from: flow, now: now)
                } else {
                    table.count(.error, from: source, now: now)
                }
            }
        }
        return WorkerSources(rows: table.newestFirst, now: now)
    }

    private func list(_ users: [(String, UInt64)], peers: [(Int32, String)]) throws -> SessionList {
        var list = SessionList()
        list.entries = try users.map { SessionList.Entry(session: try makeSession(user: $0.0, age: $0.1), place: 0) }
        list.peers = try peers.map { ($0.0, try #require(IPAddress($0.1))) }
        return list
    }
}
