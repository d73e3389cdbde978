import Foundation
import ServerSettings
import Testing

@testable import ServerRuntime

@Suite("What becomes of a start by what the kernel does of the sandbox")
struct SandboxStateTests {
    private static let missing = SandboxObstacle(sentence: "this kernel has none")
    private static let busy = SandboxObstacle(sentence: "a thread was busy", mayPass: true)
    private static let half = SandboxObstacle(sentence: "some threads", mayPass: true, isHalf: true)

    private static func state(
        _ choice: SandboxChoice,
        _ files: SandboxObstacle?,
        _ calls: SandboxObstacle? = nil
    ) throws -> SandboxState {
        let file = "/etc/stund.yaml"
        let paths = try StatePaths(settingsFile: file, environment: [:])
        return try SandboxState(
            choice,
            SandboxPlan(Settings(), settingsFile: file, paths: paths),
            files: files,
            calls: calls
        )
    }

    @Test("auto goes on without what is missing, and says so; files that are not held are not spoken of")
    func missing() throws {
        let state = try Self.state(.auto, Self.missing)
        #expect(state.sentence == "system calls by seccomp; this kernel has none")
        #expect(state.plan == nil && state.warnings.isEmpty)
        #expect(try Self.state(.auto, Self.busy, Self.missing).sentence.hasPrefix("none; a thread was busy; "))
        let whole = try Self.state(.on, nil)
        #expect(whole.sentence.hasSuffix("system calls by seccomp") && whole.plan != nil)
        #expect(whole.warnings == whole.plan?.warnings)
    }

    @Test("what holds some threads and not others ends any start")
    func half() throws {
        for choice in [SandboxChoice.auto, .on] {
            let error = #expect(throws: StartError.self) { try Self.state(choice, Self.half) }
            #expect(error?.description.hasPrefix("sandbox: some threads; start the server again") == true)
        }
    }

    @Test("on starts with nothing less, and tells whether to start again or to change the settings")
    func on() throws {
        for (files, calls, words) in [
            (Self.missing, nil, "set sandbox to auto or off"), (Self.busy, nil, "start the server again"),
            (nil, Self.missing, "set sandbox to auto or off"), (Self.busy, Self.missing, "set sandbox to auto or off"),
        ] as [(SandboxObstacle?, SandboxObstacle?, String)] {
            let error = #expect(throws: StartError.self) { try Self.state(.on, files, calls) }
            #expect(error?.description.contains(words) == true, "\(String(describing: error))")
        }
    }
}
