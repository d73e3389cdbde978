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

/// `Packet` and `Message` are views that must not outlive the datagram's buffer, which the compiler checks with this.
let lifetimes: [SwiftSetting] = swiftSettings + [.enableExperimentalFeature("Lifetimes")]

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
        .target(
            name: "STUNCodec",
            dependencies: ["Addresses"],
            path: "Sources/Wire/STUNCodec",
            swiftSettings: lifetimes
        ),
        // Core: what to decide. Pure: no I/O, no clock.
        .target(
            name: "ServerCore",
            dependencies: ["Addresses", "STUNCodec"],
            path: "Sources/Core/ServerCore",
            swiftSettings: lifetimes
        ),
        // Engine: how bytes move.
        .systemLibrary(
            name: "COpenSSL",
            path: "Sources/Engine/COpenSSL",
            pkgConfig: "libcrypto",
            providers: [.apt(["libssl-dev"])]
        ),
        .target(name: "CLinux", path: "Sources/Engine/CLinux"),
        .target(
            name: "PacketEngine",
            dependencies: ["Addresses", "CLinux"],
            path: "Sources/Engine/PacketEngine",
            swiftSettings: lifetimes
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
        // Programs: where it all meets.
        // Tests, in the same wings.
        .testTarget(
            name: "AddressesTests",
            dependencies: ["Addresses"],
            path: "Tests/Wire/AddressesTests",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "STUNCodecTests",
            dependencies: ["STUNCodec", "Addresses"],
            path: "Tests/Wire/STUNCodecTests",
            swiftSettings: lifetimes
        ),
        .testTarget(
            name: "ServerCoreTests",
            dependencies: ["ServerCore", "STUNCodec", "Addresses"],
            path: "Tests/Core/ServerCoreTests",
            swiftSettings: lifetimes
        ),
        .testTarget(
            name: "PacketEngineTests",
            dependencies: ["PacketEngine", "Addresses"],
            path: "Tests/Engine/PacketEngineTests",
            swiftSettings: lifetimes
        ),
    ]
)
