import Administration
import ArgumentParser
import Foundation
import ServerSettings

/// `stund credentials`: what a browser needs to use this server as its TURN server.
struct CredentialsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credentials",
        abstract: "Print a time-limited credential as the iceServers of a WebRTC client.",
        discussion: """
            Made of the newest secret: that of turn-secrets in the settings, else that of `stund secret add`, else one that \
            is made now, if there is no user either. A server must have run with the settings, or they must have a secret.
            """
    )

    @OptionGroup var file: FileOption

    @Option(help: ArgumentHelp("Whom the credential is for, as statistics and quotas name them.", valueName: "name"))
    var user = "stund"

    @Option(help: ArgumentHelp("How many seconds it is right.", valueName: "seconds"))
    var ttl = 86400

    @Option(
        help: ArgumentHelp(
            "How clients reach the server: a name or an address, with a port where a NAT maps another one to stun-port-1, "
                + "or one of stream-ports.",
            valueName: "host"
        )
    )
    var host: String?

    @Flag(help: "Print nothing but JSON.")
    var json = false

    func validate() throws {
        guard (1...AccountChanges.longestCredential).contains(ttl) else {
            throw ValidationError("--ttl takes a number of seconds from 1 to \(AccountChanges.longestCredential).")
        }
        if let host, OtherServer(host) == nil {
            throw ValidationError(
                "--host takes a host name or an IP address, and a port if need be (example.org:3480)."
            )
        }
    }

    func run() async throws {
        let accounts = try Accounts(file)
        let made: AccountChanges.MadeCredential
        let status = try accounts.runningStatus()
        do {
            try AccountChanges.userName(user)
            made = try accounts.changesForCredentials(isRunning: status != nil).makeCredential(
                user: user,
                seconds: ttl,
                host: host,
                found: status?.relay?.mainAddress,
                names: status?.certificateNames ?? [],
                at: Accounts.now
            )
        } catch {
            throw Failure(error)
        }
        if made.madeSecret {
            let sentence = "there was no user and no secret: the secret \"\(made.secret)\" is made now"
            StandardError.write("stund: \(sentence). \(try accounts.takeOver())\n")
        }
        // What is made is for the settings, and a running server may have begun with others.
        for warning in status?.warnings ?? [] where warning.hasPrefix("tls-port ") {
            StandardError.write("stund: \(warning)\n")
        }
        print(try jsonText(made.servers), terminator: "")
        if !json { print(made.servers.explanation(expiry: made.expiry, secret: made.secret, isNamed: host != nil)) }
    }
}

extension IceServers {
    /// What a person needs beside the JSON.
    func explanation(expiry: Int64, secret: String, isNamed: Bool) -> String {
        let time = Date(timeIntervalSince1970: Double(expiry)).formatted(.iso8601)
        let words =
            ["turnutils_uclient", "-s", "-y", "-c", "-p", "\(place.port)", "-u", username] + [
                "-w", password, place.host,
            ]
        var lines = [
            "",
            "right until \(time), made of the secret \"\(secret)\"",
            "try: \(words.map(StartText.quoted).joined(separator: " "))   (Debian's coturn)",
        ]
        if !otherURIs.isEmpty {
            lines.insert("for clients that are no browsers: \(otherURIs.joined(separator: ", "))", at: 2)
        }
        if !isNamed { lines.append("Clients elsewhere may need another address: --host NAME") }
        return lines.joined(separator: "\n")
    }
}
