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

    /// Refused requests of one user, method and cause.
    private struct Refused: Sendable {
        let request: String
        let times: String
        let time: String
        let name: String?
        let clients: String
        let cause: Prose
        let cure: Prose
    }

    private struct Finding: Sendable {
        let topic: String
        let finding: Prose
        let remedy: Prose?
    }

    /// The answer to whether somebody reaches a peer.
    private struct Verdict: Sendable {
        let sentence: String
        let weight: String
    }

    private struct Answer: Sendable {
        let asked: String
        let verdict: Verdict?
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

    /// How many sessions and kinds of refusals a page shows.
    private static let shown = 20
    /// How many clients are named with refusals of one kind.
    private static let mostClients = 6
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
        let refusals = groups(explanation.refusals)
        let verdict = verdict(explanation, texts)
        return Answer(
            asked: TerminalText.visible(explanation.subject.replacing(" -> ", with: " → ")),
            verdict: verdict,
            findings: explanation.findings.dropFirst(verdict == nil ? 0 : 1).map { finding in
                Finding(
                    topic: texts.said(finding.topic) ?? finding.topic,
                    finding: Prose(finding.text, texts),
                    remedy: finding.cure.map { Prose($0, texts) }
                )
            },
            hasSessions: !explanation.sessions.isEmpty,
            sessions: explanation.sessions.prefix(shown).map { row in
                Session(
                    id: row.id,
                    name: ShownText(row.user, most: 120).text,
                    client: row.client,
                    relay: row.relays.joined(separator: ", "),
                    traffic: texts(
                        "explain_traffic",
                        HumanText.bytes(row.toPeers.bytes),
                        HumanText.bytes(row.toClient.bytes)
                    )
                )
            },
            hasRefusals: !refusals.isEmpty,
            refusals: refusals.prefix(shown).map { refused($0, texts) },
            isCut: explanation.sessions.count > shown || refusals.count > shown
        )
    }

    /// Whether nothing keeps a user from a peer; nil when that was not asked.
    private static func verdict(_ explanation: Explanation, _ texts: Texts) -> Verdict? {
        guard explanation.findings.first?.topic == Explanation.answerTopic else { return nil }
        let isFree = explanation.findings.allSatisfy { $0.cure == nil }
        return Verdict(sentence: texts(isFree ? "explain_free" : "explain_kept"), weight: isFree ? "good" : "bad")
    }

    /// The refusals that tell the same, those with the newest first.
    private static func groups(_ refusals: [Explanation.Refusal]) -> [[Explanation.Refusal]] {
        var order: [[String]] = []
        var groups: [[String]: [Explanation.Refusal]] = [:]
        for row in refusals {
            let key = [row.method, "\(row.code)", row.user ?? "", row.cure]
            if groups[key] == nil { order.append(key) }
            groups[key, default: []].append(row)
        }
        return order.compactMap { groups[$0] }
    }

    private static func refused(_ group: [Explanation.Refusal], _ texts: Texts) -> Refused {
        var clients: [String] = []
        for row in group where !clients.contains(row.client) { clients.append(row.client) }
        let named = clients.prefix(mostClients).joined(separator: ", ")
        let left = clients.count - mostClients
        let newest = group[0]
        return Refused(
            request: "\(newest.method) \(newest.code)",
            times: texts("overview_times", Quantities(texts.language).number(group.reduce(0) { $0 + $1.count })),
            time: ShownLogEntry.time(newest.time),
            name: newest.user.map { ShownText($0, most: 120).text },
            clients: left > 0 ? texts("explain_clients_more", named, "\(left)") : named,
            cause: Prose(newest.cause, texts, most: 400),
            cure: Prose(newest.cure, texts, most: 400)
        )
    }
}
