import Administration
import ArgumentParser

/// `stund explain`: what is known of a user or an address, and why its requests were refused.
struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say what is known of a user or an address, and why its requests were refused.",
        discussion: """
            Of a timed user name such as 1700000000:alice the part after the colon is enough. An address is looked at as a \
            client's and as a peer's; it may have a port. With --peer it says whether the user can reach that address, and what \
            keeps them apart; without a subject whether anybody can.
            """
    )

    @OptionGroup var file: FileOption

    @Argument(help: ArgumentHelp("A user name, or an IP address of a client or a peer.", valueName: "subject"))
    var subject: String?

    @Option(
        help: ArgumentHelp("An IP address, with or without a port, that the user wants to reach.", valueName: "address")
    )
    var peer: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard subject != nil || peer != nil else { throw ValidationError("Name a user or an address, or a --peer.") }
    }

    func run() async throws {
        let request = peer.map { ControlRequest.explainPeer(user: subject, peer: $0) } ?? .explain(subject ?? "")
        let answer = try RunningServerAddress(file).send(request)
        guard case .explanation(let explanation) = answer else { throw Self.mismatch }
        print(json ? try jsonText(explanation) : explanation.text, terminator: "")
    }
}
