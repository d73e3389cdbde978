import ArgumentParser
import ClientRuntime
import Foundation

/// The program: `stun` and its commands.
@main
struct Stun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stun",
        abstract: "A client of STUN and TURN servers.",
        subcommands: [LoadCommand.self]
    )

    static func main() {
        do {
            var command = try parseAsRoot()
            LoadInterruption.listen()
            try command.run()
        } catch let failure as LoadFailure {
            try? FileHandle.standardError.write(contentsOf: Data("stun: \(failure)\n".utf8))
            Foundation.exit(failure.exitCode)
        } catch let code as ExitCode {
            Foundation.exit(code.rawValue)
        } catch {
            // Help and errors of the command line: ArgumentParser prints them and knows the exit code.
            exit(withError: error)
        }
    }
}

extension LoadFailure {
    /// As sysexits.h names them, and as `stund` uses them.
    fileprivate var exitCode: Int32 {
        switch kind {
        case .usage: 64
        case .unavailable: 69
        case .system: 71
        }
    }
}
