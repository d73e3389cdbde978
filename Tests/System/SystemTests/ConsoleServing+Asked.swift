import Foundation

extension ConsoleServing {
    /// Whether the tests of the console from outside are to run: some of them show faults that are not mended yet.
    static var isAsked: Bool { ProcessInfo.processInfo.environment["STUND_CONSOLE_TESTS"] != nil }

    /// Why they are skipped else.
    static let reason = "some fail still: slow bodies are waited for too long; set STUND_CONSOLE_TESTS=1 to run them"
}
