import Foundation
import Testing

@testable import Console

@Suite("The console's ports")
struct ConsoleServerTests {
    @Test("a console that is stopped while it moves to another port ends, and opens none and tells of none after it")
    func stoppedWhileMoving() async throws {
        for round in 0..<30 {
            let fixture = try await ConsoleFixture()
            let port = UInt16.random(in: 20000...29999)
            try "http-port: \(port)\n".write(
                to: fixture.folder.appending(path: "stund.yaml"),
                atomically: true,
                encoding: .utf8
            )
            try await fixture.server.reload()
            // Another moment of the move each time.
            for _ in 0..<round * 20 { await Task.yield() }
            let isStopped = await ends(within: .seconds(20)) { await fixture.stop() }
            try #require(isStopped, "round \(round)")
            #expect(!fixture.server.told.contains { $0.hasPrefix("1027 ") }, "round \(round): \(fixture.server.told)")
        }
    }

    /// Whether work that cannot be cancelled ends in time.
    private func ends(within limit: Duration, _ work: @escaping @Sendable () async -> Void) async -> Bool {
        let (ends, end) = AsyncStream.makeStream(of: Bool.self)
        Task {
            await work()
            end.yield(true)
        }
        let timer = Task {
            try await Task.sleep(for: limit)
            end.yield(false)
        }
        defer { timer.cancel() }
        return await ends.first { _ in true } ?? false
    }
}
