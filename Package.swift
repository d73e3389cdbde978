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
    products: [
        // What the fuzzers' own package uses.
        .library(name: "Addresses", targets: ["Addresses"]),
        .library(name: "STUNCodec", targets: ["STUNCodec"]),
        .library(name: "ServerCore", targets: ["ServerCore"]),
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
        .testTarget(
            name: "AddressesTests",
            dependencies: ["Addresses"],
            path: "Tests/Wire/AddressesTests",
            swiftSettings: swiftSettings
        ),
        // What the wire's and the core's tests share: messages built and read without the codec, fixtures, seeds.
        .target(
            name: "WireFixtures",
            dependencies: ["Addresses", "STUNCodec"],
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
            name: "ServerCoreTests",
            dependencies: ["ServerCore", "STUNCodec", "Addresses", "WireFixtures"],
            path: "Tests/Core/ServerCoreTests",
            swiftSettings: lifetimes
        ),
    ]
)
