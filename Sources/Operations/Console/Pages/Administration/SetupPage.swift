import Administration
import HTTPTypes
import ServerSettings

/// The manual's "General Setup": all settings in one form, shown before they are saved, with a history.
struct SetupPage: ConsolePage {
    let name = "admin"
    let administrator: Administrator
    private let pending = PendingSecrets()

    init(administrator: Administrator) { self.administrator = administrator }

    func show(_ request: PageRequest) async throws -> PageBody {
        try await form(SetupEntries(), await administrator.settings(), request)
    }

    func act(_ form: Fields, _ request: PageRequest) async throws -> PageAction {
        let report = await administrator.settings()
        let isWhole = form["do"] == "preview"
        let person = request.visitor.person
        if form["do"] == "undo" {
            do {
                let change = try await administrator.changeUndoing(Int64(form["id"]) ?? 0)
                return .show(try await preview(SetupEntries(change), report, request))
            } catch {
                return .show(try await refused(SetupEntries(), error, report, request))
            }
        }
        let kept = pending.find(form["pending"], for: person.name)
        var entries = SetupEntries(form, report, kept: kept ?? [:], isWhole: isWhole)
        pending.forget(form["pending"])
        if kept == nil { entries.faults[""] = [request.texts("setup_secrets_gone")] }
        if let password = entries.password {
            do {
                entries.set(passwordHash: try await administrator.hash(password: password))
            } catch {
                entries.faults[SetupEntries.passwordKey] = ["\(error)"]
            }
        }
        if !entries.faults.isEmpty, isWhole {
            // All that is wrong is told at once.
            do { _ = try await administrator.preview(SettingsChange(entries.values)) } catch { entries.take(error) }
        }
        guard entries.faults.isEmpty, form["do"] != "back" else {
            return .show(try await self.form(entries, report, request))
        }
        return isWhole
            ? .show(try await preview(entries, report, request))
            : try await save(entries, report, alsoOnOthers: form["fleet"] == "on", request)
    }

    private func preview(
        _ entries: SetupEntries,
        _ report: SettingsReport,
        _ request: PageRequest
    ) async throws -> PageBody {
        do {
            let preview = try await administrator.preview(SettingsChange(entries.values))
            guard !preview.rows.isEmpty else {
                return try await form(entries, report, request, notice: request.texts("setup_nothing_changes"))
            }
            let id = pending.keep(entries.secrets, for: request.visitor.person.name)
            let places = administrator.server.fleetPlaces
            let servers = places.key == nil ? [] : places.others.map(\.name)
            return PageBody(
                template: "setup_preview",
                model: SetupPreviewModel(preview, entries, report, pending: id, servers: servers, request)
            )
        } catch {
            return try await refused(entries, error, report, request)
        }
    }

    private func save(
        _ entries: SetupEntries,
        _ report: SettingsReport,
        alsoOnOthers: Bool,
        _ request: PageRequest
    ) async throws -> PageAction {
        let server = administrator.server
        let before = administrator.server.settings.settings
        do {
            _ = try await administrator.apply(SettingsChange(entries.values), by: request.visitor.person)
        } catch {
            var entries = entries
            entries.faults["", default: []].append(request.texts("setup_not_saved"))
            return .show(try await refused(entries, error, report, request))
        }
        let after = administrator.server.settings.settings
        let moved = SetupMovedModel(from: before, to: after, request)
        if alsoOnOthers {
            let change = SettingsChange(entries.values)
            let outcomes = await Fleet(server).apply(change, by: request.visitor.person)
            if !outcomes.isEmpty {
                let model = SetupFleetModel(outcomes, moved: moved, request)
                return .show(PageBody(template: "setup_fleet", model: model))
            }
        }
        if let moved {
            return .show(PageBody(template: "setup_moved", model: moved))
        }
        return .done("settings", goTo: request.path(name))
    }

    private func refused(
        _ entries: SetupEntries,
        _ error: any Error,
        _ report: SettingsReport,
        _ request: PageRequest
    ) async throws -> PageBody {
        var entries = entries
        entries.take(error)
        return try await form(entries, report, request)
    }

    private func form(
        _ entries: SetupEntries,
        _ report: SettingsReport,
        _ request: PageRequest,
        notice: String? = nil
    ) async throws -> PageBody {
        let isAll = request.query["history"] == "all"
        let shown = isAll ? 100 : 5
        let history = (try? await administrator.settingsHistory(limit: shown + 1)) ?? []
        let hint: SetupModel.Hint? =
            administrator.asksForLogin ? nil : SetupModel.Hint(port: await port(), request.texts)
        let model = SetupModel(
            report,
            entries,
            history: Array(history.prefix(shown)),
            moreHistory: history.count > shown && !isAll ? request.path(name, [("history", "all")]) + "#history" : nil,
            hint: hint,
            notice: notice,
            pending: pending.keep(entries.secrets, for: request.visitor.person.name),
            request
        )
        return PageBody(template: "setup", model: model, status: entries.faults.isEmpty ? .ok : .unprocessableContent)
    }

    /// Where the console really is.
    private func port() async -> Int {
        let url = try? await administrator.server.status().consoleURL
        return url.flatMap(ConsoleAddress.port(of:)) ?? Int(administrator.server.settings.settings.httpPort)
    }
}
