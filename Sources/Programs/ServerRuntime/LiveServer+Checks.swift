import AccountStore
import Addresses
public import Administration
import Dispatch
import PacketEngine
import ServerCore
import ServerSettings
import Synchronization

extension LiveServer {
    /// How long the workers may take to answer.
    private static let patience = Duration.seconds(1)
    /// 1 January 2026: before it this program was not there, so a clock that shows less is wrong.
    private static let earliest: Int64 = 1_767_225_600

    /// Whether the server is ready for clients.
    public func readiness() async -> ReadinessReport {
        var checks = [
            stateCheck,
            await socketCheck(),
        ]
        if let relay { checks += [Self.storeCheck(relay), Self.portCheck(relay)] }
        if let check = certificates.report.check(now: RelayService.unixSeconds) { checks.append(check) }
        return ReadinessReport(checks)
    }

    /// Sends requests to itself and looks at what comes back.
    ///
    /// A few datagrams and at most a second. Its requests count in the statistics, with an address of this host as source.
    public func selfTest() async -> [Check] {
        let answers = await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: SelfTest(self.readSockets, self.plan).run()) }
        }
        var checks = answers + [Self.clockCheck(RelayService.unixSeconds)]
        if let relay { checks += [Self.storeCheck(relay)] + Self.relayChecks(relay) }
        if let check = certificates.report.check(now: RelayService.unixSeconds) { checks.append(check) }
        return checks
    }

    private var stateCheck: Check {
        if isStopping {
            return Check("state", isGood: false, "The server is stopping: send clients to another one.")
        }
        let drain = drainReport
        guard drain.state == .serving else {
            return Check("state", isGood: false, "\(drain.sentence) Send clients to another one.")
        }
        return Check("state", isGood: true, "The server is running.")
    }

    /// Whether every worker answers within a second.
    public func workersAnswer() async -> Bool { await pool.answering(within: Self.patience) == pool.count }

    private func socketCheck() async -> Check {
        let answering = await pool.answering(within: Self.patience)
        guard answering == pool.count else {
            return Check(
                "sockets",
                isGood: false,
                "\(answering) of \(pool.count) workers answered within a second: the host is overloaded, or a worker has "
                    + "ended (message 1023 in the log says why); restart the server if it stays so."
            )
        }
        let ports = listening.joined(separator: ", ")
        return Check(
            "sockets",
            isGood: true,
            "\(HumanText.count(pool.count, "worker")) \(pool.count == 1 ? "serves" : "serve") \(ports)."
        )
    }

    private static func storeCheck(_ relay: RelayService) -> Check {
        do throws(AccountStoreError) {
            try relay.checkStore()
            return Check("store", isGood: true, "Users and secrets can be read.")
        } catch {
            return Check("store", isGood: false, "Users and secrets cannot be read: \(error)")
        }
    }

    private static func portCheck(_ relay: RelayService) -> Check {
        let usage = relay.table.usage()
        let ports = usage.map { "\($0.free) of \($0.total) relay ports of \($0.address.external) are free" }
        let text = ports.joined(separator: "; ")
        guard usage.allSatisfy({ $0.free > 0 }) else {
            return Check("relay-ports", isGood: false, "\(text): widen relay-ports, or lower user-allocations.")
        }
        return Check("relay-ports", isGood: true, "\(text).")
    }

    static func clockCheck(_ unixSeconds: Int64) -> Check {
        guard unixSeconds >= earliest else {
            return Check(
                "clock",
                isGood: false,
                "The clock of this host shows a time before 2026, so that timed credentials seem to be good for too long: set "
                    + "it right (`timedatectl set-ntp true`)."
            )
        }
        return Check("clock", isGood: true, "The clock shows a time after 1 January 2026.")
    }

    /// Opens and closes a relay port of each address.
    private static func relayChecks(_ relay: RelayService) -> [Check] {
        relay.plan.addresses.map { address in
            let name = "relay \(address.external)"
            let now = Instant(nanoseconds: SystemClock.monotonic())
            do throws(RelayPortError) {
                let opened = try relay.table.open(.any(address.local.family), now: now)
                relay.table.close(opened.socket, now: now)
                return Check(name, isGood: true, "A relay port can be opened.")
            } catch {
                return Check(name, isGood: false, "No relay port can be opened: \(error.advice)")
            }
        }
    }
}

extension RelayPortError {
    /// What to do.
    fileprivate var advice: String {
        switch self {
        case .noneFree: "all are in use; widen relay-ports."
        case .openFiles(let limit):
            "the limit of \(limit) open files has no room for it; raise LimitNOFILE or `ulimit -n`."
        case .system(let code):
            "the system refused (error \(code)); look at the address in `ip address`, and at `ulimit -n`."
        case .familyMissing, .unknownToken: "restart the server to read the relay addresses again."
        }
    }
}
