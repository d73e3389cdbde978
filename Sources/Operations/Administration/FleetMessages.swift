import ServerSettings

/// What a server asks another one of its fleet: some of what the control socket takes, changes of settings, and to drain.
///
/// Never passwords, operators, or what belongs to one host.
enum FleetRequest: Hashable, Sendable {
    /// Something to be told.
    case ask(ControlRequest)
    /// Settings to be changed, in the name of somebody.
    case change(SettingsChange, by: String)
    /// To take no new allocations, or with nil to take them again, in the name of somebody.
    case drain(DrainOrder?, by: String)

    /// Whether a server tells this to others.
    static func isAllowed(_ request: ControlRequest) -> Bool {
        switch request {
        case .status, .overview, .readiness, .metrics, .statistics, .sessions: true
        default: false
        }
    }
}

extension FleetRequest: Codable {
    private enum CodingKeys: String, CodingKey {
        case ask
        case change
        case drain
        case undrain
        case by
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        if let request = try fields.decodeIfPresent(ControlRequest.self, forKey: .ask) {
            self = .ask(request)
            return
        }
        let by = try fields.decode(String.self, forKey: .by)
        if let order = try fields.decodeIfPresent(DrainOrder.self, forKey: .drain) {
            self = .drain(order, by: by)
        } else if try fields.decodeIfPresent(Bool.self, forKey: .undrain) == true {
            self = .drain(nil, by: by)
        } else {
            self = .change(try fields.decode(SettingsChange.self, forKey: .change), by: by)
        }
    }

    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .ask(let request): try fields.encode(request, forKey: .ask)
        case .change(let change, let by):
            try fields.encode(change, forKey: .change)
            try fields.encode(by, forKey: .by)
        case .drain(let order?, let by):
            try fields.encode(order, forKey: .drain)
            try fields.encode(by, forKey: .by)
        case .drain(nil, let by):
            try fields.encode(true, forKey: .undrain)
            try fields.encode(by, forKey: .by)
        }
    }
}

extension RunningServer {
    /// Does what was asked; an error becomes a refusal in words.
    ///
    /// - `person`: whom the log names who asked.
    func answer(to request: ControlRequest, for person: String) async -> ControlAnswer {
        do {
            switch request {
            case .status: return .status(try await status())
            case .overview: return .overview(try await overview())
            case .readiness: return .readiness(await readiness())
            case .selfTest: return .readiness(ReadinessReport(await selfTest()))
            case .metrics: return .metrics(try await metrics())
            case .fleet: return .fleet(try await fleet())
            case .log(let query): return .log(try await log(query))
            case .statistics(let query): return .statistics(try await statistics(query))
            case .clearLog: try await clearLog()
            case .clearStatistics: try await clearStatistics()
            case .reload: try await reload()
            case .note(let note): tell(note)
            case .sessions(let query): return .sessions(try await sessions(query))
            case .disconnect(let subject): return .disconnected(try await disconnect(.any(subject)))
            case .drain(let order): return .drain(try await drain(order, by: person))
            case .undrain: return .drain(try await undrain(by: person))
            case .explain(let subject): return .explanation(try await explain(subject))
            case .explainPeer(let user, let peer): return .explanation(try await explain(user: user, peer: peer))
            }
            return .done
        } catch {
            return .refused("\(error)")
        }
    }
}
