import Administration
import ArgumentParser
import Observability

/// `stund metrics`: all figures of the running server, as Prometheus reads them.
struct MetricsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics",
        abstract: "Print all figures of the running server as OpenMetrics text (docs/metrics.md)."
    )

    @OptionGroup var file: FileOption

    func run() async throws {
        guard case .metrics(let families) = try RunningServerAddress(file).send(.metrics) else { throw Self.mismatch }
        print(OpenMetricsText.render(families), terminator: "")
    }
}
