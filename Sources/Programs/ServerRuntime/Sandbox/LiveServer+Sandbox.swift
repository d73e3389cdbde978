import Administration
import Foundation
import Observability
import PacketEngine
import ServerSettings
import Synchronization

/// What the server has given up after its start.
struct SandboxState: Sendable {
    /// In words, for status, pages and log.
    var sentence = "not yet"
    /// The files that it is held to; nil when it may open any.
    var plan: SandboxPlan?
}

extension LiveServer {
    /// Gives up what the server needs no more, for good; when everything that the start opens is open.
    ///
    /// - Throws: When the settings insist on it and the kernel does not do it.
    public func enterSandbox() throws(StartError) {
        guard started.sandbox != .off else {
            return sandbox.withLock { $0.sentence = "off, by the settings" }
        }
        let file = loaded.withLock { $0.file }
        let plan = SandboxPlan(started, settingsFile: file, paths: paths)
        let files = Self.enforced("Landlock") { () throws(SocketError) in
            try ProcessSandbox.holdFiles(reading: plan.reading, writing: plan.writing)
        }
        let calls = Self.enforced("seccomp") { () throws(SocketError) in try ProcessSandbox.refuseCalls() }
        let obstacles = [files, calls].compactMap(\.self)
        if started.sandbox == .on, !obstacles.isEmpty { throw .sandbox(obstacles.joined(separator: "; ")) }
        var parts: [String] = []
        if files == nil { parts.append("files by Landlock \(ProcessSandbox.landlockVersion ?? 0)") }
        if calls == nil { parts.append("system calls by seccomp") }
        let sentence = (parts.isEmpty ? ["none"] : parts).joined(separator: ", ") + obstacles.map { "; \($0)" }.joined()
        sandbox.withLock { $0 = SandboxState(sentence: sentence, plan: files == nil ? plan : nil) }
        let places = plan.writing.filter { $0 != "/dev/null" }.joined(separator: ", ")
        tell(.sandboxEntered, "Sandbox: \(sentence)" + (files == nil ? "; it writes only in \(places)" : ""))
    }

    /// Why it is not in force; nil when it is.
    private static func enforced(_ name: String, _ work: () throws(SocketError) -> Void) -> String? {
        let isKnown = name == "Landlock" ? ProcessSandbox.landlockVersion != nil : ProcessSandbox.hasSeccomp
        guard isKnown else { return "this kernel has no \(name), or keeps it from this process" }
        do throws(SocketError) {
            try work()
            return nil
        } catch {
            return "\(name) is not in force: \(error)"
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
    /// Whether the kernel can hold a server to what it needs.
    func sandbox(_ choice: SandboxChoice) -> Finding {
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
