import Addresses
import Observability
import Testing

@Suite("The refusals that are remembered")
struct RefusalHistoryTests {
    @Test("they are found by the user's whole name, and by the part of a timed name after the colon, newest first")
    func byUser() throws {
        let history = RefusalHistory()
        for (number, name) in ["alice", "1700000000:alice", "bob:alice", "1700000000:", "alice2", nil].enumerated() {
            history.append(try record(Int64(number), user: name.map { UserName($0) }))
        }
        #expect(history.records(ofUser: "alice").map(\.time) == [1, 0])
        #expect(history.records(ofUser: "1700000000:alice").map(\.time) == [1])
        #expect(history.records(ofUser: "bob:alice").map(\.time) == [2])
        #expect(history.records(ofUser: "1700000000:").map(\.time) == [3])
        #expect(history.records(ofUser: "").isEmpty && history.records(ofUser: "carol").isEmpty)
    }

    @Test("they are found by the client's address, with or without its port, and by the peer's")
    func byAddress() throws {
        let history = RefusalHistory()
        let (first, second) = (try address("192.0.2.1"), try address("2001:db8::1"))
        history.append(try record(0, client: "192.0.2.1:5"))
        history.append(try record(1, client: "192.0.2.1:6", peer: second))
        history.append(try record(2, client: "192.0.2.2:5", peer: first))
        #expect(history.records(of: first).map(\.time) == [2, 1, 0])
        #expect(history.records(of: first, port: 6).map(\.time) == [2, 1])
        #expect(history.records(of: second).map(\.time) == [1])
        #expect(history.records(of: try address("192.0.2.3")).isEmpty)
    }

    @Test("only the newest are kept")
    func bounded() throws {
        let history = RefusalHistory(capacity: 3)
        for number in 0..<1000 {
            history.append(try record(Int64(number), user: UserName("alice"), client: "192.0.2.1:\(number + 1)"))
        }
        #expect(history.records(ofUser: "alice").map(\.time) == [999, 998, 997])
    }

    @Test("a client that tries again and again is one record with the newest facts, and drives out nobody")
    func repeated() throws {
        let history = RefusalHistory(capacity: 3)
        history.append(try record(0, user: UserName("bob")))
        for number in 1...1000 {
            for client in ["192.0.2.1:5", "192.0.2.2:5"] {
                history.append(try record(Int64(number), user: UserName("alice"), client: client, cause: "\(number) s"))
            }
        }
        let records = history.records(ofUser: "alice")
        #expect(records.map(\.count) == [1000, 1000])
        #expect(records.map(\.time) == [1000, 1000] && records.map(\.cause) == ["1000 s", "1000 s"])
        #expect(history.records(ofUser: "bob").map(\.count) == [1])
    }

    private func record(
        _ time: Int64,
        user: UserName? = nil,
        client: String = "192.0.2.9:9",
        peer: IPAddress? = nil,
        cause: String = "cause"
    ) throws -> RefusalRecord {
        RefusalRecord(
            time: time,
            client: try #require(SocketAddress(client)),
            username: user,
            peer: peer,
            method: "Allocate",
            code: 401,
            cause: cause,
            cure: "cure"
        )
    }

    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }
}

@Suite("A user's name may be any bytes (row 26)")
struct UserNameTests {
    @Test(
        "it is shown literally, and what is no UTF-8 as numbers",
        arguments: [
            ([0x61, 0xC3, 0xA9], "a\u{E9}"), ([0x61, 0xC3], #"a\xc3"#), ([0xFF, 0xFE, 0x61], #"\xff\xfea"#),
            ([0xED, 0xA0, 0x80], #"\xed\xa0\x80"#), ([0xF0, 0x9F, 0x98, 0x80, 0x80], "\u{1F600}\\x80"),
            ([0, 0x1B, 0x0D, 0x0A], "\0\u{1B}\r\n"), ([], ""),
        ] as [([UInt8], String)]
    )
    func text(bytes: [UInt8], text: String) {
        let name = UserName(bytes: bytes)
        #expect(Array(name.text.unicodeScalars) == Array(text.unicodeScalars))
        #expect(bytes.isEmpty || name.isMeant(by: text))
    }

    @Test(
        "format strings, quotes and markup are letters like others",
        arguments: ["%s%n", "' ; -- ", "<script>", "\\"]
    )
    func letters(text: String) {
        #expect(UserName(text).text == text)
        #expect(UserName("1700000000:" + text).isMeant(by: text))
    }

    @Test("of a name that was cut, the kept part decides")
    func cut() {
        let name = UserName(bytes: Array("1700000000:abc".utf8), isCut: true)
        #expect(name.text == "1700000000:abc...")
        #expect(name.isMeant(by: "abcdef") && name.isMeant(by: "1700000000:abcdef") && name.isMeant(by: name.text))
        #expect(!name.isMeant(by: "ab") && !name.isMeant(by: "xabc"))
    }
}
