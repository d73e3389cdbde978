import Administration
import ArgumentParser

/// `stund disconnect`: ends sessions of the relay.
struct DisconnectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disconnect",
        abstract: "End sessions of the relay: one by its id, or all of a user or a client address.",
        discussion: """
            The client may come again; to keep it out, remove its user, its secret or, for all, deny its address in the \
            firewall.
            """
    )

    @OptionGroup var file: FileOption

    @Argument(
        help: ArgumentHelp("An id that `stund sessions` shows, a user, or a client address.", valueName: "subject")
    )
    var subject: String

    func run() async throws {
        let answer = try RunningServerAddress(file).send(.disconnect(subject))
        guard case .disconnected(let count) = answer else { throw Self.mismatch }
        print(try Self.text(count, subject))
    }

    /// What to tell; nothing to end is a failure, so that a script sees a name that is spelled wrong.
    static func text(_ count: Int, _ subject: String) throws(Failure) -> String {
        guard count > 0 else {
            throw Failure(
                .dataError,
                """
                no session has the id, user or client address \(TerminalText.visible(subject)): see `stund sessions`
                """
            )
        }
        return count == 1 ? "1 session ended." : "\(count) sessions ended."
    }
}
