// Unsafe: an array seen as raw bytes, which are not kept.
import Addresses
import Administration
import Observability
import STUNAuthentication
import STUNCodec
import Testing

@testable import ServerCore
@testable import ServerRuntime

@Suite("What workers tell of the relay, in the log and in what is remembered")
struct RelayFactTests {
    @Test("a wrong credential is a notice with user, client, cause and cure")
    func refused() throws {
        let teller = RelayTeller(context)
        let entry = try told(teller, .authentication(.expired(bySeconds: 12)), user: "1700000000:alice")
        #expect(entry.level == .notice && entry.code == .requestRefused)
        #expect(
            entry.formatted(.text).dropFirst("[5] Thu Jan  1 00:00:00 1970: ".count)
                == """
                TURN request refused: Allocate 401, user "1700000000:alice" from 192.0.2.1:5: the timed credential ended \
                12 s ago by this server's clock. Have the client get a new one; if it was new, set the clocks of this host \
                and of the web service right (`timedatectl`).
                """
        )
        let record = try #require(teller.refusals.records(ofUser: "alice").first)
        #expect(record.code == 401 && record.method == "Allocate" && record.realm == "stund")
        #expect(record.cause.contains("12 s") && !record.cure.isEmpty)
    }

    @Test(
        "each refusal has the level and the number of its kind",
        arguments: [
            (Refusal.authentication(.wrongPassword), LogLevel.notice, MessageCode.requestRefused),
            (.authentication(.unknownUser), .notice, .requestRefused),
            (.authentication(.missing(.nonce)), .info, .requestRefused),
            (.authentication(.staleNonce(bySeconds: 1)), .debug, .requestRefused),
            (.userAllocations(3), .notice, .requestRefused), (.noAllocation, .info, .requestRefused),
            (.relayPort(.noneFree), .failure, .noPortLeft), (.relayPort(.system(24)), .failure, .noPortLeft),
            (.serverAllocations(3), .failure, .noPortLeft), (.memory(3), .failure, .noPortLeft),
            (.relayPort(.openFiles(3)), .failure, .noPortLeft), (.relayPort(.unknownToken), .info, .requestRefused),
        ]
    )
    func levels(refusal: Refusal, level: LogLevel, code: MessageCode) throws {
        let entry = try told(RelayTeller(context), refusal)
        #expect(entry.level == level && entry.code == code)
    }

    @Test("it is remembered whatever the level of the log, but for what every client meets")
    func remembered() throws {
        let log = EventLog(level: LogLevelSwitch(.alert))
        let pump = LogPump(into: log) { 0 }
        let teller = RelayTeller(context)
        let ring = pump.makeRing(of: RelayFact.self) { teller.entry($0) }
        for refusal in [
            Refusal.noAllocation, .authentication(.staleNonce(bySeconds: 1)), .authentication(.noIntegrity),
        ] {
            let request = RefusedRequest(method: .refresh, refusal: refusal, username: NameBytes(), realm: nil)
            ring.append(.refused(request, client: client, time: 1))
        }
        pump.pump(now: 2)
        #expect(log.history.entries.isEmpty)
        #expect(teller.refusals.records(of: client.address).map(\.method) == ["Refresh"])
    }

    @Test("a server without ports says so once a second, whatever the number of clients")
    func exhausted() throws {
        let log = EventLog()
        let teller = RelayTeller(context)
        for _ in 0..<50 { log.append(try told(teller, .relayPort(.noneFree))) }
        #expect(log.history.entries.map(\.code) == [.noPortLeft])
    }

    @Test(
        "row 26: any bytes as a user's name are shown literally in text and JSON",
        arguments: [
            (Array("%s%n' ; -- <script>".utf8), #"user "%s%n' ; -- <script>""#, #"user \"%s%n' ; -- <script>\""#),
            (
                Array("a\u{1B}[2J\0\r\nb".utf8), #"user "a\u{1b}[2J\u{0}\u{d}\u{a}b""#,
                #"user \"a\u001b[2J\u0000\r\nb\""#
            ),
            ([0xFF, 0x61, 0xC3], #"user "\\xffa\\xc3""#, #"user \"\\xffa\\xc3\""#),
        ]
    )
    func hostileNames(bytes: [UInt8], text: String, json: String) throws {
        let entry = try told(RelayTeller(context), .authentication(.unknownUser), bytes: bytes)
        #expect(entry.formatted(.text).contains(text) && entry.formatted(.json).contains(json))
        for form in [LogLineForm.text, .json] {
            #expect(!entry.formatted(form).unicodeScalars.contains { $0.properties.generalCategory == .control })
        }
    }

    @Test("a name longer than what is kept is shown with dots")
    func longName() throws {
        let entry = try told(
            RelayTeller(context),
            .authentication(.unknownUser),
            user: String(repeating: "x", count: 508)
        )
        #expect(entry.text.hasSuffix("user \"" + String(repeating: "x", count: 64) + "...\""))
    }

    @Test("an allocation's begin and end are told with user, client, relay and what was relayed (1012, 1021)")
    func life() throws {
        let teller = RelayTeller(context)
        let session = try makeSession(user: "alice")
        let began = try #require(teller.entry(.happened(.allocated(session), time: 0)))
        #expect(began.code == .portAllocated && began.level == .detail)
        #expect(
            began.formatted(.text).hasSuffix(
                #": Port allocated: 198.51.100.1:50000 and [2001:db8::1]:50001, user "alice" for 192.0.2.1:5"#
            )
        )
        let ended = try #require(teller.entry(.happened(.ended(session, .expired), time: 0)))
        #expect(ended.code == .mirrorRemoved)
        #expect(
            ended.formatted(.text).hasSuffix(
                """
                user "alice" of 192.0.2.1:5: not refreshed in time, after 182 s; 3 packets (500 bytes) to peers, 1 packets \
                (70 bytes) to the client
                """
            )
        )
    }

    @Test(
        "a mirror's port, its repetition, its peer and its ends have the manual's numbers (1012, 1011, 1007, 1002, 1021)"
    )
    func mirror() throws {
        let teller = RelayTeller(context)
        var session = try makeSession(user: "")
        session.mirror = .draft00
        let peer = SocketAddress(try address("192.0.2.7"), port: 9)
        let effects: [Effect] = [
            .allocated(session), .repeated(session), .locked(session, peer), .ended(session, .expired),
            .ended(session, .disconnected),
        ]
        let entries = try effects.map { try #require(teller.entry(.happened($0, time: 0))) }
        #expect(entries.map(\.code.rawValue) == [1012, 1011, 1007, 1002, 1021])
        for entry in entries { #expect(entry.text.contains("198.51.100.1:50000") && entry.text.contains("mirror of ")) }
        #expect(entries[2].text.contains("to 192.0.2.7:9, mirror of "))
        #expect(
            entries[3].text.hasPrefix("Binding removed")
                && entries[3].remark?.hasPrefix("not refreshed in time") == true
        )
        #expect(
            entries[4].text.hasPrefix("Mirror removed") && entries[4].remark?.hasPrefix("ended by an operator") == true
        )
    }

    @Test("after a reload the words follow the new realms")
    func adopted() throws {
        let teller = RelayTeller(context)
        var new = RefusalContext()
        new.realms = ["example.org"]
        teller.adopt(new)
        let entry = try told(teller, .authentication(.wrongRealm))
        #expect(entry.remark?.contains("\"example.org\"") == true)
    }

    private func told(
        _ teller: RelayTeller,
        _ refusal: Refusal,
        user: String = "",
        bytes: [UInt8]? = nil
    ) throws -> LogEntry {
        let array = bytes ?? Array(user.utf8)
        let name = unsafe NameBytes(array.span.bytes)
        let request = RefusedRequest(method: .allocate, refusal: refusal, username: name, realm: "stund")
        return try #require(teller.entry(.refused(request, client: client, time: 0)))
    }
}

@Suite("Which sessions a person means")
struct SessionChoiceTests {
    @Test(
        "an id, a user, the part of a timed name after the colon, or a client's address with or without its port",
        arguments: [
            ("0-15", true), ("1-15", false), ("0-1", false), ("1700000000:alice", true), ("alice", true),
            ("ali", false),
            ("192.0.2.1", true), ("192.0.2.1:5", true), ("192.0.2.1:6", false), ("192.0.2.2", false),
            ("198.51.100.1", false), ("", false), ("::ffff:192.0.2.1", false),
        ]
    )
    func means(subject: String, isMeant: Bool) throws {
        let session = try makeSession(user: "1700000000:alice")
        #expect(SessionChoice(subject).means(session, worker: 0) == isMeant)
    }

    @Test("a session is shown with its peers, its traffic and its realm")
    func report() throws {
        let permission = (address: try address("192.0.2.7"), expiresIn: UInt64(240))
        let channel = (
            number: UInt16(0x4000), peer: SocketAddress(try address("192.0.2.7"), port: 9), expiresIn: UInt64(1)
        )
        let new = SessionDetail(
            session: try makeSession(user: "alice", age: 3),
            permissions: [permission],
            channels: [channel]
        )
        let report = SessionsReport([(3, new)], found: 1, total: 2)
        #expect(report.totalSessions == 2 && report.rows.count == 1)
        let row = try #require(report.rows.first)
        #expect(row.id == "3-15" && row.user == "alice" && row.realm == "stund" && row.age == 3)
        #expect(row.client == "192.0.2.1:5" && row.listener == "198.51.100.1:3478")
        #expect(row.relays == ["198.51.100.1:50000", "[2001:db8::1]:50001"])
        #expect(row.permissions == [.init(address: "192.0.2.7", expiresIn: 240)])
        #expect(row.channels == [.init(number: "0x4000", peer: "192.0.2.7:9", expiresIn: 1)])
        #expect(row.toPeers == .init(packets: 3, bytes: 500) && row.toClient == .init(packets: 1, bytes: 70))
    }
}

private let client = SocketAddress(IPAddress(v4: 0xC000_0201), port: 5)

private let context: RefusalContext = {
    var context = RefusalContext()
    context.realms = ["stund"]
    context.secrets = [("web", false)]
    return context
}()

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

/// A session of the client 192.0.2.1:5 with both relay addresses.
func makeSession(user: String, age: UInt64 = 182) throws -> Session {
    var traffic = Traffic()
    for bytes in [200, 200, 100] { traffic.countToPeer(bytes) }
    traffic.countToClient(70)
    return Session(
        serial: 15,
        username: user,
        realm: "stund",
        flow: ClientFlow(
            source: client,
            destination: SocketAddress(try address("198.51.100.1"), port: 3478),
            role: SocketRole.allCases[0]
        ),
        relayV4: SocketAddress(try address("198.51.100.1"), port: 50_000),
        relayV6: SocketAddress(try address("2001:db8::1"), port: 50_001),
        traffic: traffic,
        age: age,
        expiresIn: 418,
        permissionCount: 0,
        channelCount: 0
    )
}
