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
    targets: [
        // Wire: what the bytes mean.
        .target(name: "Addresses", path: "Sources/Wire/Addresses", swiftSettings: swiftSettings),
        .testTarget(
            name: "AddressesTests",
            dependencies: ["Addresses"],
            path: "Tests/Wire/AddressesTests",
            swiftSettings: swiftSettings
        ),
        // Engine: how bytes move.
        .systemLibrary(
            name: "COpenSSL",
            path: "Sources/Engine/COpenSSL",
            pkgConfig: "libcrypto",
            providers: [.apt(["libssl-dev"])]
        ),
        // Operations: how people run it.
        .target(
            name: "Administration",
            dependencies: ["Addresses", "COpenSSL"],
            path: "Sources/Operations/Administration",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "AdministrationTests",
            dependencies: ["Administration"],
            path: "Tests/Operations/AdministrationTests",
            swiftSettings: swiftSettings
        ),
    ]
)
