import PacketEngine
import ServerSettings

/// What the server has given up after its start.
struct SandboxState: Sendable {
    /// In words, for status, pages and log.
    var sentence = "not yet"
    /// The files that it is held to; nil when it may open any.
    var plan: SandboxPlan?
    /// What it may reach all the same, and what to do about it.
    var warnings: [String] = []
}

/// Why a part of the sandbox is not in force.
struct SandboxObstacle: Equatable, Sendable {
    let sentence: String
    /// Whether another start may do without it.
    var mayPass = false
    /// Whether some threads are held and others are not, so that nobody can tell what the server may do.
    var isHalf = false
}

extension SandboxState {
    /// What is in force.
    ///
    /// - `files`, `calls`: what keeps Landlock and seccomp from it.
    /// - Throws: When the server must not go on like that.
    init(
        _ choice: SandboxChoice,
        _ plan: SandboxPlan,
        files: SandboxObstacle?,
        calls: SandboxObstacle?
    ) throws(StartError) {
        let obstacles = [files, calls].compactMap(\.self)
        let words = obstacles.map(\.sentence)
        if obstacles.contains(where: \.isHalf) || choice == .on && !obstacles.isEmpty {
            let reason = words.joined(separator: "; ")
            throw obstacles.contains { !$0.mayPass } ? .sandbox(reason) : .sandboxNotEntered(reason)
        }
        var parts: [String] = []
        if files == nil { parts.append("files by Landlock \(ProcessSandbox.landlockVersion ?? 0)") }
        if calls == nil { parts.append("system calls by seccomp") }
        sentence = (parts.isEmpty ? ["none"] : parts).joined(separator: ", ") + words.map { "; \($0)" }.joined()
        guard files == nil else { return }
        self.plan = plan
        warnings = plan.warnings
    }
}
