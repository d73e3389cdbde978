import ArgumentParser
import Foundation
import ServerRuntime
import ServerSettings

/// `stund`: starts the server, in the background or the foreground.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Start the server (the default)."
    )

    @OptionGroup var options: SettingsOptions

    @Flag(help: "Stay in the foreground and write the log to the terminal.")
    var noDaemon = false

    func run() async throws {
        // Whoever reads what the server writes may go away (`stund --no-daemon | head`), the starter may be killed: that
        // breaks a pipe, and the server shall go on.
        signal(SIGPIPE, SIG_IGN)
        // Other daemons reopen logs on these; here they must at least not end the server.
        for harmless in [SIGUSR1, SIGUSR2, SIGALRM] { signal(harmless, SIG_IGN) }
        let environment = ProcessInfo.processInfo.environment
        let isDetaching = Daemon.shouldDetach(
            noDaemon: noDaemon,
            environment: environment,
            pid: getpid(),
            hasTerminal: isatty(0) == 1
        )
        if environment[Readiness.variable] != nil || !isDetaching { try becomeUser() }
        if let readiness = try Readiness.inherited(from: environment) {
            try await run(readiness)
        } else if isDetaching {
            print(try Daemon.detach().joined(separator: "\n"))
        } else {
            try await run(.foreground)
        }
    }

    /// Goes on as the user that the settings name (`run-as`), when root starts the server.
    private func becomeUser() throws {
        // What is wrong with the settings is told later, to whoever waits for that.
        guard let loaded = try? Settings.load(from: options.sources()), let name = loaded.settings.runAs,
            let paths = try? options.file.paths()
        else { return }
        do throws(Failure) {
            guard let user = try HostUser(named: name) else { return }
            try user.become(
                owning: [paths.stateFolder, paths.runtimeFolder],
                reading: loaded.file,
                logFile: loaded.settings.logFile
            )
        } catch {
            let environment = ProcessInfo.processInfo.environment
            if let readiness = try Readiness.inherited(from: environment), readiness.report(error) {
                throw ExitCode(error.status.rawValue)
            }
            throw error
        }
    }

    private func run(_ readiness: Readiness) async throws {
        do {
            let sources = options.sources()
            let launch = Launch(
                loaded: try Settings.load(from: sources),
                sources: sources,
                paths: try options.file.paths(),
                readiness: readiness,
                sockets: try SocketActivation.take(ProcessInfo.processInfo.environment, pid: getpid())
            )
            // A file that could not be read a moment ago must not leave the server root.
            if let name = launch.loaded.settings.runAs, try HostUser(named: name) != nil {
                throw Failure(.software, "run-as: the settings changed while the server started: start it again")
            }
            try await serve(launch)
        } catch {
            let failure = Failure(error)
            // The starter tells the failure that it heard by the pipe; else it would be told twice.
            if readiness.report(failure) { throw ExitCode(failure.status.rawValue) }
            throw failure
        }
    }
}

/// What a server is started with.
struct Launch: Sendable {
    /// The settings.
    var loaded: LoadedSettings
    /// Where they came from, to reread them.
    var sources: SettingsSources
    /// Where state, control socket and pid file belong.
    var paths: StatePaths
    /// Whom to tell when the server is ready.
    var readiness: Readiness
    /// Sockets that are open already.
    var sockets = PassedSockets()
    /// Whether nobody sees the standard output and error.
    var isDetached: Bool { readiness.isDetached }
}
