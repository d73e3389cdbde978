import Administration

/// The pages that show and change how the server is set up.
enum AdministrationPages {
    static func make(_ administrator: Administrator, version: String) -> [any ConsolePage] {
        [
            SetupPage(administrator: administrator), UsersPage(administrator: administrator),
            LicensePage(administrator: administrator), InfoPage(administrator: administrator, version: version),
        ]
    }
}
