import Foundation
import Testing

/// Chapters 1.2 to 1.4 of the manual of 2002, told in docs/sip.md, with two phones behind NATs of their own and a SIP
/// proxy that knows nothing of NATs.
@Suite(
    "SIP phones behind NATs call each other, as the manual tells",
    .enabled(if: Partners.canBuildNATs, Comment(rawValue: Partners.reasonAgainstNamespaces ?? "")),
    .enabled(if: Partners.has("kamailio", "python3"), "needs kamailio and python3 (`Scripts/install-packages test`)")
)
struct PhoneTests {
    private static let hasTwinkle = Partners.has("twinkle-console")
    private static let twinkleReason: Comment = "needs twinkle-console (`Scripts/install-packages test`)"

    @Test(
        "Without STUN a phone registers with the address that it has at home, and no call comes (1.2)",
        .enabled(if: hasTwinkle, twinkleReason),
        .timeLimit(.minutes(4))
    )
    func withoutServer() async throws {
        let story = try await tell(.port, "alone", ["--phone", "twinkle"])
        #expect(story.contacts == ["120@10.77.0.2", "121@10.78.0.2"], "\(story)")
        #expect(!story.came && !story.answered && story.heard == [0, 0], "\(story)")
    }

    @Test(
        "With STUN it registers with the address that the server showed it, is called, and both talk (1.3)",
        .enabled(if: hasTwinkle, twinkleReason),
        .timeLimit(.minutes(4)),
        arguments: [(NATKind.fullcone, "Full cone"), (.port, "Port restricted cone")]
    )
    func withSTUN(kind: NATKind, name: String) async throws {
        let story = try await tell(kind, "phone", ["--phone", "twinkle"], asks: "--stun")
        #expect(story.phones.values.allSatisfy { $0.nat == name }, "\(story)")
        #expect(story.contacts == ["120@198.18.7.1", "121@198.18.8.1"], "\(story)")
        for phone in story.phones.values {
            // The NAT keeps the port, which is SIP's own and need not be named.
            let source = try #require(phone.registered).from
            #expect(source.hasSuffix(":5060") && phone.mapped?.contains(source) == true, "\(story)")
        }
        #expect(story.answered && story.heard.allSatisfy { $0 >= 1 } && story.echo == [0, 0], "\(story)")
        // From NAT to NAT: the server has shown both where they are, and has nothing to do with their talk.
        #expect(story.media == ["198.18.7.1", "198.18.8.1"], "\(story)")
    }

    @Test(
        "Behind a symmetric NAT the phone finds that STUN does not help, and no call comes (1.3)",
        .enabled(if: hasTwinkle, twinkleReason),
        .timeLimit(.minutes(4))
    )
    func symmetric() async throws {
        let story = try await tell(.sym, "phone", ["--phone", "twinkle"], asks: "--stun")
        #expect(story.phones.values.allSatisfy { $0.nat == "Symmetric" }, "\(story)")
        #expect(story.contacts == ["120@10.77.0.2", "121@10.78.0.2"], "\(story)")
        #expect(!story.came && story.heard == [0, 0], "\(story)")
    }

    @Test(
        "Behind a symmetric NAT the same call is silent by itself, and both talk through the relay (1.4)",
        .enabled(if: Partners.has("baresip"), "needs baresip-core (`Scripts/install-packages test`)"),
        .timeLimit(.minutes(4))
    )
    func throughRelay() async throws {
        let silent = try await tell(.sym, "silent", ["--phone", "baresip", "--silence", "3"])
        #expect(silent.answered && silent.heard == [0, 0] && silent.media == ["10.77.0.2", "10.78.0.2"], "\(silent)")
        let login = ["--user", Relay.user, "--password", Relay.password]
        let story = try await tell(.sym, "relay", ["--phone", "baresip"] + login, asks: "--turn")
        #expect(story.answered && story.heard.allSatisfy { $0 >= 1 } && story.echo == [0, 0], "\(story)")
        #expect(story.media == [Namespaces.serverAddress, Namespaces.serverAddress], "\(story)")
    }

    // MARK: What Helpers/sip_phones.py tells

    private struct Story: Decodable {
        struct Phone: Decodable {
            struct Registration: Decodable {
                let from: String
                let contact: String
            }

            let registered: Registration?
            let nat: String?
            let mapped: [String]?
        }

        let came: Bool
        let answered: Bool
        /// Seconds of the other's tone, and of one's own: who is called first, then who calls.
        let heard: [Double]
        let echo: [Double]?
        /// The addresses at which both wanted to have the other's voice.
        let media: [String]?
        let phones: [String: Phone]

        /// What the proxy was told to reach the phones at, without `sip:` and parameters.
        var contacts: [String] {
            phones.values.compactMap { $0.registered?.contact.split(separator: ":", maxSplits: 1).last }
                .map { String($0.split(separator: ";")[0]) }.sorted()
        }
    }

    /// Has the phones call each other behind NATs of a kind.
    ///
    /// - Parameter asks: the option by which the phones learn of the server; nil leaves them alone.
    private func tell(
        _ kind: NATKind,
        _ purpose: String,
        _ arguments: [String],
        asks option: String? = nil
    ) async throws -> Story {
        var end: Program.State?
        try await Namespaces.with(kind, isPair: true, purpose: purpose) { namespaces in
            let relay = Relay(
                addresses: [Namespaces.serverAddress],
                namespace: namespaces.server,
                settings: ["address": Namespaces.serverAddress, "second-address": Namespaces.serverSecondAddress]
            )
            try await relay.running { ports, _ in
                let prefix = String(namespaces.client.dropLast("-client".count))
                // Any Python does: the helper needs nothing but what comes with it.
                let command = ["python3", "-B", Partners.helpers + "/sip_phones.py", prefix] + arguments
                let server = option.map { [$0, "\(Namespaces.serverAddress):\(ports.first)"] } ?? []
                end = try await Program.run(command + server, limit: .seconds(200))
            }
        }
        let state = try #require(end)
        try #require(state.exitCode == 0, "\(state.output)")
        return try JSONDecoder().decode(Story.self, from: Data(state.output.utf8))
    }
}
