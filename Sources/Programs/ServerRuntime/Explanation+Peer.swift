import Addresses
import Administration
import Observability
import ServerCore

// Whether a user can reach a peer.

extension Explanation {
    /// Says what keeps a user, or anybody, from a peer; the first finding is the answer in short.
    init(user: String?, peer: AddressSubject, as text: String, _ facts: ExplanationFacts) {
        let subject = "\(user ?? "anybody") -> \(text)"
        guard let turn = facts.policy.turn else {
            let finding = Finding(Self.answerTopic, "no: TURN is off (turn)", cure: "Set turn: on.")
            self.init(subject: subject, findings: [finding], sessions: [], refusals: [])
            return
        }
        var findings = user.map(facts.findings(ofUser:)) ?? []
        findings += facts.family(of: peer, turn) + facts.peer(peer, turn)
        let choice = user.map(SessionChoice.init)
        let sessions = facts.sessions.filter { choice?.means($0.session.session, worker: $0.worker) != false }
        let permitting = sessions.filter { $0.session.permissions.contains { $0.address == peer.address } }
        findings.append(Self.permissions(of: permitting.count, among: sessions.count, peer))
        let isFree = findings.allSatisfy { $0.cure == nil }
        let answer =
            isFree ? "yes, as far as this server is concerned" : "not as it stands: see what has a remedy below"
        let records = user.map(facts.refusals.records(ofUser:)) ?? facts.refusals.records(of: peer.address)
        self.init(
            subject: subject,
            findings: [Finding(Self.answerTopic, answer)] + findings,
            sessions: (user == nil ? permitting : sessions).map { SessionsReport.Row($0.session, worker: $0.worker) },
            // Those about other peers say nothing of this one.
            refusals: records.filter { $0.peer == nil || $0.peer == peer.address }.map(Refusal.init)
        )
    }

    private static func permissions(of permitting: Int, among sessions: Int, _ peer: AddressSubject) -> Finding {
        let topic = "permission"
        if permitting > 0 {
            return Finding(
                topic,
                "\(HumanText.count(permitting, "session")) may exchange packets with \(peer.address) now"
            )
        }
        let all =
            sessions == 0 ? "there is no session now" : "none of \(HumanText.count(sessions, "session")) has one now"
        return Finding(topic, "\(all): a client asks for it itself, once it knows the peer's address")
    }
}

extension ExplanationFacts {
    /// Whether anything is relayed to addresses of the peer's family.
    fileprivate func family(of peer: AddressSubject, _ turn: TURNPolicy) -> [Explanation.Finding] {
        let name = peer.address.family == .v4 ? "IPv4" : "IPv6"
        guard let relay = turn.relayAddress(peer.address.family) else {
            return [
                .init(
                    "address family",
                    "this server relays no \(name)",
                    cure: "Set relay-address to an \(name) address of this host."
                )
            ]
        }
        return [.init("address family", "\(name) is relayed from \(relay.external)")]
    }
}

/// Why a question cannot be answered.
struct UnreadablePeer: Error, CustomStringConvertible {
    let text: String

    var description: String {
        "\"\(text)\" is no IP address, with or without a port, such as 192.0.2.1 or [2001:db8::1]:5000"
    }
}
