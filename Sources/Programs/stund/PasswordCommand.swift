import Addresses
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
            Asks twice. Without a terminal, reads one line from the standard input; with \(variable) set, takes that. It has \
            at least 8 characters; only a hash of it is written into the settings file. With a password the console listens on \
            all addresses that http-address does not exclude.
            """
    )

    @OptionGroup var file: FileOption

    func run() async throws {
        let password = try NewPassword.read(environment: ProcessInfo.processInfo.environment, from: Terminal())
        do {
            try OperatorAccounts.check(password: password)
            let hash = try PasswordHash(password: password)
            try SettingsFile.setScalar(key: "http-password-hash", value: hash.description, in: file.config)
        } catch {
            throw Failure(error)
        }
        print("The hash of the password is in \(file.config) now.")
        print(try RunningServerAddress(file).reload(ifItUses: file.config).sentence)
        // What else is wrong with the settings is told by whoever uses them.
        if let settings = try? StorePlace(file).settings().settings { print(settings.consoleReach) }
    }
}

extension Settings {
    /// Who reaches the console once it has a password, and how to keep it to fewer.
    var consoleReach: String {
        let places = httpAddress.contains(where: \.isUnspecified) ? [] : httpAddress
        guard places.isEmpty || !places.allSatisfy(\.isLoopback) else {
            return
                "The console is at port \(httpPort) of \(Self.list(places)): only this host reaches it (http-address)."
        }
        let hosts = places.isEmpty ? "all addresses of this host" : Self.list(places)
        let start = "The console, which asks for it, is at port \(httpPort) of \(hosts)"
        guard httpTLS, tlsCertificate != nil else {
            return """
                \(start), and nothing is encrypted there: http-address: 127.0.0.1 keeps it to this host, http-tls: on adds \
                HTTPS (docs/console.md).
                """
        }
        return """
            \(start), not encrypted, and by HTTPS at port \(tlsPort): http-address: 127.0.0.1 leaves others HTTPS alone \
            (docs/port-443.md).
            """
    }

    private static func list(_ addresses: [IPAddress]) -> String {
        addresses.map(\.description).joined(separator: " and ")
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
