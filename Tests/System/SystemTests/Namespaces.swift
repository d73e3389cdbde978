import Foundation
import Testing

/// What lies between a client's network namespace and the server's: a kind of Scripts/nat-namespaces.
enum NATKind: String, CaseIterable, Sendable {
    case none, fullcone, fullcone2, addr, port, sym, symfw, blocked
}

/// Network namespaces with a server in one and clients in others, and the addresses that the script gives them.
struct Namespaces: Sendable {
    static let serverAddress = "198.18.7.10"
    static let serverSecondAddress = "198.18.7.11"
    static let clientAddress = "10.77.0.2"

    private let prefix: String

    var server: String { prefix + "-server" }
    var client: String { prefix + "-client" }
    /// There only with `isPair`; its NAT is one of its own.
    var secondClient: String { prefix + "-client2" }

    /// Builds the namespaces, runs `body` and removes them.
    ///
    /// - Parameter purpose: letters and digits that tell these from others of the same kind in the same run.
    nonisolated(nonsending) static func with(
        _ kind: NATKind,
        isPair: Bool = false,
        purpose: String = "",
        _ body: (Namespaces) async throws -> Void
    ) async throws {
        // The process id makes the names this run's own; Scripts/nat-namespaces sweep removes those of dead runs.
        let prefix = "stundtest\(ProcessInfo.processInfo.processIdentifier)n\(kind.rawValue)\(purpose)"
        let action = isPair ? "up-pair" : "up"
        let up = try await Program.run([Partners.namespaces, kind.rawValue, action, prefix])
        try #require(up.exitCode == 0, "\(up.output)")
        do {
            try await body(Namespaces(prefix: prefix))
        } catch {
            try await Program.run([Partners.namespaces, kind.rawValue, "down", prefix])
            throw error
        }
        let down = try await Program.run([Partners.namespaces, kind.rawValue, "down", prefix])
        #expect(down.exitCode == 0, "\(down.output)")
    }
}

/// Lets a number of tasks at a time go on; the others wait in order.
actor Places {
    /// The one place of tests that move many bytes, which would slow each other and the tests with clients that wait.
    static let heavy = Places(1)

    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) { free = count }

    nonisolated(nonsending) func withPlace<Result>(
        _ body: () async throws -> Result
    ) async throws -> Result {
        await take()
        do {
            let result = try await body()
            await giveBack()
            return result
        } catch {
            await giveBack()
            throw error
        }
    }

    private func take() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    private func giveBack() {
        if waiting.isEmpty {
            free += 1
        } else {
            waiting.removeFirst().resume()
        }
    }
}
