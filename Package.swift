// swift-tools-version: 6.2
import PackageDescription

/// Swift 6 language mode comes with the tools version; these make the compiler the first reviewer.
let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "stund",
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2")
    ],
    targets: [
        // Wire: what the bytes mean.
        .target(name: "Addresses", path: "Sources/Wire/Addresses", swiftSettings: swiftSettings),
        .testTarget(
            name: "AddressesTests",
            dependencies: ["Addresses"],
            path: "Tests/Wire/AddressesTests",
            swiftSettings: swiftSettings
        ),
        // Operations: how people run it.
        .target(
            name: "Observability",
            dependencies: ["Addresses", .product(name: "Logging", package: "swift-log")],
            path: "Sources/Operations/Observability",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "ObservabilityTests",
            dependencies: ["Observability", "Addresses", .product(name: "Logging", package: "swift-log")],
            path: "Tests/Operations/ObservabilityTests",
            swiftSettings: swiftSettings
        ),
    ]
)
