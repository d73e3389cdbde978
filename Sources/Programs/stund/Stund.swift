import ArgumentParser
import Foundation

/// The program: `stund` and its commands.
@main
struct Stund: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stund",
        abstract: "A STUN and TURN server for clients of every generation.",
        discussion: """
            Without a command the server starts. It goes into the background unless --no-daemon is given or a service \
            manager started it. Options may be written with one dash or two, with - or _.

            Options of the start:
              --log <n>             the log level, 0 (urgent only) to 9
              --html-port <n>       the port of the web console
              --no-daemon           stay in the foreground and log to the terminal
              --config <file>       the settings file (default: stund.yaml); also of every command
              --set <key=value>     any other setting; may be repeated
            """,
        version: "stund \(Version.current)",
        subcommands: [
            ServeCommand.self, CheckCommand.self, DoctorCommand.self, ImportCommand.self, StatusCommand.self,
            LogCommand.self, MessagesCommand.self,
            StatisticsCommand.self,
            DrainCommand.self, SessionsCommand.self, DisconnectCommand.self, ExplainCommand.self, MetricsCommand.self,
            FleetCommand.self, DNSCommand.self,
            UserCommand.self,
            SecretCommand.self, CredentialsCommand.self, SettingCommand.self, PasswordCommand.self,
            OperatorCommand.self, LicenseCommand.self,
            TokenCommand.self,
        ],
        defaultSubcommand: ServeCommand.self
    )

    static func main() async {
        let words = Array(CommandLine.arguments.dropFirst())
        let arguments = ArgumentSpelling.normalized(words)
        do {
            if let fault = ArgumentSpelling.fault(of: words) { throw Failure(.usage, fault) }
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let failure as Failure {
            StandardError.write("stund: \(failure)\n")
            Foundation.exit(failure.status.rawValue)
        } catch let code as ExitCode {
            Foundation.exit(code.rawValue)
        } catch {
            // Help, the version and errors of the command line: ArgumentParser prints them and knows the exit code.
            exit(withError: error)
        }
    }
}

/// The error output.
enum StandardError {
    /// Writes text; when nobody reads it, it is lost.
    static func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
