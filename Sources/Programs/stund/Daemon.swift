import Foundation
import Glibc

/// Sends the server into the background: by starting the program anew, as a copy made by fork has no threads.
enum Daemon {
    /// How long a server may take to get ready.
    static let patience = Duration.seconds(60)

    /// Whether to go into the background: never when it was forbidden, and never under a service manager, which would
    /// take the end of its process for the end of the server.
    ///
    /// INVOCATION_ID alone is no sign of systemd at a terminal: desktops leave it to every shell.
    static func shouldDetach(
        noDaemon: Bool,
        environment: [String: String],
        pid: Int32,
        hasTerminal: Bool
    ) -> Bool {
        if noDaemon || pid == 1 || environment["NOTIFY_SOCKET"] != nil { return false }
        if SocketActivation.isMeant(environment, pid: pid) { return false }
        return environment["INVOCATION_ID"] == nil || hasTerminal
    }

    /// Starts the server in the background and waits until it is ready; gives the lines to print.
    static func detach() throws(Failure) -> [String] {
        try detach(
            program: "/proc/self/exe",
            arguments: CommandLine.arguments,
            environment: ProcessInfo.processInfo.environment,
            patience: patience
        )
    }

    static func detach(
        program: String,
        arguments: [String],
        environment: [String: String],
        patience: Duration
    ) throws(Failure) -> [String] {
        let child: BackgroundProcess
        do throws(SpawnError) {
            child = try BackgroundProcess(program, arguments, environment)
        } catch {
            throw Failure(.osError, "the server can't go into the background: \(error) (try --no-daemon)")
        }
        guard let text = child.output(within: patience) else {
            child.terminate()
            throw Failure(.osError, "the server wasn't ready within \(patience) and was ended (try --no-daemon)")
        }
        switch StartMessage(text) {
        case .ready(let lines):
            return lines
        case .failed(let code, let reason):
            throw Failure(ExitStatus(rawValue: code) ?? .software, reason)
        case nil:
            throw Failure(.software, "the server ended before it was ready: \(child.ending) (try --no-daemon)")
        }
    }
}
