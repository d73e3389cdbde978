import Administration
import Foundation
import Observability
import PacketEngine
import ServerSettings
import Synchronization

extension LiveServer {
    /// Gives up what the server needs no more, for good; when everything that the start opens is open.
    ///
    /// - Throws: When the settings insist on it and the kernel does not do it, and when it has been done by half.
    public func enterSandbox() throws(StartError) {
        guard started.sandbox != .off else {
            return sandbox.withLock { $0.sentence = "off, by the settings" }
        }
        let file = loaded.withLock { $0.file }
        let plan = SandboxPlan(started, settingsFile: file, paths: paths)
        let files = Self.obstacle("Landlock", isKnown: ProcessSandbox.landlockVersion != nil) {
            () throws(SandboxError) in
            try ProcessSandbox.holdFiles(reading: plan.reading, writing: plan.writing + plan.devices)
        }
        // By half it is no sandbox, and a start that is refused needs no other part of it.
        var calls: SandboxObstacle?
        if files?.isHalf != true {
            calls = Self.obstacle("seccomp", isKnown: ProcessSandbox.hasSeccomp) { () throws(SandboxError) in
                try ProcessSandbox.refuseCalls()
            }
        }
        let state = try SandboxState(started.sandbox, plan, files: files, calls: calls)
        sandbox.withLock { $0 = state }
        if state.plan != nil { certificates.hold(to: plan) }
        let places = state.plan.map { "; it writes only in \($0.writing.joined(separator: ", "))" } ?? ""
        tell(.sandboxEntered, "Sandbox: \(state.sentence)\(places)" + state.warnings.map { "; \($0)" }.joined())
    }

    /// What the server may write that is not its own, and what to do about it.
    public var sandboxWarnings: [String] { sandbox.withLock { $0.warnings } }

    /// Why it is not in force; nil when it is.
    private static func obstacle(
        _ name: String,
        isKnown: Bool,
        _ work: () throws(SandboxError) -> Void
    ) -> SandboxObstacle? {
        guard isKnown else {
            return SandboxObstacle(sentence: "this kernel has no \(name), or keeps it from this process")
        }
        do throws(SandboxError) {
            try work()
            return nil
        } catch {
            return SandboxObstacle(
                sentence: "\(name) is not in force: \(error)",
                mayPass: error.mayPass,
                isHalf: error.isHalf
            )
        }
    }

    /// Throws when settings need files that the server has given up.
    func checkSandbox(_ settings: Settings) throws {
        let running = loaded.withLock { $0.settings }
        guard let plan = sandbox.withLock({ $0.plan }),
            let refusal = plan.refusal(of: settings, insteadOf: running)
        else { return }
        throw ReloadError.outsideSandbox(refusal)
    }
}

extension HostExamination {
    /// Whether the kernel can hold a server to what it needs, and whether that is its own.
    ///
    /// - `plan`: what a server with these settings would be held to.
    func sandbox(_ choice: SandboxChoice, _ plan: SandboxPlan?) -> [Finding] {
        let warnings = choice == .off || ProcessSandbox.landlockVersion == nil ? [] : plan?.warnings ?? []
        return [sandbox(choice)] + warnings.map { Finding("sandbox", .warning, sentence: $0) }
    }

    private func sandbox(_ choice: SandboxChoice) -> Finding {
        let lacking = [
            ProcessSandbox.landlockVersion == nil ? "Landlock" : nil, ProcessSandbox.hasSeccomp ? nil : "seccomp",
        ].compactMap(\.self)
        let has = "The kernel has Landlock and seccomp"
        guard choice != .off else {
            return Finding("sandbox", .good, lacking.isEmpty ? "\(has), and sandbox is off." : "It is off.")
        }
        guard !lacking.isEmpty else {
            return Finding(
                "sandbox",
                .good,
                "\(has): after its start a server is held to the files and system calls it needs."
            )
        }
        let names = lacking.joined(separator: " and ")
        return Finding(
            "sandbox",
            choice == .on ? .bad : .warning,
            "The kernel has no \(names), or keeps it from this process: a server "
                + (choice == .on ? "does not start with sandbox: on." : "works without that wall."),
            remedy: choice == .on
                ? "Set sandbox to auto."
                : "Linux 5.13 and newer have both, unless lsm= at the boot leaves Landlock out."
        )
    }
}
