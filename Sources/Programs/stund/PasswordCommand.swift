import Administration
import ArgumentParser
import Foundation
import ServerSettings

/// `stund password`: sets the password of the web console; only its hash is stored.
struct PasswordCommand: AsyncParsableCommand {
    /// The variable that holds the password for scripts.
    static let variable = "STUND_HTTP_PASSWORD"

    static let configuration = CommandConfiguration(
        commandName: "password",
        abstract: "Set the password of the web console.",
        discussion: """
            Asks twice. Without a terminal, reads one line from the standard input; with \(variable) set, takes that. Only \
            a hash of it is written into the settings file.
            """
    )

    @OptionGroup var file: FileOption

    func run() async throws {
        let password = try NewPassword.read(environment: ProcessInfo.processInfo.environment, from: Terminal())
        do {
            let hash = try PasswordHash(password: password)
            try SettingsFile.setScalar(key: "http-password-hash", value: hash.description, in: file.config)
        } catch {
            throw Failure(error)
        }
        print("The hash of the password is in \(file.config) now.")
        print(try RunningServerAddress(file).reload(ifItUses: file.config).sentence)
    }
}

/// What a password is asked of: a terminal, or a pipe.
protocol PasswordSource {
    /// Whether a person sits there.
    var isInteractive: Bool { get }
    /// Asks with a prompt, without echo; nil at the end of the input.
    func askSecretly(_ prompt: String) throws(Failure) -> String?
    /// One line without its line end; nil at the end of the input.
    func readLine() throws(Failure) -> String?
}

/// Gets a new password: from the environment, a person or a pipe.
enum NewPassword {
    static func read(environment: [String: String], from source: some PasswordSource) throws(Failure) -> String {
        let password: String
        if let text = environment[PasswordCommand.variable] {
            guard !text.isEmpty else {
                throw Failure(
                    .dataError,
                    "\(PasswordCommand.variable) is empty: give it a password, or unset it to be asked"
                )
            }
            password = text
        } else if source.isInteractive {
            let first = try source.askSecretly("New password: ")
            guard let first, !first.isEmpty else {
                throw Failure(.dataError, "no password was entered: nothing is changed")
            }
            guard try source.askSecretly("Once more: ") == first else {
                throw Failure(.dataError, "the two passwords differ: nothing is changed")
            }
            password = first
        } else {
            guard let line = try source.readLine(), !line.isEmpty else {
                throw Failure(.dataError, "the standard input has no password in its first line: nothing is changed")
            }
            password = line
        }
        return password
    }
}
