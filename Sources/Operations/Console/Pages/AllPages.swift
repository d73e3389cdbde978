import Administration

/// The pages of the console.
enum AllPages {
    static func make(_ administrator: Administrator, version: String) -> [any ConsolePage] {
        StatusPages.make(administrator) + AdministrationPages.make(administrator, version: version)
            + ToolPages.make(administrator)
    }
}
