import Administration

/// The pages that show what happens.
enum StatusPages {
    static func make(_ administrator: Administrator) -> [any ConsolePage] {
        [
            OverviewPage(administrator: administrator), StatisticsPage(administrator: administrator),
            AllocationsPage(administrator: administrator), LogPage(administrator: administrator),
            FleetPage(administrator: administrator),
        ]
    }
}
