import Administration

/// The first page: how the server does, in one sentence and in pictures.
struct OverviewPage: ConsolePage {
    let name = "index"
    let administrator: Administrator

    private struct Model: Sendable {
        let sentence: String
        let warnings: [String]
    }

    func show(_ request: PageRequest) async throws -> PageBody {
        let status = try await administrator.server.status()
        return PageBody(
            template: "overview",
            model: Model(
                sentence: request.texts("overview_runs", status.version, HumanText.duration(status.uptime)),
                warnings: status.warnings
            ),
            isLive: true
        )
    }
}
