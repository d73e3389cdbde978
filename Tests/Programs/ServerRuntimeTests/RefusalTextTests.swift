import Addresses
import Foundation
import STUNAuthentication
import STUNCodec
import ServerCore
import Testing

@testable import ServerRuntime

@Suite("Every refusal has its exact cause and a cure in words (issue: every refusal explained)")
struct RefusalTextTests {
    @Test("of a request", arguments: refusals)
    func refusal(example: Example<Refusal>) {
        example.check(example.refusal.text(context))
    }

    @Test("of a credential", arguments: credentials)
    func credential(example: Example<AuthenticationRefusal>) {
        example.check(Refusal.authentication(example.refusal).text(context))
    }

    @Test("of a peer by its rule", arguments: rules)
    func rule(example: Example<PeerRule>) {
        example.check(Refusal.peer(peer, example.refusal).text(context))
    }

    @Test("the examples leave no case out")
    func complete() {
        #expect(Set(refusals.map { RefusalCase($0.refusal) }) == Set(RefusalCase.allCases))
        #expect(Set(credentials.map { CredentialCase($0.refusal) }) == Set(CredentialCase.allCases))
        #expect(Set(rules.map { RuleCase($0.refusal) }) == Set(RuleCase.allCases))
    }

    @Test("every special-purpose range and every disguise has words of its own")
    func ranges() throws {
        let ranges = SpecialPurposeRange.all.map { PeerRule.specialPurpose($0).text(of: "it") }
        for (range, text) in zip(SpecialPurposeRange.all, ranges) {
            #expect(text.cause.contains("\(range.prefix)") && text.cause.contains(range.name))
            let isLocal = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"]
                .contains("\(range.prefix)")
            #expect(text.cure.contains("lan-peers") == isLocal)
        }
        let address = try #require(IPAddress("10.0.0.1"))
        let range = try #require(SpecialPurposeRange.all.first { $0.prefix.contains(address) })
        let disguised: [DisguisedRule] = [
            .listeningSocket, .denyPeers(range.prefix), .hostAddress, .specialPurpose(range), .tunnel,
        ]
        for form in PeerDisguise.allCases {
            for rule in disguised {
                let text = PeerRule.disguise(form, of: address, by: rule).text(of: "it")
                #expect(text.cause.contains("form of 10.0.0.1, ") && text.cure.hasSuffix("."))
            }
        }
    }

    @Test("the console has German words for each")
    func german() throws {
        let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../..").standardized
        let file = root.appendingPathComponent("Sources/Operations/Console/Texts/said.de")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("#") }
        let said = try stride(from: 0, to: lines.count, by: 2).map { index in
            #expect(lines[index + 1].hasPrefix("= ") && !lines[index].hasPrefix("= "), "\(lines[index])")
            let parts = lines[index].split(separator: /\{[0-9]\}/, omittingEmptySubsequences: false)
            let pattern = parts.map { NSRegularExpression.escapedPattern(for: String($0)) }.joined(separator: ".*")
            return try Regex(pattern)
        }
        let texts =
            refusals.map { $0.refusal.text(context) } + refusals.map { $0.refusal.text(RefusalContext()) }
            + credentials.map { Refusal.authentication($0.refusal).text(context) }
            + credentials.map { Refusal.authentication($0.refusal).text(RefusalContext()) }
            + rules.map { Refusal.peer(peer, $0.refusal).text(context) }
        for text in texts {
            for sentence in [text.cause, text.cure] {
                #expect(said.contains { sentence.wholeMatch(of: $0) != nil }, "\(sentence)")
            }
        }
    }

    @Test("no text tells a secret, a password or a key")
    func secrets() throws {
        let texts =
            refusals.map { $0.refusal.text(context) }
            + credentials.map { Refusal.authentication($0.refusal).text(context) }
            + rules.map { Refusal.peer(peer, $0.refusal).text(context) }
        #expect(texts.contains { $0.cause.contains("\"web\"") })
        for text in texts {
            for secret in ["s3cret", "0ld-s3cret", "wonderland", "alice"] {
                #expect(!text.cause.contains(secret) && !text.cure.contains(secret))
            }
        }
    }

    @Test("a server with users only, with secrets only, or without TURN is not said to have what it has not")
    func contexts() {
        var onlyUsers = RefusalContext()
        onlyUsers.realms = ["stund"]
        onlyUsers.users = 3
        let wrong = Refusal.authentication(.wrongPassword).text(onlyUsers)
        #expect(!wrong.cause.contains("secret") && !wrong.cure.contains("stund credentials"))
        #expect(Refusal.authentication(.unknownUser).text(onlyUsers).cause.contains("no secret"))
        var onlyRetired = RefusalContext()
        onlyRetired.secrets = [("old", true)]
        #expect(Refusal.authentication(.retiredSecret(0)).text(onlyRetired).cure.contains("stund secret add"))
        #expect(Refusal.authentication(.retiredSecret(7)).text(RefusalContext()).cause.contains("number 7"))
    }

    @Test("old channel numbers are let in by a setting, and others by none")
    func channelNumbers() {
        var old = RefusalContext()
        old.acceptsRFC5766Channels = true
        #expect(Refusal.channelNumber(0x5000).text(RefusalContext()).cure.contains("rfc5766-channels: on"))
        #expect(!Refusal.channelNumber(0x3FFF).text(RefusalContext()).cure.contains("rfc5766-channels"))
        #expect(Refusal.channelNumber(0x7FFF).text(old).cause.contains("0x7FFF is outside 0x4000-0x7FFE"))
    }
}

/// A refusal, and what its words must contain.
struct Example<Kind: Sendable>: Sendable, CustomTestStringConvertible {
    let refusal: Kind
    let facts: [String]

    init(_ refusal: Kind, _ facts: String...) {
        self.refusal = refusal
        self.facts = facts
    }

    var testDescription: String { "\(refusal)" }

    func check(_ text: RefusalText) {
        for fact in facts { #expect((text.cause + " | " + text.cure).contains(fact)) }
        #expect(!text.cause.isEmpty && !text.cause.hasSuffix("."))
        #expect(text.cure.hasSuffix(".") && text.cure.first?.isUppercase == true)
        #expect(!text.cause.contains("\n") && !text.cure.contains("\n"))
    }
}

private let context: RefusalContext = {
    let book = CredentialBook(
        realms: [CredentialRealm("stund"), CredentialRealm("example.org")],
        users: [StoredCredential(username: "alice", realm: "stund", password: "wonderland")],
        secrets: [
            SharedSecret(name: "web", secret: Array("s3cret".utf8)),
            SharedSecret(name: "old", secret: Array("0ld-s3cret".utf8), state: .retired),
        ].compactMap(\.self)
    )
    let nonces = NonceIssuer(key: [32 of UInt8](repeating: 7), lifetime: 600)
    let peers = PeerRules(allow: [], deny: [], lanPeers: false, listening: [], hostAddresses: [], relayAddresses: [])
    return RefusalContext(TURNPolicy(authenticator: LongTermAuthenticator(book: book, issuer: nonces), peers: peers))
}()

private let peer = SocketAddress(IPAddress(v4: 0x0A00_0001), port: 80)
private let server = SocketAddress(IPAddress(v4: 0xC000_0207), port: 3478)
private let tenNet = SpecialPurposeRange.all[1].prefix
private let range = SpecialPurposeRange.all[1]

private let refusals: [Example<Refusal>] = [
    Example(.authentication(.wrongRealm), "stund"),
    Example(.tooShort(bytes: 20), "20 bytes", "28"),
    Example(.malformed(.xorPeerAddress), "XOR-PEER-ADDRESS"),
    Example(.missing(.requestedTransport), "REQUESTED-TRANSPORT"),
    Example(.conflict(.evenPort, .reservationToken), "EVEN-PORT and RESERVATION-TOKEN"),
    Example(.unknownMethod(.connect), "Connect"),
    Example(.unknownMethod(Method(rawValue: 0x0AB)), "0x00AB"),
    Example(.unknownAttribute(AttributeType(rawValue: 0x7ABC)), "0x7ABC"),
    Example(.unknownAttribute(AttributeType(rawValue: 0x001B)), "ACCESS-TOKEN"),
    Example(.noAllocation, "no allocation"),
    Example(.allocationExists, "already", "stund disconnect"),
    Example(.otherUser, "another user"),
    Example(.otherTransport, "TCP", "REQUESTED-TRANSPORT"),
    Example(.needsStream, "UDP or DTLS", "turns:"),
    Example(.unknownConnection, "CONNECTION-ID", "30 seconds"),
    Example(.connectionExists(peer), "10.0.0.1:80"),
    Example(.connectFailed(peer), "10.0.0.1:80", "30 seconds"),
    Example(.connectionLimit(64), "64 TCP connections"),
    Example(.transport(6), "TCP", "tcp-relay"), Example(.transport(132), "132", "UDP (17)"),
    Example(.addressFamily(2), "IPv6", "relay-address"),
    Example(.addressFamily(9), "unknown address family 9"),
    Example(.peerFamily(1), "IPv4", "ADDITIONAL-ADDRESS-FAMILY"),
    Example(.peer(peer, .denyPeers(tenNet)), "10.0.0.1:80", "10.0.0.0/8", "deny-peers"),
    Example(.peer(SocketAddress(peer.address, port: 0), .denyPeers(tenNet)), "the peer 10.0.0.1 is"),
    Example(.client(.specialPurpose(range)), "the client's own address", "10.0.0.0/8"),
    Example(.channelNumber(0x5001), "0x5001", "0x4000-0x4FFF", "rfc5766-channels"),
    Example(.channelTaken(0x4001, by: peer), "0x4001", "10.0.0.1:80"),
    Example(.peerTaken(peer, by: 0x4002), "10.0.0.1:80", "0x4002"),
    Example(.permissionLimit(128), "128", "permissions-per-allocation"),
    Example(.channelLimit(256), "256", "channels-per-allocation"),
    Example(.userAllocations(10), "10 allocations", "user-allocations"),
    Example(.mirrorClient, "mirror-clients", "Add its address"),
    Example(.mirrorsOfClient(8), "8 mirrors", "mirrors-per-client"),
    Example(.mirrors(256), "256 mirrors", "max-mirrors"),
    Example(.sharedSecret(.unauthenticated), "no integrity", "over TLS"),
    Example(.sharedSecret(.staleCredentials), "15 minutes"),
    Example(.sharedSecret(.integrityCheckFailure), "is not that"),
    Example(.sharedSecret(.missingUsername), "no user name"),
    Example(.sharedSecret(.wrongCredentials), "another user name"), Example(.transitioning, "3 seconds"),
    Example(.noDestination(peer), "10.0.0.1:80", "Send Request"),
    Example(.monthlyBytes(5000), "5000 bytes", "user-monthly-bytes"),
    Example(.serverAllocations(77), "77", "max-allocations"),
    Example(.memory(512_000_000), "512 MB", "memory-limit"),
    Example(.draining, "no other server", "stund drain --cancel"),
    Example(.redirected(Redirection(server: server, cause: .draining)), "192.0.2.7:3478", "ALTERNATE-SERVER"),
    Example(.redirected(Redirection(server: server, cause: .load(857))), "85 %", "ALTERNATE-SERVER"),
    Example(.relayPort(.noneFree), "relay-ports"),
    Example(.relayPort(.unknownToken), "RESERVATION-TOKEN", "30 seconds"),
    Example(.relayPort(.familyMissing(.v6)), "IPv6", "relay-address"),
    Example(.relayPort(.openFiles(1024)), "1024 files", "LimitNOFILE"),
    Example(.relayPort(.system(24)), "Too many open files", "LimitNOFILE"),
]

private let credentials: [Example<AuthenticationRefusal>] = [
    Example(.noIntegrity, "first request"),
    Example(.missing(.nonce), "NONCE"),
    Example(.malformed(.username), "USERNAME"),
    Example(.integrityLength(7), "7 bytes", "20 (SHA-1)", "32 (SHA-256)"),
    Example(.algorithmsWithoutFeature, "changed on the way"),
    Example(.differingAlgorithms, "PASSWORD-ALGORITHMS"),
    Example(.unsupportedAlgorithm(99), "algorithm 99"),
    Example(.wrongRealm, #""stund", "example.org""#),
    Example(.unknownUser, "no user has this name", "stund user add"),
    Example(.notTimestamp, "stund credentials"),
    Example(.wrongPassword, #"the secret "web""#, "stund credentials"),
    Example(.retiredSecret(1), #""old", which is retired"#, #"the secret "web""#),
    Example(.expired(bySeconds: 12), "ended 12 s ago by", "timedatectl"),
    Example(.expired(bySeconds: 5025), "ended 5025 s ago (1 h 23 min) by"),
    Example(.expired(bySeconds: .max), "18446744073709551615 s"),
    Example(.staleNonce(bySeconds: 9), "9 s ago", "Nothing"),
    Example(.futureNonce(bySeconds: 31), "31 s in the future", "nonce-key"),
    Example(.foreignNonce, "nonce-key"),
]

private let rules: [Example<PeerRule>] = [
    Example(.portZero, "port 0"),
    Example(.listeningSocket(SocketAddress(IPAddress(v4: 0x7F00_0001), port: 3478)), "127.0.0.1:3478"),
    Example(.denyPeers(tenNet), "10.0.0.0/8", "deny-peers"),
    Example(.hostAddress(IPAddress(v4: 0xC000_0201)), "192.0.2.1", "allow-peers"),
    Example(.specialPurpose(range), "10.0.0.0/8 (Private-Use, RFC 1918)", "lan-peers"),
    Example(.disguise(.sixToFour, of: peer.address, by: .specialPurpose(range)), "6to4 form of 10.0.0.1", "10.0.0.0/8"),
]

// A new case does not compile here until it has a name, and then the suite asks for an example of it.

private enum RefusalCase: CaseIterable {
    case authentication, tooShort, malformed, missing, conflict, unknownMethod, unknownAttribute, noAllocation
    case allocationExists, otherUser, transport, addressFamily, peerFamily, peer, client, channelNumber, channelTaken
    case peerTaken, permissionLimit, channelLimit, userAllocations, monthlyBytes, serverAllocations
    case otherTransport, needsStream, unknownConnection, connectionExists, connectFailed, connectionLimit
    case mirrorClient, mirrorsOfClient, mirrors, sharedSecret, transitioning, noDestination
    case memory, openFiles, noneFree, unknownToken, familyMissing, system, redirected, draining

    init(_ refusal: Refusal) {
        self =
            switch refusal {
            case .authentication: .authentication
            case .tooShort: .tooShort
            case .malformed: .malformed
            case .missing: .missing
            case .conflict: .conflict
            case .unknownMethod: .unknownMethod
            case .unknownAttribute: .unknownAttribute
            case .noAllocation: .noAllocation
            case .allocationExists: .allocationExists
            case .otherTransport: .otherTransport
            case .needsStream: .needsStream
            case .unknownConnection: .unknownConnection
            case .connectionExists: .connectionExists
            case .connectFailed: .connectFailed
            case .connectionLimit: .connectionLimit
            case .otherUser: .otherUser
            case .transport: .transport
            case .addressFamily: .addressFamily
            case .peerFamily: .peerFamily
            case .peer: .peer
            case .client: .client
            case .channelNumber: .channelNumber
            case .channelTaken: .channelTaken
            case .peerTaken: .peerTaken
            case .permissionLimit: .permissionLimit
            case .channelLimit: .channelLimit
            case .userAllocations: .userAllocations
            case .mirrorClient: .mirrorClient
            case .mirrorsOfClient: .mirrorsOfClient
            case .mirrors: .mirrors
            case .sharedSecret: .sharedSecret
            case .transitioning: .transitioning
            case .noDestination: .noDestination
            case .monthlyBytes: .monthlyBytes
            case .serverAllocations: .serverAllocations
            case .memory: .memory
            case .relayPort(.openFiles): .openFiles
            case .relayPort(.noneFree): .noneFree
            case .relayPort(.unknownToken): .unknownToken
            case .relayPort(.familyMissing): .familyMissing
            case .relayPort(.system): .system
            case .redirected: .redirected
            case .draining: .draining
            }
    }
}

private enum CredentialCase: CaseIterable {
    case noIntegrity, missing, malformed, integrityLength, algorithmsWithoutFeature, differingAlgorithms
    case unsupportedAlgorithm, wrongRealm, unknownUser, notTimestamp, wrongPassword, retiredSecret, expired, staleNonce
    case futureNonce, foreignNonce

    init(_ refusal: AuthenticationRefusal) {
        self =
            switch refusal {
            case .noIntegrity: .noIntegrity
            case .missing: .missing
            case .malformed: .malformed
            case .integrityLength: .integrityLength
            case .algorithmsWithoutFeature: .algorithmsWithoutFeature
            case .differingAlgorithms: .differingAlgorithms
            case .unsupportedAlgorithm: .unsupportedAlgorithm
            case .wrongRealm: .wrongRealm
            case .unknownUser: .unknownUser
            case .notTimestamp: .notTimestamp
            case .wrongPassword: .wrongPassword
            case .retiredSecret: .retiredSecret
            case .expired: .expired
            case .staleNonce: .staleNonce
            case .futureNonce: .futureNonce
            case .foreignNonce: .foreignNonce
            }
    }
}

private enum RuleCase: CaseIterable {
    case portZero, listeningSocket, denyPeers, hostAddress, specialPurpose, disguise

    init(_ rule: PeerRule) {
        self =
            switch rule {
            case .portZero: .portZero
            case .listeningSocket: .listeningSocket
            case .denyPeers: .denyPeers
            case .hostAddress: .hostAddress
            case .specialPurpose: .specialPurpose
            case .disguise: .disguise
            }
    }
}
