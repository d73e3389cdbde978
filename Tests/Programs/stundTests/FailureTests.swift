import ServerRuntime
import Testing

@testable import stund

@Suite("Exit codes: what mends itself is tried again by systemd, what does not is not")
struct FailureTests {
    /// RestartPreventExitStatus of the unit.
    private static let final: [stund.ExitStatus] = [.usage, .noPermission, .configuration]

    @Test("a sandbox that the kernel has, but did not give this time, is tried again; one that it lacks is not")
    func sandbox() {
        #expect(!Self.final.contains(Failure(StartError.sandboxNotEntered("a thread was busy")).status))
        #expect(Self.final.contains(Failure(StartError.sandbox("this kernel has no Landlock")).status))
    }
}
