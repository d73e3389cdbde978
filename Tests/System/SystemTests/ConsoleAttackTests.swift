import Foundation
import Testing

@Suite(
    "The console under attack, over bare TCP and by what STUN carries",
    .enabled(if: Partners.has("python3"))
)
struct ConsoleAttackTests {
    @Test(
        "row 41: no HTTP that is wrong is answered with 5xx, breaks anything, or gets at a file",
        .timeLimit(.minutes(3))
    )
    func requests() async throws {
        try await ConsoleServing.running { server in
            try await server.expect("console_attacks", "requests")
        }
    }

    @Test("row 41: a request that comes a byte a second, or not at all, is not waited for", .timeLimit(.minutes(3)))
    func slow() async throws {
        try await ConsoleServing.running { server in
            try await server.expect("console_attacks", "slow")
        }
    }

    @Test("row 41: 300 connections that say nothing do not keep anybody waiting", .timeLimit(.minutes(1)))
    func idle() async throws {
        try await ConsoleServing.running { server in
            try await server.expect("console_attacks", "idle")
        }
    }

    @Test("row 26: five wrong passwords, and that address waits; another one does not", .timeLimit(.minutes(1)))
    func brake() async throws {
        try await ConsoleServing.running(hasPassword: true) { server in
            let more = ["--stund", Partners.stund, "--password", ConsoleServing.password]
            try await server.expect("console_attacks", "brake", more)
        }
    }

    @Test(
        "row 26: what strangers write into STUN attributes is shown as it is, on every page, in JSON, CSV and the log",
        .timeLimit(.minutes(3))
    )
    func names() async throws {
        try await withTemporaryFolder { folder in
            try await ConsoleServing.running(["log-level": "9", "log-file": folder + "/log"]) { server in
                let more = ["--stund", Partners.stund, "--log", folder + "/log"]
                try await server.expect("console_names", "names", more)
            }
        }
    }

    @Test("row 26: no password, secret or token is on a page, in the API or in the log", .timeLimit(.minutes(2)))
    func secrets() async throws {
        try await withTemporaryFolder { folder in
            try await ConsoleServing.running(["log-level": "9", "log-file": folder + "/log"]) { server in
                let secrets = [Relay.password, Relay.secret].flatMap { ["--secret", $0] }
                let more = ["--stund", Partners.stund, "--log", folder + "/log"]
                try await server.expect("console_names", "secrets", more + secrets)
            }
        }
    }
}
