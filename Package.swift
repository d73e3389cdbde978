// swift-tools-version: 6.2
import PackageDescription

// Long: all targets of the product, and SwiftPM reads this one file.

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
    products: [
        // What the fuzzing package drives.
        .library(name: "Addresses", targets: ["Addresses"]),
        .library(name: "STUNCodec", targets: ["STUNCodec"]),
        .library(name: "STUNAuthentication", targets: ["STUNAuthentication"]),
        .library(name: "ClusterCore", targets: ["ClusterCore"]),
        .library(name: "ServerCore", targets: ["ServerCore"]),
        .library(name: "Administration", targets: ["Administration"]),
    ],
    dependencies: [
        // No traits: the settings file is parsed once, by Yams (see SettingsDocument.swift).
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        // No traits: no settings of its own.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        // What Hummingbird's own interface is made of.
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
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
        .target(
            name: "STUNAuthentication",
            dependencies: ["Addresses", "STUNCodec", "COpenSSL"],
            path: "Sources/Wire/STUNAuthentication",
            swiftSettings: lifetimes
        ),
        // Core: what to decide. Pure: no I/O, no clock.
        .target(
            name: "ClusterCore",
            dependencies: ["Addresses", "STUNAuthentication", "STUNCodec"],
            path: "Sources/Core/ClusterCore",
            swiftSettings: lifetimes
        ),
        .target(
            name: "ServerCore",
            dependencies: ["Addresses", "ClusterCore", "STUNAuthentication", "STUNCodec"],
            path: "Sources/Core/ServerCore",
            swiftSettings: lifetimes
        ),
        .target(
            name: "ClientCore",
            dependencies: ["Addresses", "STUNAuthentication", "STUNCodec"],
            path: "Sources/Core/ClientCore",
            swiftSettings: lifetimes
        ),
        // Engine: how bytes move.
        .systemLibrary(
            name: "COpenSSL",
            path: "Sources/Engine/COpenSSL",
            pkgConfig: "libcrypto",
            providers: [.apt(["libssl-dev"])]
        ),
        .systemLibrary(
            name: "CHiredis",
            path: "Sources/Engine/CHiredis",
            providers: [.apt(["libhiredis-dev"])]
        ),
        .systemLibrary(
            name: "CCares",
            path: "Sources/Engine/CCares",
            pkgConfig: "libcares",
            providers: [.apt(["libc-ares-dev"])]
        ),
        .target(name: "CLinux", path: "Sources/Engine/CLinux"),
        .target(
            name: "PacketEngine",
            dependencies: ["Addresses", "CLinux"],
            path: "Sources/Engine/PacketEngine",
            swiftSettings: lifetimes
        ),
        // OpenSSL's libssl, and a BIO between it and the caller's buffers.
        .target(
            name: "CSecureTransport",
            path: "Sources/Engine/CSecureTransport",
            linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]
        ),
        .target(
            name: "SecureTransport",
            dependencies: ["Addresses", "CSecureTransport"],
            path: "Sources/Engine/SecureTransport",
            swiftSettings: lifetimes
        ),
        .target(
            name: "NameService",
            dependencies: ["Addresses", "CCares", "CLinux"],
            path: "Sources/Engine/NameService",
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
        .target(
            name: "ConfigurationImport",
            dependencies: ["ServerSettings", "Addresses"],
            path: "Sources/Operations/ConfigurationImport",
            swiftSettings: swiftSettings
        ),
        .target(
            name: "AccountStore",
            dependencies: [
                "STUNAuthentication",
                "ServerSettings",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            path: "Sources/Operations/AccountStore",
            swiftSettings: swiftSettings
        ),
        .target(
            name: "ClusterStore",
            dependencies: [
                "AccountStore",
                "STUNAuthentication",
                "ServerSettings",
                "Addresses",
                "CHiredis",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            path: "Sources/Operations/ClusterStore",
            swiftSettings: swiftSettings
        ),
        .target(
            name: "Observability",
            dependencies: ["STUNCodec", "Addresses"],
            path: "Sources/Operations/Observability",
            swiftSettings: lifetimes
        ),
        .target(
            name: "Administration",
            dependencies: [
                "AccountStore", "STUNAuthentication", "ServerSettings", "Observability", "Addresses", "COpenSSL",
            ],
            path: "Sources/Operations/Administration",
            swiftSettings: swiftSettings
        ),
        .target(
            name: "Console",
            dependencies: [
                "Administration",
                "ServerSettings",
                "Observability",
                "Addresses",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Mustache", package: "swift-mustache"),
            ],
            path: "Sources/Operations/Console",
            // The plugin puts them into the program.
            exclude: ["Templates", "Assets", "Texts"],
            swiftSettings: swiftSettings,
            plugins: ["EmbedTexts"]
        ),
        .executableTarget(
            name: "EmbedTextsTool",
            path: "Plugins/EmbedTextsTool",
            swiftSettings: swiftSettings
        ),
        .plugin(
            name: "EmbedTexts",
            capability: .buildTool(),
            dependencies: ["EmbedTextsTool"],
            path: "Plugins/EmbedTexts"
        ),
        // Programs: where it all meets.
        .target(
            name: "ServerRuntime",
            dependencies: [
                "ServerCore",
                "ClusterCore",
                "STUNAuthentication",
                "STUNCodec",
                "PacketEngine",
                "SecureTransport",
                "NameService",
                "AccountStore",
                "ClusterStore",
                "Administration",
                "ServerSettings",
                "Observability",
                "Addresses",
            ],
            path: "Sources/Programs/ServerRuntime",
            swiftSettings: lifetimes
        ),
        .executableTarget(
            name: "stund",
            dependencies: [
                "ServerRuntime",
                "CLinux",
                "Console",
                "NameService",
                "Addresses",
                "STUNAuthentication",
                "AccountStore",
                "ClusterStore",
                "ConfigurationImport",
                "Administration",
                "ServerSettings",
                "Observability",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Programs/stund",
            swiftSettings: swiftSettings
        ),
        .target(
            name: "ClientRuntime",
            dependencies: ["ClientCore", "STUNCodec", "PacketEngine", "SecureTransport", "Addresses"],
            path: "Sources/Programs/ClientRuntime",
            swiftSettings: lifetimes
        ),
        .executableTarget(
            name: "stun",
            dependencies: [
                "ClientRuntime",
                "Addresses",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/Programs/stun",
            swiftSettings: swiftSettings
        ),
        // What Scripts/instructions counts the instructions of.
        .executableTarget(
            name: "packet-cost",
            dependencies: ["Addresses", "STUNCodec", "STUNAuthentication", "ServerCore", "ClientCore"],
            path: "Benchmarks/PacketCost",
            exclude: ["instructions.txt"],
            swiftSettings: lifetimes
        ),
        // Tests, in the same wings.
        .testTarget(
            name: "AddressesTests",
            dependencies: ["Addresses"],
            path: "Tests/Wire/AddressesTests",
            swiftSettings: swiftSettings
        ),
        // What the tests of wire and core share: messages built and read without the codec, fixtures, seeds.
        .target(
            name: "WireFixtures",
            dependencies: ["Addresses", "STUNCodec", "COpenSSL"],
            path: "Tests/Wire/WireFixtures",
            swiftSettings: lifetimes
        ),
        .testTarget(
            name: "STUNCodecTests",
            dependencies: ["STUNCodec", "Addresses", "WireFixtures"],
            path: "Tests/Wire/STUNCodecTests",
            swiftSettings: lifetimes
        ),
        .testTarget(
            name: "STUNAuthenticationTests",
            dependencies: ["STUNAuthentication", "STUNCodec", "Addresses", "WireFixtures"],
            path: "Tests/Wire/STUNAuthenticationTests",
            swiftSettings: lifetimes
        ),
        .testTarget(
            name: "ClusterCoreTests",
            dependencies: ["ClusterCore", "STUNAuthentication", "STUNCodec", "Addresses", "WireFixtures"],
            path: "Tests/Core/ClusterCoreTests",
            swiftSettings: lifetimes
        ),
        .testTarget(
            name: "ServerCoreTests",
            dependencies: [
                "ServerCore", "ClusterCore", "STUNAuthentication", "STUNCodec", "Addresses", "WireFixtures",
            ],
            path: "Tests/Core/ServerCoreTests",
            swiftSettings: lifetimes
        ),
        .testTarget(
            name: "ClientCoreTests",
            dependencies: ["ClientCore", "STUNCodec", "Addresses", "WireFixtures"],
            path: "Tests/Core/ClientCoreTests",
            swiftSettings: lifetimes
        ),
        // Sockets of the tests, independent of the code under test.
        .target(
            name: "TestSockets",
            dependencies: ["PacketEngine", "CLinux", "Addresses"],
            path: "Tests/Engine/TestSockets",
            swiftSettings: lifetimes
        ),
        .testTarget(
            name: "PacketEngineTests",
            dependencies: ["PacketEngine", "TestSockets", "Addresses"],
            path: "Tests/Engine/PacketEngineTests",
            swiftSettings: lifetimes
        ),
        .testTarget(
            name: "SecureTransportTests",
            dependencies: ["SecureTransport", "TestTLS", "WireFixtures"],
            path: "Tests/Engine/SecureTransportTests",
            swiftSettings: lifetimes
        ),
        .testTarget(
            name: "NameServiceTests",
            dependencies: ["NameService", "TestNames", "TestSockets", "Addresses"],
            path: "Tests/Engine/NameServiceTests",
            swiftSettings: swiftSettings
        ),
        // Certificates and clients of TLS and DTLS of the tests.
        .target(
            name: "TestTLS",
            dependencies: ["SecureTransport", "TestSockets", "Addresses"],
            path: "Tests/Engine/TestTLS",
            swiftSettings: lifetimes
        ),
        // A name server of the tests: Debian's dnsmasq on a port of its own.
        .target(
            name: "TestNames",
            dependencies: ["Addresses"],
            path: "Tests/Engine/TestNames",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "ServerSettingsTests",
            dependencies: ["ServerSettings", "Addresses"],
            path: "Tests/Operations/ServerSettingsTests",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "ConfigurationImportTests",
            dependencies: ["ConfigurationImport", "ServerSettings", "Addresses"],
            path: "Tests/Operations/ConfigurationImportTests",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "AccountStoreTests",
            dependencies: [
                "AccountStore",
                "Addresses",
                "ServerSettings",
                "STUNAuthentication",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            path: "Tests/Operations/AccountStoreTests",
            swiftSettings: swiftSettings
        ),
        // A Redis that tests start, stop and cut off.
        .target(
            name: "TestRedis",
            dependencies: ["ClusterStore", "ServerSettings"],
            path: "Tests/Operations/TestRedis",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "ClusterStoreTests",
            dependencies: ["ClusterStore", "TestRedis", "AccountStore", "Addresses", "ServerSettings"],
            path: "Tests/Operations/ClusterStoreTests",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "ObservabilityTests",
            dependencies: ["Observability", "STUNCodec", "WireFixtures", "Addresses"],
            path: "Tests/Operations/ObservabilityTests",
            swiftSettings: lifetimes
        ),
        .testTarget(
            name: "AdministrationTests",
            dependencies: [
                "Administration", "AccountStore", "STUNAuthentication", "ServerSettings", "Observability", "Addresses",
                "COpenSSL",
            ],
            path: "Tests/Operations/AdministrationTests",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "ConsoleTests",
            dependencies: [
                "Console", "Administration", "ServerSettings", "Observability", "Addresses",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            path: "Tests/Operations/ConsoleTests",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "ServerRuntimeTests",
            dependencies: [
                "ServerRuntime",
                "ServerCore",
                "ClusterCore",
                "STUNAuthentication",
                "STUNCodec",
                "PacketEngine",
                "SecureTransport",
                "NameService",
                "TestNames",
                "AccountStore",
                "ClusterStore",
                "TestRedis",
                "Administration",
                "ServerSettings",
                "Observability",
                "TestSockets",
                "TestTLS",
                "WireFixtures",
                "Addresses",
            ],
            path: "Tests/Programs/ServerRuntimeTests",
            swiftSettings: lifetimes
        ),
        .testTarget(
            name: "ClientRuntimeTests",
            dependencies: ["ClientRuntime", "PacketEngine", "Addresses", "WireFixtures"],
            path: "Tests/Programs/ClientRuntimeTests",
            swiftSettings: lifetimes
        ),
        .testTarget(
            name: "stundTests",
            dependencies: [
                "stund",
                "ServerRuntime",
                "NameService",
                "Addresses",
                "AccountStore",
                "ClusterStore",
                "Administration",
                "STUNAuthentication",
                "ServerSettings",
                "Observability",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Programs/stundTests",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "SystemTests",
            dependencies: ["stund", "stun", "TestNames", "TestTLS"],
            path: "Tests/System/SystemTests",
            swiftSettings: swiftSettings
        ),
    ]
)
