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
        // No traits: the settings file is parsed once, by Yams (see SettingsDocument.swift).
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
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
            name: "ServerSettings",
            dependencies: [
                "Addresses",
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Yams", package: "Yams"),
            ],
            path: "Sources/Operations/ServerSettings",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "ServerSettingsTests",
            dependencies: ["ServerSettings", "Addresses"],
            path: "Tests/Operations/ServerSettingsTests",
            swiftSettings: swiftSettings
        ),
    ]
)
