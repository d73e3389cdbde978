import Addresses
public import NameService

/// What a zone says of one thing that it should say.
public struct ZoneFinding: Sendable, Equatable, Encodable {
    /// The verdict.
    public enum State: String, Sendable, Encodable, CaseIterable {
        /// It is as it should be.
        case right
        /// It is not there.
        case missing
        /// Something else is there.
        case differs
        /// It cannot be told from here.
        case unknown
        /// The name server did not say.
        case unanswered
    }

    /// The verdict.
    public let state: State
    /// Name and type, such as `_stun._udp.example.org SRV`.
    public let record: String
    /// What is there, and what should be there, in words.
    public let text: String
}

/// Asks the name service what a zone says, and compares it with a plan.
public struct ZoneCheck: Sendable {
    private let plan: ZonePlan
    private let names: NameService

    /// Joins the two.
    ///
    /// - `names`: one that does not read /etc/hosts, where a host's own name often is.
    public init(_ plan: ZonePlan, by names: NameService) {
        self.plan = plan
        self.names = names
    }

    /// Asks for everything at the same time, and says what was found.
    public func findings() async -> [ZoneFinding] {
        var questions: [@Sendable () async -> [ZoneFinding]] = []
        for family in IPAddress.Family.allCases { questions.append { await addressFindings(family) } }
        for service in plan.services { questions.append { await serviceFindings(service) } }
        for target in otherTargets { questions.append { await targetFindings(target) } }
        if !plan.naming.isEmpty { questions.append { await namingFindings() } }
        for name in plan.absent { questions.append { await absentFindings(name) } }
        return await withTaskGroup(of: (Int, [ZoneFinding]).self) { group in
            for (index, question) in questions.enumerated() { group.addTask { (index, await question()) } }
            var found = [[ZoneFinding]](repeating: [], count: questions.count)
            for await (index, findings) in group { found[index] = findings }
            return found.flatMap(\.self)
        }
    }

    /// The hosts of other servers that the plan leads to.
    private var otherTargets: [String] {
        var targets: [String] = []
        for record in plan.services.flatMap(\.records)
        where record.target != plan.host && !targets.contains(record.target) {
            targets.append(record.target)
        }
        return targets
    }

    private func addressFindings(_ family: IPAddress.Family) async -> [ZoneFinding] {
        let record = "\(plan.host) \(family == .v4 ? "A" : "AAAA")"
        let wanted = plan.addresses.first { $0.family == family }
        let found: AddressAnswer
        do throws(NameError) {
            found = try await names.addresses(of: plan.host.absolute, family: family)
        } catch {
            guard error.isCertain else { return [unanswered(record, error)] }
            return wanted.map { [ZoneFinding(state: .missing, record: record, text: "should be \($0)")] } ?? []
        }
        let there = found.records.map(\.address.description).sorted().joined(separator: ", ")
        if found.isAlias { return [aliasFinding(plan.host)] }
        guard let wanted else {
            let text = "is \(there), but this server does not answer there as far as its settings tell"
            return [ZoneFinding(state: .differs, record: record, text: text)]
        }
        if found.records.contains(where: { $0.address == wanted }) {
            return [ZoneFinding(state: .right, record: record, text: there)]
        }
        guard wanted.isPublic || !found.records.allSatisfy(\.address.isPublic) else {
            let text = "is \(there), this host only knows its \(wanted): set external-ip, if a NAT stands between"
            return [ZoneFinding(state: .unknown, record: record, text: text)]
        }
        return [ZoneFinding(state: .differs, record: record, text: "is \(there), should be \(wanted)")]
    }

    private func serviceFindings(_ service: ZonePlan.Service) async -> [ZoneFinding] {
        let record = "\(service.name) SRV"
        var found: [ServiceRecord]
        do throws(NameError) {
            found = try await names.services(service.name).map(\.normalized)
        } catch {
            guard error.isCertain else { return [unanswered(record, error)] }
            return service.records.map {
                ZoneFinding(state: .missing, record: record, text: "should be \($0.zoneText)")
            }
        }
        let areEqual = Set(found.map { [$0.priority, $0.weight] }).count == 1
        var result: [ZoneFinding] = []
        var missing: [ServiceRecord] = []
        for wanted in service.records {
            guard let index = found.firstIndex(where: { $0.target == wanted.target && $0.port == wanted.port }) else {
                missing.append(wanted)
                continue
            }
            let there = found.remove(at: index)
            let text = areEqual ? there.zoneText : "is \(there.zoneText), should have the others' priority and weight"
            result.append(ZoneFinding(state: areEqual ? .right : .differs, record: record, text: text))
        }
        for wanted in missing {
            guard let index = found.firstIndex(where: { $0.target == wanted.target }) else {
                result.append(ZoneFinding(state: .missing, record: record, text: "should be \(wanted.zoneText)"))
                continue
            }
            let text = "is \(found.remove(at: index).zoneText), should be \(wanted.zoneText)"
            result.append(ZoneFinding(state: .differs, record: record, text: text))
        }
        return result
            + found.map { other in
                let text = "is \(other.zoneText), which is no server of these settings"
                return ZoneFinding(state: .differs, record: record, text: text)
            }
    }

    /// Whether another server's name is one that SRV may lead to.
    private func targetFindings(_ target: String) async -> [ZoneFinding] {
        let record = "\(target) A or AAAA"
        do throws(NameError) {
            let found = try await names.addresses(of: target.absolute)
            if found.isAlias { return [aliasFinding(target)] }
            let there = found.records.map(\.address.description).sorted().joined(separator: ", ")
            return [ZoneFinding(state: .right, record: record, text: there)]
        } catch {
            guard error.isCertain else { return [unanswered(record, error)] }
            return [ZoneFinding(state: .missing, record: record, text: "should be the address of that server")]
        }
    }

    private func namingFindings() async -> [ZoneFinding] {
        let all: [NamingAuthorityRecord]
        do throws(NameError) {
            all = try await names.namingAuthority(plan.domain)
        } catch {
            guard error.isCertain else { return [unanswered("\(plan.domain) NAPTR", error)] }
            all = []
        }
        return plan.naming.map { wanted in namingFinding(wanted, among: all) }
    }

    private func namingFinding(
        _ wanted: NamingAuthorityRecord,
        among all: [NamingAuthorityRecord]
    ) -> ZoneFinding {
        let record = "\(plan.domain) NAPTR"
        let found = all.filter { $0.serves(wanted) }
        let right = found.first { $0.flags.lowercased() == "s" && $0.replacement.normalized == wanted.replacement }
        if let right { return ZoneFinding(state: .right, record: record, text: right.zoneText) }
        let there = found.map(\.zoneText).joined(separator: "; ")
        if let step = found.first(where: { $0.flags.isEmpty }) {
            let text = "is \(there), which leads on to \(step.replacement): that is not followed here"
            return ZoneFinding(state: .unknown, record: record, text: text)
        }
        let should = "should be \(wanted.zoneText)"
        return found.isEmpty
            ? ZoneFinding(state: .missing, record: record, text: should)
            : ZoneFinding(state: .differs, record: record, text: "is \(there), \(should)")
    }

    /// A service that leads to this host, which does not offer it.
    private func absentFindings(_ name: String) async -> [ZoneFinding] {
        let record = "\(name) SRV"
        do throws(NameError) {
            let found = try await names.services(name).map(\.normalized)
            return found.filter { $0.target == plan.host }.map { there in
                let text = "is \(there.zoneText), should not be there: this server does not offer that"
                return ZoneFinding(state: .differs, record: record, text: text)
            }
        } catch {
            return error.isCertain ? [] : [unanswered(record, error)]
        }
    }

    private func aliasFinding(_ host: String) -> ZoneFinding {
        let text = "is an alias, which the target of SRV must not be (RFC 2782): give it an address"
        return ZoneFinding(state: .differs, record: "\(host) CNAME", text: text)
    }

    private func unanswered(_ record: String, _ error: NameError) -> ZoneFinding {
        ZoneFinding(state: .unanswered, record: record, text: "\(error)")
    }
}

extension NamingAuthorityRecord {
    /// Whether it is of S-NAPTR's application RELAY, for the one transport of `wanted` (RFC 5928 section 3).
    fileprivate func serves(_ wanted: NamingAuthorityRecord) -> Bool {
        let parts = service.lowercased().split(separator: ":")
        let tags = wanted.service.lowercased().split(separator: ":").dropFirst()
        return parts.first == "relay" && tags.allSatisfy(parts.dropFirst().contains)
    }
}

extension ServiceRecord {
    fileprivate var normalized: ServiceRecord {
        ServiceRecord(priority: priority, weight: weight, port: port, target: target.normalized)
    }
}

extension String {
    /// A name as names are compared.
    fileprivate var normalized: String { (hasSuffix(".") ? String(dropLast()) : self).lowercased() }
    /// A name to which no search list is added.
    fileprivate var absolute: String { self + "." }
}
