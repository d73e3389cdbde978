import Administration
import ArgumentParser

/// `stund fleet`: the servers of the fleet as the running server sees them.
struct FleetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleet",
        abstract: "Show the servers of the fleet: which answer, how fast, how busy (docs/fleet.md)."
    )

    @OptionGroup var file: FileOption

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        guard case .fleet(let report) = try RunningServerAddress(file).send(.fleet) else { throw Self.mismatch }
        print(json ? try jsonText(report) : FleetTable(report).text, terminator: "")
    }
}
