import AccountStore
import Addresses
import ArgumentParser
import Foundation
import STUNAuthentication
import ServerSettings

/// `stund credentials`: what a browser needs to use this server as its TURN server.
struct CredentialsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credentials",
        abstract: "Print a time-limited credential as the iceServers of a WebRTC client.",
        discussion: """
            Made of the newest secret: that of turn-secrets in the settings, else that of `stund secret add`, else one that \
            is made now, if there is no user either.
            """
    )

    @OptionGroup var file: FileOption

    @Option(help: ArgumentHelp("Whom the credential is for, as statistics and quotas name them.", valueName: "name"))
    var user = "stund"

    @Option(help: ArgumentHelp("How many seconds it is right.", valueName: "seconds"))
    var ttl = 86400

    @Option(
        help: ArgumentHelp(
            "How clients reach the server: a name or an address, with a port if it is not that of the settings.",
            valueName: "host"
        )
    )
    var host: String?

    @Flag(help: "Print nothing but JSON.")
    var json = false

    /// A hundred years: what is more is mistyped, and the server refuses an expiry of more than ten digits.
    private static let longestTTL = 3_155_760_000

    func validate() throws {
        guard (1...Self.longestTTL).contains(ttl) else {
            throw ValidationError("--ttl takes a number of seconds from 1 to \(Self.longestTTL).")
        }
        if let host, OtherServer(host) == nil {
            throw ValidationError(
                "--host takes a host name or an IP address, and a port if need be (example.org:3480)."
            )
        }
    }

    func run() async throws {
        let user = try UserCommand.prepared(user)
        let accounts = try Accounts(file)
        let secret = try secret(of: accounts)
        guard let shared = SharedSecret(name: secret.id, secret: Array(secret.secret.utf8)) else {
            throw Failure(.software, "the secret \"\(secret.id)\" is empty")
        }
        let expiry = Accounts.now + Int64(ttl)
        let credential = TimedCredential(expiry: UInt64(expiry), user: user.text, secret: shared)
        let found = host == nil ? try accounts.runningRelayAddress() : nil
        let servers = IceServers(credential, at: IceServers.place(host, accounts.settings, found: found))
        print(try jsonText(servers), terminator: "")
        if !json { print(servers.explanation(expiry: expiry, secret: secret.id, isNamed: host != nil)) }
    }

    private func secret(of accounts: Accounts) throws(Failure) -> Credentials.Secret {
        let isNew: Bool
        let secret: Credentials.Secret?
        let store = try accounts.store()
        do throws(AccountStoreError) {
            isNew = try store.makeFirstSecret(for: accounts.settings, now: Accounts.now)
            secret = try Credentials(accounts.settings, store).secretInUse
        } catch {
            throw Failure(error)
        }
        guard let secret else {
            throw Failure(
                .dataError,
                """
                there is no secret to make a credential of: `stund secret add NAME` makes one; users log in with their own \
                password
                """
            )
        }
        if isNew {
            let sentence = "there was no user and no secret: the secret \"\(secret.id)\" is made now"
            StandardError.write("stund: \(sentence). \(try accounts.takeOver())\n")
        }
        return secret
    }
}

/// The `iceServers` of `RTCPeerConnection`'s configuration (W3C WebRTC section 4.2.4).
struct IceServers: Encodable, Equatable {
    struct Server: Encodable, Equatable {
        var urls: [String]
        var username: String?
        var credential: String?
    }

    let iceServers: [Server]
    private let place: OtherServer
    private let credential: TimedCredential

    private enum CodingKeys: CodingKey {
        case iceServers
    }

    /// URIs after RFC 7064 and RFC 7065.
    init(_ credential: TimedCredential, at place: OtherServer) {
        self.place = place
        self.credential = credential
        iceServers = [
            Server(urls: ["stun:\(place)"]),
            Server(
                urls: ["turn:\(place)?transport=udp"],
                username: credential.username,
                credential: credential.password
            ),
        ]
    }

    /// Where clients reach a server with these settings: what they say, else what the running server found out, else
    /// `127.0.0.1`.
    static func place(_ host: String?, _ settings: Settings, found: IPAddress? = nil) -> OtherServer {
        if let host, let place = OtherServer(host) {
            let hasPort = IPAddress(host) == nil && !host.hasSuffix("]") && host.contains(":")
            return hasPort ? place : place.with(port: settings.stunPort1)
        }
        let known = settings.externalIp.map(\.external) + settings.address.filter { !$0.isUnspecified }
        let address = known.first { $0.family == .v4 } ?? known.first ?? found ?? IPAddress(v4: 0x7F00_0001)
        return OtherServer(address: address, port: settings.stunPort1)
    }

    /// What a person needs beside the JSON.
    func explanation(expiry: Int64, secret: String, isNamed: Bool) -> String {
        let time = Date(timeIntervalSince1970: Double(expiry)).formatted(.iso8601)
        let words =
            ["turnutils_uclient", "-s", "-y", "-c", "-p", "\(place.port)", "-u", credential.username] + [
                "-w", credential.password, place.host,
            ]
        var lines = [
            "",
            "right until \(time), made of the secret \"\(secret)\"",
            "try: \(words.map(StartText.quoted).joined(separator: " "))   (Debian's coturn)",
        ]
        if !isNamed { lines.append("Clients elsewhere may need another address: --host NAME") }
        return lines.joined(separator: "\n")
    }
}
