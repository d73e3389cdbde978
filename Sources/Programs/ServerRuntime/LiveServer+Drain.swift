public import Administration
import Foundation
import Observability
import PacketEngine
import ServerCore
import ServerSettings
import Synchronization

/// A drain that was ordered, and how far it has come.
struct DrainState: Sendable {
    /// What was ordered; nil while the server takes new allocations.
    var order: DrainOrder?
    /// Who ordered it.
    var person = ""
    /// When it began, in Unix seconds.
    var since: Int64 = 0
    /// When it is over, by the clock of `SystemClock.monotonic`; nil means when no allocation is left.
    var deadline: UInt64?
    /// The same in Unix seconds, for people.
    var until: Int64?
    /// Whether it is over.
    var hasEnded = false
    /// Whether the process was told to end, which nobody can take back.
    var isFinal = false
    /// Counts the orders, so that who watches over one sees that another has come.
    var number = 0
}

extension LiveServer {
    /// How often it is looked whether an allocation is left.
    ///
    /// Not at once after an order, so that whoever gave it still hears of it.
    private static let pause = Duration.milliseconds(200)
    /// How long workers may take until they refuse new allocations.
    private static let patience = Duration.seconds(1)

    /// The drain is over and the process shall end.
    public var drainsEnded: AsyncStream<Void> { drainEnds.stream }

    /// Whether new allocations are refused.
    var isDraining: Bool { drainState.withLock { $0.order != nil } }

    /// How many allocations there are.
    var allocationsLeft: Int { relay?.ledger.total.allocations ?? 0 }

    /// How the drain stands.
    public var drainReport: DrainReport { report(drainState.withLock { $0 }) }

    /// Takes no new allocations from now on; a second order replaces the first.
    public func drain(_ order: DrainOrder, by person: String) async throws -> DrainReport {
        guard !isStopping else { throw AdministrationError("the server is stopping already") }
        return try await begin(order, by: person, isFinal: false)
    }

    /// Takes new allocations again.
    public func undrain(by person: String) async throws -> DrainReport {
        if person != Self.storePerson, let end = fleetStore?.endOfDrain {
            // In two seconds it would drain again.
            throw AdministrationError("the fleet's store asks this server to drain: \(end) takes that back")
        }
        let state = try drainState.withLock { state in
            guard !state.isFinal else { throw Self.isFinal(state) }
            let wasDraining = state.order != nil
            state = DrainState(number: state.number + 1)
            pool.drain(false)
            cluster.drain(false)
            return wasDraining ? state : nil
        }
        if state != nil { tell(.drainEnded, "Drain ended: \(person) took it back; new allocations are taken again") }
        _ = await pool.answering(within: Self.patience)
        return drainReport
    }

    /// What SIGTERM asks for: goes on for the allocations that there are, for `drain-time` at most.
    ///
    /// Returns whether there is anything to wait for; `drainsEnded` tells the end.
    public func drainToEnd() async -> Bool {
        let seconds = settings.settings.drainTime
        guard seconds > 0, allocationsLeft > 0 else { return false }
        return (try? await begin(DrainOrder(seconds: seconds), by: "SIGTERM", isFinal: true)) != nil
    }

    private func begin(_ order: DrainOrder, by person: String, isFinal: Bool) async throws -> DrainReport {
        let now = SystemClock.monotonic()
        let unix = RelayService.unixSeconds
        let state = try drainState.withLock { old in
            guard !old.isFinal else { throw Self.isFinal(old) }
            var new = DrainState(order: order, person: person, since: old.order == nil ? unix : old.since)
            new.number = old.number + 1
            if let seconds = order.seconds {
                let seconds = max(0, min(seconds, DrainOrder.longest))
                new.deadline = now + UInt64(seconds) * 1_000_000_000
                new.until = unix + Int64(seconds)
            }
            new.isFinal = isFinal
            // An end that was set before SIGTERM holds if it comes first.
            if isFinal, let earlier = old.deadline, earlier < new.deadline ?? .max {
                (new.deadline, new.until) = (earlier, old.until)
            }
            old = new
            pool.drain(true)
            cluster.drain(true)
            return new
        }
        let report = report(state)
        let end = report.until.map { ", until \($0)" } ?? ""
        let left = HumanText.count(report.allocations, "allocation")
        tell(.drainBegan, "Drain began: \(person) asked for it; \(left) left\(end)")
        _ = await pool.answering(within: Self.patience)
        Task { [weak self] in
            while (try? await Task.sleep(for: Self.pause)) != nil, await self?.isGoingOn(state) == true {}
        }
        return report
    }

    private static func isFinal(_ state: DrainState) -> AdministrationError {
        let end = state.until.map { "at \(text($0)) at the latest" } ?? "soon"
        return AdministrationError("the server got SIGTERM and ends \(end): start it again afterwards")
    }

    /// Looks whether a drain is over, and ends it then.
    private func isGoingOn(_ watched: DrainState) async -> Bool {
        let left = allocationsLeft
        let isOver = watched.deadline.map { SystemClock.monotonic() >= $0 } ?? false
        guard left > 0, !isOver else {
            let isOurs = drainState.withLock { state in
                guard state.number == watched.number else { return false }
                state.hasEnded = true
                return true
            }
            if isOurs { await end(watched, left: left) }
            return false
        }
        return drainState.withLock { $0.number == watched.number }
    }

    private func end(_ state: DrainState, left: Int) async {
        let what =
            left == 0
            ? "no allocation is left"
            : "its time is over, and \(HumanText.count(left, "allocation")) \(left == 1 ? "ends" : "end") now"
        guard state.order?.stays == true else {
            tell(.drainEnded, "Drain ended: \(what); the server ends")
            drainEnds.continuation.yield()
            return
        }
        tell(.drainEnded, "Drain ended: \(what); the server stays and takes no new allocations")
        if left > 0 { _ = await pool.disconnect { _, _ in true } }
    }

    private func report(_ state: DrainState) -> DrainReport {
        let left = allocationsLeft
        guard let order = state.order else { return DrainReport(state: .serving, allocations: left) }
        return DrainReport(
            state: state.hasEnded && left == 0 ? .drained : .draining,
            since: Self.text(state.since),
            until: state.until.map(Self.text),
            allocations: left,
            stays: order.stays
        )
    }

    private static func text(_ unixSeconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(unixSeconds)).formatted(.iso8601)
    }
}
