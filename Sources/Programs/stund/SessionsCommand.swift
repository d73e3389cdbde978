import Administration
import ArgumentParser

/// `stund sessions`: who uses the relay of the running server.
struct SessionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions",
        abstract: "Show who uses the relay of the running server, newest first."
    )

    @OptionGroup var file: FileOption

    @Option(help: ArgumentHelp("At most so many sessions.", valueName: "n"))
    var limit: Int?

    @Option(help: ArgumentHelp("Only sessions whose id, user or addresses contain this text.", valueName: "text"))
    var search: String?

    @Option(help: ArgumentHelp("The order: \(SessionsQuery.Column.names).", valueName: "column"))
    var sort: SessionsQuery.Column?

    @Flag(help: "Turn the order round.")
    var reverse = false

    @Flag(help: "Print JSON, with the peers of each session.")
    var json = false

    func validate() throws { try Self.check(limit) }

    func run() async throws {
        var query = SessionsQuery(limit: limit)
        query.search = search ?? ""
        query.sort = sort ?? query.sort
        query.isReversed = reverse
        let answer = try RunningServerAddress(file).send(.sessions(query))
        guard case .sessions(let report) = answer else { throw Self.mismatch }
        // Into a pipe or a file a line each, which other tools can read.
        let text = json ? try jsonText(report) : SessionsTable(report, width: Terminal.outputColumns ?? .max).text
        print(text, terminator: "")
    }
}
