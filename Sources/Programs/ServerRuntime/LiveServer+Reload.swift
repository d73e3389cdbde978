import AccountStore
import Administration
import Foundation
import Observability
import PacketEngine
import ServerCore
import ServerSettings
import Synchronization

extension LiveServer {
    /// Rereads the settings because a signal asks: nobody waits for an answer, so a refusal is told by log and status until the file
    /// is right.
    public func reloadOnSignal() async {
        do {
            try await reload()
        } catch {
            let time = Date(timeIntervalSince1970: Double(RelayService.unixSeconds)).formatted(.iso8601)
            let fault = (error as? SettingsError)?.problems.first.map { "\($0)" } ?? "\(error)"
            let sentence =
                "the settings were refused at \(time), so those from before are used; the next start would fail: \(fault)"
            refusedReload.withLock { $0 = sentence }
        }
    }

    /// Rereads the settings; what is refused leaves the running ones in force.
    public func reload() async throws {
        // SIGHUP and the control socket may ask at once; what the workers, the log and `status` have must be one file.
        try reloading.withLock { _ in try reloadNow() }
    }

    private func reloadNow() throws {
        let now = SystemClock.realtime()
        do {
            let new = try Settings.load(from: sources)
            if !new.fileExists, loaded.withLock({ $0.fileExists }) { throw ReloadError.fileIsGone(new.file) }
            try checkSandbox(new.settings)
            var policy = try Policy(new.settings, plan: plan, workers: pool.count)
            let license = Self.license(new.settings)
            policy.limitStatistics(new.settings, by: license)
            let certificate = try certificates.prepare(new.settings)
            let credentials = try relay?.read(new.settings)
            if let relay, let credentials {
                policy.turn = relay.policy(new.settings, credentials, listening: plan)
            }
            let destinations = LogDestination.all(for: new.settings, isDetached: isDetached)
            try log.write(to: destinations, format: new.settings.lineFormat)
            // Nothing can be refused from here on.
            pool.adopt(policy)
            self.policy.withLock { $0 = policy }
            if let credentials { relay?.adopt(credentials) }
            adopt(new, now: now)
            self.license.withLock { $0 = license }
            tellLicense(license)
            certificates.adopt(certificate, now: RelayService.unixSeconds)
        } catch {
            // One entry a fault: a log line is one line.
            let faults = (error as? SettingsError)?.problems.map { "\($0)" } ?? ["\(error)"]
            for fault in faults {
                log.log(.settingsRefused, "Settings refused, the running ones stay: \(fault)", at: now)
            }
            throw error
        }
    }

    private func adopt(_ new: LoadedSettings, now: Int64) {
        loaded.withLock { $0 = new }
        cluster.adopt(new.settings)
        connections.adopt(new.settings)
        fleetStore?.refresh(realms: new.settings.realmNames)
        log.levelSwitch.level = LogLevel(new.settings.logLevel)
        log.history.capacity = new.settings.logRows
        log.log(.settingsReloaded, "Settings reloaded: \(new.file): \(new.content)", at: now)
        warn(of: new, now: now)
        tellAccounts(now: now)
        for name in pendingRestart(new.settings) {
            log.log(.restartNeeded, "Setting \(name) takes effect at the next start", at: now)
        }
        if let notice = new.settings.securePortNotice(since: started) { log.log(.restartNeeded, notice, at: now) }
        refusedReload.withLock { $0 = nil }
        feed.publish(new)
    }

    /// The settings that differ from those the server started with and cannot change while it runs.
    func pendingRestart(_ settings: Settings) -> [String] {
        Settings.keys.filter { $0.needsRestart && $0.text(in: settings) != $0.text(in: started) }.map(\.name)
    }
}

extension LoadedSettings {
    /// How much the settings file says.
    var content: String {
        guard fileExists else { return "no such file, all defaults" }
        return keysInFile == 1 ? "1 key" : "\(keysInFile) keys"
    }
}

/// Why a reload was refused although every setting that was read is right.
enum ReloadError: Error, CustomStringConvertible {
    /// The file was there before: taking its absence for "all defaults" would silently undo everything it said.
    case fileIsGone(String)
    /// It needs files that the server has given up after its start.
    case outsideSandbox(String)

    var description: String {
        switch self {
        case .outsideSandbox(let reason): reason
        case .fileIsGone(let file): "\(file) is gone; put it back, or an empty file for all defaults"
        }
    }
}
