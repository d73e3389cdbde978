import Administration
import Foundation
import HTTPTypes

/// Why somebody was refused, and whether a user can reach a peer.
struct ExplainPage: ConsolePage {
    let name = "explain"
    let administrator: Administrator

    private struct Session: Sendable {
        let id: String
        let name: String
        let client: String
        let relay: String
        let traffic: String
    }

    private struct Refused: Sendable {
        let time: String
        let times: String?
        let request: String
        let name: String
        let cause: String
        let cure: String
    }

    private struct Finding: Sendable {
        let topic: String
        let finding: String
        let remedy: String?
    }

    private struct Answer: Sendable {
        let asked: String
        let findings: [Finding]
        let hasSessions: Bool
        let sessions: [Session]
        let hasRefusals: Bool
        let refusals: [Refused]
        let isCut: Bool
    }

    private struct Model: Sendable {
        let action: String
        let subject: String
        let user: String
        let peer: String
        let refusedQuestion: String?
        let answer: Answer?
    }

    /// How many sessions and refusals a page shows.
    private static let shown = 40
    /// A user name may have 508 bytes (RFC 8489 section 14.3); what is longer is nobody.
    private static let longest = 600

    func show(_ request: PageRequest) async throws -> PageBody {
        let query = request.query
        let (subject, user, peer) = (Self.asked(query["subject"]), Self.asked(query["user"]), Self.asked(query["peer"]))
        var answer: Answer?
        var refusedQuestion: String?
        do {
            if !peer.isEmpty {
                let explanation = try await administrator.server.explain(user: user.isEmpty ? nil : user, peer: peer)
                answer = Self.answer(explanation, request.texts)
            } else if !subject.isEmpty {
                answer = Self.answer(try await administrator.server.explain(subject), request.texts)
            }
        } catch {
            refusedQuestion = TerminalText.visible("\(error)")
        }
        return PageBody(
            template: "explain",
            model: Model(
                action: request.path(name),
                subject: subject,
                user: user,
                peer: peer,
                refusedQuestion: refusedQuestion,
                answer: answer
            ),
            status: refusedQuestion == nil ? .ok : .unprocessableContent
        )
    }

    private static func asked(_ text: String) -> String {
        String(text.trimmingCharacters(in: .whitespaces).prefix(longest))
    }

    private static func answer(_ explanation: Explanation, _ texts: Texts) -> Answer {
        Answer(
            asked: TerminalText.visible(explanation.subject),
            findings: explanation.findings.map { finding in
                Finding(
                    topic: finding.topic,
                    finding: TerminalText.visible(finding.text),
                    remedy: finding.cure.map(TerminalText.visible)
                )
            },
            hasSessions: !explanation.sessions.isEmpty,
            sessions: explanation.sessions.prefix(shown).map { row in
                Session(
                    id: row.id,
                    name: TerminalText.visible(row.user),
                    client: row.client,
                    relay: row.relays.joined(separator: ", "),
                    traffic: texts(
                        "explain_traffic",
                        HumanText.bytes(row.toPeers.bytes),
                        HumanText.bytes(row.toClient.bytes)
                    )
                )
            },
            hasRefusals: !explanation.refusals.isEmpty,
            refusals: explanation.refusals.prefix(shown).map { row in
                Refused(
                    time: row.time,
                    times: row.count > 1 ? texts("explain_times", String(row.count)) : nil,
                    request: "\(row.method) \(row.code), \(row.client)",
                    name: TerminalText.visible(row.user ?? "-"),
                    cause: TerminalText.visible(row.cause),
                    cure: TerminalText.visible(row.cure)
                )
            },
            isCut: explanation.sessions.count > shown || explanation.refusals.count > shown
        )
    }
}
