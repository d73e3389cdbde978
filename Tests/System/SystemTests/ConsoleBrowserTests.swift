import Foundation
import TestTLS
import Testing

@Suite(
    "The console in Debian's Chromium",
    .enabled(if: Partners.canDriveBrowser, "needs chromium and playwright (`Scripts/install-packages test`)")
)
struct ConsoleBrowserTests {
    @Test(
        "Every page that a link leads to: with and without script, three widths, light and dark, English and German",
        .timeLimit(.minutes(8))
    )
    func pages() async throws {
        try await Self.running { try await $0.expect("console_browser", "pages", python: Partners.python) }
    }

    @Test(
        "Axe finds nothing serious on any page, light or dark",
        .enabled(if: Partners.hasPython("axe_playwright_python"), "needs axe-playwright-python of PyPI"),
        .timeLimit(.minutes(8))
    )
    func axe() async throws {
        try await Self.running { try await $0.expect("console_browser", "axe", python: Partners.python) }
    }

    @Test("Menus, skip link and focus with the keyboard only", .timeLimit(.minutes(8)))
    func keyboard() async throws {
        try await Self.running { try await $0.expect("console_browser", "keyboard", python: Partners.python) }
    }

    @Test(
        "A newcomer, by clicking only: log level 8, a request that arrives live, a credential, a test that passes",
        .timeLimit(.minutes(8))
    )
    func walk() async throws {
        try await Self.running(["log-level": "5"]) {
            try await $0.expect("console_walks", "walk", python: Partners.python)
        }
    }

    @Test(
        "The Test page tries TLS too, and tells when the browser does not take the certificate",
        .timeLimit(.minutes(4)),
        arguments: [true, false]
    )
    func secure(isTaken: Bool) async throws {
        let files = Relay.certificate.files
        let port = try Ports.free().first
        let settings = ["tls-certificate": files.chain, "tls-key": files.key, "tls-port": "\(port)"]
        let pin = isTaken ? ["--key-pin", Relay.keyPin] : []
        try await Self.running(settings) {
            try await $0.expect("console_walks", "secure", pin, python: Partners.python)
        }
    }

    @Test(
        "Setup: a fault at its field, the preview, saving, comments, history, undo, and what a flag fixes",
        .timeLimit(.minutes(8))
    )
    func setup() async throws {
        try await Self.running(isFixed: true) {
            try await $0.expect("console_walks", "setup", python: Partners.python)
        }
    }

    @Test(
        "A password set on the page: the login form, the brake, and a viewer who changes nothing",
        .timeLimit(.minutes(8))
    )
    func password() async throws {
        try await Self.running { try await $0.expect("console_walks", "password", python: Partners.python) }
    }

    /// A server that has something to show: sources that are polite, and some that are not.
    private nonisolated(nonsending) static func running(
        _ more: [String: String] = ["log-level": "8"],
        isFixed: Bool = false,
        _ body: (ConsoleServing) async throws -> Void
    ) async throws {
        // Chromium is heavy: one at a time, beside everything else that runs.
        try await browsers.withPlace {
            let port = try Ports.free().second
            let flags = isFixed ? ["--set", "stun-port-2=\(port)"] : []
            try await ConsoleServing.running(more, text: "# Written by hand.\n", flags: flags) { server in
                try await server.expect("console_traffic", "some")
                try await body(server)
            }
        }
    }

    private static let browsers = Places(1)
}
