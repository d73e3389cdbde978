import Addresses
import Administration
import Observability
import STUNAuthentication
import Testing

@testable import ServerCore
@testable import ServerRuntime

@Suite("stund explain: what is known of a user")
struct UserExplanationTests {
    @Test("a user with a password is named with the realm, what it uses and its limits")
    func user() throws {
        let facts = try facts()
        let findings = Explanation("alice", facts).findings
        #expect(
            findings == [
                .init("user", #"has a password in the realm "stund""#),
                .init("allocations", #"2 of 10 (user-allocations) in the realm "stund""#),
                .init("bytes this month", #"1.5 kB of 500 GB (user-monthly-bytes) in the realm "stund""#),
            ]
        )
    }

    @Test("a name is prepared as the server does before its user and its quotas are looked for (RFC 8265)")
    func preparedName() throws {
        var facts = try facts()
        // As typed: the accent as a character of its own, which OpaqueString composes.
        let (typed, prepared) = ("Ange\u{301}lique", "Ang\u{E9}lique")
        facts.users = [StoredCredential(username: prepared, realm: "stund", password: "x")]
        facts.usage = [
            AccountUsage(key: AccountKey(UserHash(username: prepared, realm: "stund").user), bytes: 1, allocations: 1)
        ]
        #expect(Explanation(typed, facts).findings.map(\.topic) == ["user", "allocations", "bytes this month"])
    }

    @Test("a limit that is reached comes with its cure")
    func full() throws {
        var facts = try facts()
        facts.policy.turn?.quotas.userAllocations = 2
        facts.policy.turn?.quotas.userBytesPerMonth = 1000
        let cures = Explanation("alice", facts).findings.compactMap(\.cure)
        #expect(cures.count == 2 && cures[0].contains("user-allocations") && cures[1].contains("user-monthly-bytes"))
    }

    @Test("an unknown name is told to be one, with the form of a timed name and what to do")
    func unknown() throws {
        let finding = try #require(Explanation("bob", try facts()).findings.first)
        #expect(finding.text.contains(#"no password in the realm "stund", "example.org""#))
        #expect(finding.text.contains(#"1700086400:bob is good with the secret "web""#))
        #expect(finding.cure?.contains("stund credentials") == true)
        let bare = try facts(secrets: [])
        let other = try #require(Explanation("bob", bare).findings.first)
        #expect(!other.text.contains("timed") && other.cure == "Add it with `stund user add`.")
    }

    @Test("a timed name tells until when it is good, or since when it is not, by the server's clock")
    func timed() throws {
        let good = Explanation("1700000125:alice", try facts()).findings
        #expect(good[1].topic == "credential" && good[1].cure == nil)
        #expect(good[1].text == #"good until 2023-11-14T22:15:25Z, 2 min 5 s from now, if made with the secret "web""#)
        #expect(good.map(\.topic).contains("allocations"))
        let ended = Explanation("1699999988:alice", try facts()).findings[1]
        #expect(ended.text == "the timed credential ended 12 s ago by this server's clock, at 2023-11-14T22:13:08Z")
        #expect(ended.cure?.contains("timedatectl") == true)
        let bare = Explanation("1700000125:alice", try facts(secrets: [])).findings[1]
        #expect(bare.cure?.contains("stund secret add") == true)
    }

    @Test("its sessions and its refusals come with it, those of its timed names too")
    func rest() throws {
        let facts = try facts()
        let explanation = Explanation("alice", facts)
        #expect(explanation.sessions.map(\.user) == ["1700000000:alice"])
        #expect(explanation.refusals.map(\.user) == ["1700000000:alice"])
        #expect(explanation.refusals.first?.cause == "the cause")
        #expect(Explanation("bob", facts).sessions.isEmpty && Explanation("bob", facts).refusals.isEmpty)
    }

    @Test("TURN that is off is said first, with its cure")
    func off() throws {
        var facts = try facts()
        facts.policy.turn = nil
        #expect(Explanation("alice", facts).findings == [.init("TURN", "is off (turn)", cure: "Set turn: on.")])
    }
}

@Suite("stund explain: what is known of an address")
struct AddressExplanationTests {
    @Test("of a client: the rate limits, when it was heard of, its sessions and refusals")
    func client() throws {
        let explanation = Explanation("192.0.2.1", try facts())
        #expect(explanation.findings[0].text.hasPrefix("the rate limits hold for it"))
        #expect(
            explanation.findings[1]
                == .init("heard of", "40 s ago; 2 messages, 1 of them refused or dropped (`stund statistics`)")
        )
        #expect(explanation.sessions.map(\.id) == ["0-15"])
        #expect(explanation.refusals.count == 1)
        #expect(Explanation("192.0.2.1:6", try facts()).refusals.isEmpty)
    }

    @Test("of a client without rate limit: by which prefix")
    func exempt() throws {
        var facts = try facts()
        facts.policy.rateLimitExempt = [try #require(IPPrefix("192.0.2.0/24"))]
        #expect(Explanation("192.0.2.1", facts).findings[0].text.contains("192.0.2.0/24 of rate-limit-exempt"))
    }

    @Test(
        "of a peer: whether it is allowed, or which rule denies it",
        arguments: [
            ("8.8.8.8", "allowed", nil),
            ("10.1.2.3", "denied: it is in 10.0.0.0/8 (Private-Use, RFC 1918)", "lan-peers"),
            ("10.1.2.3:80", "denied: it is in 10.0.0.0/8", "lan-peers"),
            ("::ffff:10.0.0.1", "denied: it is the IPv4-mapped form of 10.0.0.1", "IPv4 address itself"),
            ("9.9.9.9", "denied: it is in 9.9.9.0/24, which deny-peers names", "deny-peers"),
            ("198.51.100.1", "our own relay address", nil),
            ("198.51.100.1:3478", "denied: it is where this server itself listens", "Nothing"),
        ] as [(String, String, String?)]
    )
    func peer(subject: String, text: String, cure: String?) throws {
        let finding = try #require(Explanation(subject, try facts()).findings.first { $0.topic == "as a peer" })
        #expect(finding.text.hasPrefix(text))
        #expect(cure.map { finding.cure?.contains($0) == true } ?? (finding.cure == nil))
    }

    @Test("of a peer: which sessions may exchange packets with it, and refusals about it")
    func permitted() throws {
        let explanation = Explanation("8.8.4.4", try facts())
        #expect(explanation.findings.contains(.init("as a peer", "permitted by the session 0-15")))
        #expect(explanation.refusals.count == 1 && explanation.sessions.isEmpty)
    }
}

@Suite("stund explain --peer: what keeps a user from a peer")
struct PeerExplanationTests {
    @Test("nothing does: the user is known, the peer allowed, its family relayed, and a session has a permission")
    func free() throws {
        let explanation = try explanation("alice", "8.8.4.4:9")
        #expect(explanation.subject == "alice -> 8.8.4.4:9")
        #expect(explanation.findings.first == .init("answer", "yes, as far as this server is concerned"))
        #expect(explanation.findings.allSatisfy { $0.cure == nil })
        let texts = explanation.findings.map(\.text)
        #expect(texts.contains("1 session may exchange packets with 8.8.4.4 now"))
        #expect(texts.contains("IPv4 is relayed from 198.51.100.1"))
        #expect(explanation.sessions.map(\.id) == ["0-15"] && explanation.refusals.map(\.code) == [403])
    }

    @Test(
        "something does, and it says what and what to do",
        arguments: [
            ("bob", "8.8.4.4", "user", "stund credentials"), ("alice", "10.0.0.1", "as a peer", "lan-peers"),
            ("alice", "2001:db8::1", "address family", "relay-address"), (nil, "9.9.9.9", "as a peer", "deny-peers"),
            ("1699999999:alice", "8.8.4.4", "credential", "timedatectl"),
        ] as [(String?, String, String, String)]
    )
    func kept(user: String?, peer: String, topic: String, cure: String) throws {
        let explanation = try explanation(user, peer)
        #expect(explanation.findings.first?.text.hasPrefix("not as it stands") == true)
        let finding = explanation.findings.first { $0.topic == topic && $0.cure != nil }
        #expect(finding?.cure?.contains(cure) == true)
        #expect(explanation.subject == "\(user ?? "anybody") -> \(peer)")
    }

    @Test("of another peer no refusals are told, and without a permission the client has to ask")
    func other() throws {
        let explanation = try explanation("alice", "8.8.8.8")
        #expect(explanation.refusals.isEmpty)
        let finding = try #require(explanation.findings.last)
        #expect(finding.topic == "permission" && finding.text.hasPrefix("none of 1 session has one now"))
        #expect(try self.explanation("bob", "8.8.8.8").findings.last?.text.hasPrefix("there is no session now") == true)
        #expect(try self.explanation(nil, "8.8.4.4").sessions.count == 1)
        #expect(try self.explanation(nil, "8.8.8.8").sessions.isEmpty)
    }

    @Test("allow-peers is named, and TURN that is off is all there is to say")
    func settings() throws {
        var facts = try facts()
        let subject = try #require(AddressSubject("8.8.8.8"))
        facts.allowPeers = [try #require(IPPrefix("8.8.8.0/24"))]
        let allowed = Explanation(user: nil, peer: subject, as: "8.8.8.8", facts)
        #expect(allowed.findings.contains(.init("as a peer", "allowed: it is in 8.8.8.0/24 of allow-peers")))
        facts.policy.turn = nil
        let off = Explanation(user: "alice", peer: subject, as: "8.8.8.8", facts)
        #expect(off.findings.map(\.cure) == ["Set turn: on."])
    }

    private func explanation(_ user: String?, _ peer: String) throws -> Explanation {
        var facts = try facts()
        let relay = try #require(IPAddress("198.51.100.1"))
        facts.policy.turn?.relayV4 = RelayAddress(local: relay, external: relay)
        return Explanation(user: user, peer: try #require(AddressSubject(peer)), as: peer, facts)
    }
}

/// Alice with a password and a session by a timed name, from 192.0.2.1:5; the time is 1700000000.
private func facts(secrets: [String] = ["web"]) throws -> ExplanationFacts {
    let users = [StoredCredential(username: "alice", realm: "stund", password: "wonderland")]
    let book = CredentialBook(
        realms: [CredentialRealm("stund"), CredentialRealm("example.org")],
        users: users,
        secrets: secrets.compactMap { SharedSecret(name: $0, secret: Array("s3cret".utf8)) }
    )
    let relay = try #require(IPAddress("198.51.100.1"))
    let peer = try #require(IPAddress("8.8.4.4"))
    let peers = PeerRules(
        allow: [],
        deny: [try #require(IPPrefix("9.9.9.0/24"))],
        lanPeers: false,
        listening: [SocketAddress(relay, port: 3478)],
        hostAddresses: [relay],
        relayAddresses: [relay]
    )
    let nonces = NonceIssuer(key: [32 of UInt8](repeating: 7), lifetime: 600)
    var policy = Policy()
    policy.turn = TURNPolicy(authenticator: LongTermAuthenticator(book: book, issuer: nonces), peers: peers)
    policy.turn?.quotas.userAllocations = 10
    policy.turn?.quotas.userBytesPerMonth = 500_000_000_000

    let session = try makeSession(user: "1700000000:alice")
    let client = session.flow.source
    var sources = SourceTable(capacity: 4, seed: 1)
    sources.count(.noChange, from: client, now: Instant(nanoseconds: 0))
    sources.count(.error, from: client, now: Instant(nanoseconds: 2_000_000_000))
    let refusals = RefusalHistory()
    refusals.append(
        RefusalRecord(
            time: 0,
            client: client,
            username: UserName("1700000000:alice"),
            peer: peer,
            method: "CreatePermission",
            code: 403,
            cause: "the cause",
            cure: "The cure."
        )
    )
    let key = AccountKey(UserHash(username: "alice", realm: "stund").user)
    return ExplanationFacts(
        policy: policy,
        users: users,
        usage: [AccountUsage(key: key, bytes: 1500, allocations: 2)],
        sessions: [(0, SessionDetail(session: session, permissions: [(peer, 9)], channels: []))],
        sources: sources.newestFirst,
        now: Instant(nanoseconds: 42_000_000_000),
        unixSeconds: 1_700_000_000,
        refusals: refusals
    )
}
