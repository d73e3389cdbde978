// Unsafe: a user's name seen as raw bytes, which are not kept.
import Addresses
import Administration
import Foundation
import Observability
import STUNAuthentication
import ServerCore
import ServerSettings

/// What the running server has at hand when somebody asks about a user or an address.
struct ExplanationFacts: Sendable {
    /// What workers go by now.
    var policy: Policy
    /// The users with a password.
    var users: [StoredCredential]
    /// What users have in use.
    var usage: [AccountUsage]
    /// The sessions of all workers.
    var sessions: [(worker: Int, session: SessionDetail)]
    /// The statistics' rows of all workers.
    var sources: [SourceTable.Row]
    /// The clock to which the rows' last access belongs.
    var now: Instant
    /// The wall clock.
    var unixSeconds: UInt64
    /// The requests that were refused.
    var refusals: RefusalHistory
    /// The setting `allow-peers`.
    var allowPeers: [IPPrefix] = []
    /// How the server drains; nil when it does not.
    var drain: DrainReport?
    /// The bytes that allocations take.
    var memoryUsed = 0
}

extension Explanation {
    /// Says what is known of a user or, if `subject` is one, of an address.
    init(_ subject: String, _ facts: ExplanationFacts) {
        let choice = SessionChoice(subject)
        let meant = facts.sessions.filter { choice.means($0.session.session, worker: $0.worker) }
        let address = AddressSubject(subject)
        let records = address.map { facts.refusals.records(of: $0.address, port: $0.port) }
        var findings = facts.policy.turn == nil ? [Finding("TURN", "is off (turn)", cure: "Set turn: on.")] : []
        if let drain = facts.drain {
            findings.append(
                Finding("server", drain.sentence, cure: "`stund drain --cancel` takes the drain back.")
            )
        }
        findings += facts.shortOfMemory
        findings += address.map(facts.findings(of:)) ?? facts.findings(ofUser: subject)
        self.init(
            subject: subject,
            findings: findings,
            sessions: meant.map { SessionsReport.Row($0.session, worker: $0.worker) },
            refusals: (records ?? facts.refusals.records(ofUser: subject)).map(Refusal.init)
        )
    }
}

extension Explanation.Refusal {
    init(_ record: RefusalRecord) {
        self.init(
            time: record.timestamp,
            count: record.count,
            client: "\(record.client)",
            user: record.username?.text,
            realm: record.realm,
            method: record.method,
            code: Int(record.code),
            cause: record.cause,
            cure: record.cure
        )
    }
}

// MARK: A user

extension ExplanationFacts {
    /// What there is to say while no further allocation fits under memory-limit; empty otherwise.
    fileprivate var shortOfMemory: [Explanation.Finding] {
        guard let limit = policy.turn?.quotas.memory, limit < .max,
            memoryUsed > limit - MemoryCost.allocation - MemoryCost.relaySocket
        else { return [] }
        let text = Refusal.memory(limit).text(RefusalContext())
        let used = HumanText.bytes(UInt64(clamping: memoryUsed))
        return [.init("server", "\(text.cause): \(used) are taken, and no new one fits", cure: text.cure)]
    }

    func findings(ofUser name: String) -> [Explanation.Finding] {
        guard let turn = policy.turn else { return [] }
        let context = RefusalContext(turn)
        let bytes = Array(name.utf8)
        let timed = unsafe TimedUsername(bytes.span.bytes)
        let ownName = timed?.userStart.map { String(decoding: bytes[$0...], as: UTF8.self) } ?? name
        var findings = [user(name, isTimed: timed != nil, context)]
        if let timed { findings.append(credential(timed, context)) }
        findings += context.realms.flatMap { quotas(of: ownName, in: $0, turn.quotas) }
        return findings
    }

    /// A name as the hashes of users and accounts are made of it; as it is when it cannot be prepared.
    private static func prepared(_ name: String) -> String { (try? OpaqueString(name))?.text ?? name }

    private func user(_ name: String, isTimed: Bool, _ context: RefusalContext) -> Explanation.Finding {
        let prepared = Self.prepared(name)
        let realms = context.realms.filter { realm in
            let hash = UserHash(username: prepared, realm: realm)
            return users.contains { $0.userHash == hash }
        }
        if !realms.isEmpty {
            return .init("user", "has a password in the realm \(RefusalContext.list(realms))")
        }
        let text = "has no password in the realm \(RefusalContext.list(context.realms))"
        if isTimed { return .init("user", text + "; it is a timed name") }
        let secrets = context.currentSecrets
        guard !secrets.isEmpty else { return .init("user", text, cure: "Add it with `stund user add`.") }
        return .init(
            "user",
            text + "; a timed name such as \(unixSeconds + 86_400):\(name) is good with the secret "
                + RefusalContext.list(secrets),
            cure: "Give it what `stund credentials` prints, or a password with `stund user add`."
        )
    }

    private func credential(_ timed: TimedUsername, _ context: RefusalContext) -> Explanation.Finding {
        let topic = "credential"
        let end = Date(timeIntervalSince1970: Double(timed.expiry)).formatted(.iso8601)
        guard timed.expiry > unixSeconds else {
            let text = AuthenticationRefusal.expired(bySeconds: unixSeconds - timed.expiry).text(context)
            return .init(topic, "\(text.cause), at \(end)", cure: text.cure)
        }
        let left = HumanText.duration(Int(clamping: timed.expiry - unixSeconds))
        let secrets = context.currentSecrets
        guard !secrets.isEmpty else {
            return .init(topic, "there is no secret to make it with", cure: "Add one with `stund secret add`.")
        }
        return .init(
            topic,
            "good until \(end), \(left) from now, if made with the secret \(RefusalContext.list(secrets))"
        )
    }

    private func quotas(of name: String, in realm: String, _ quotas: Quotas) -> [Explanation.Finding] {
        // A user of the book is counted by the prepared name, a timed one by what its client sent.
        let keys = [Self.prepared(name), name].map { AccountKey(UserHash(username: $0, realm: realm).user) }
        guard let used = keys.lazy.compactMap({ key in usage.first { $0.key == key } }).first else { return [] }
        let allocations = Self.limit("\(quotas.userAllocations)", quotas.userAllocations == .max, "user-allocations")
        let isFull = used.allocations >= quotas.userAllocations
        let bytes = Self.limit(
            HumanText.bytes(quotas.userBytesPerMonth),
            quotas.userBytesPerMonth == .max,
            "user-monthly-bytes"
        )
        let isUsedUp = used.bytes >= quotas.userBytesPerMonth
        return [
            .init(
                "allocations",
                "\(used.allocations) of \(allocations) in the realm \"\(realm)\"",
                cure: isFull ? Refusal.userAllocations(quotas.userAllocations).text(RefusalContext()).cure : nil
            ),
            .init(
                "bytes this month",
                "\(HumanText.bytes(used.bytes)) of \(bytes) in the realm \"\(realm)\"",
                cure: isUsedUp ? Refusal.monthlyBytes(quotas.userBytesPerMonth).text(RefusalContext()).cure : nil
            ),
        ]
    }

    private static func limit(_ text: String, _ isNone: Bool, _ key: String) -> String {
        (isNone ? "unlimited" : text) + " (\(key))"
    }
}

// MARK: An address

extension ExplanationFacts {
    fileprivate func findings(of subject: AddressSubject) -> [Explanation.Finding] {
        var findings = [client(subject)]
        let rows = sources.filter { subject.contains($0.source) }
        if let last = rows.map(\.lastAccess).max() {
            let silence = HumanText.duration(Int(clamping: now.nanoseconds(since: last) / 1_000_000_000))
            let hits = rows.reduce(0) { $0 &+ $1.hits }
            let errors = rows.reduce(0) { $0 &+ $1.error }
            findings.append(
                .init(
                    "heard of",
                    "\(silence) ago; \(hits) messages, \(errors) of them refused or dropped (`stund statistics`)"
                )
            )
        }
        return findings + (policy.turn.map { peer(subject, $0) } ?? [])
    }

    private func client(_ subject: AddressSubject) -> Explanation.Finding {
        guard let prefix = policy.rateLimitExempt.first(where: { $0.contains(subject.address) }) else {
            return .init("as a client", "the rate limits hold for it (binding-rate-limit, challenge-rate-limit)")
        }
        return .init("as a client", "no rate limit holds for it: it is in \(prefix) of rate-limit-exempt")
    }

    /// What the rules say of a peer, and which of the sessions have a permission for it.
    func peer(_ subject: AddressSubject, _ turn: TURNPolicy) -> [Explanation.Finding] {
        let topic = "as a peer"
        let decision =
            subject.port.map { turn.peers.check(SocketAddress(subject.address, port: $0)) }
            ?? turn.peers.check(subject.address)
        var findings: [Explanation.Finding]
        switch decision {
        case .allowed:
            let prefix = allowPeers.first { $0.contains(subject.address) }
            findings = [.init(topic, prefix.map { "allowed: it is in \($0) of allow-peers" } ?? "allowed")]
        case .ownRelayAddress(elsewhere: let rule):
            let elsewhere = rule.map { "; elsewhere not: \($0.text(of: "it").cause)" } ?? ""
            findings = [.init(topic, "our own relay address: allowed at ports of allocations\(elsewhere)")]
        case .denied(let rule):
            let text = rule.text(of: "it")
            findings = [.init(topic, "denied: \(text.cause)", cure: text.cure)]
        }
        let permitted = sessions.filter { $0.session.permissions.contains { $0.address == subject.address } }
        if !permitted.isEmpty {
            let ids = permitted.prefix(10).map { $0.session.session.id(worker: $0.worker) }
            let more = permitted.count > ids.count ? " and \(permitted.count - ids.count) more" : ""
            findings.append(.init(topic, "permitted by the session \(ids.joined(separator: ", "))\(more)"))
        }
        return findings
    }
}
