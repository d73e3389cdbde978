// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableExperimentalFeature("Lifetimes"),
]

/// The fuzzers, which exist only when `Scripts/fuzz` says so by a variable.
///
/// They have no main function of their own: libFuzzer brings it, so that they link with its sanitizer only. Without the
/// variable the package builds and tests like any other.
let fuzzers: [Target] =
    Context.environment["STUND_FUZZERS"] == nil
    ? []
    : ["fuzz-codec", "fuzz-server", "fuzz-relay", "fuzz-sealed"].map { name in
        .executableTarget(
            name: name,
            dependencies: ["FuzzTargets"],
            swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]
        )
    } + [
        // Not among FuzzTargets, so that their tests need not build all that the fleet's connection stands on: its one file
        // is a link to that of AdministrationTests, which replay its corpus.
        .executableTarget(
            name: "fuzz-fleet",
            dependencies: [.product(name: "Administration", package: "stund")],
            swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]
        )
    ]

let package = Package(
    name: "FuzzTesting",
    dependencies: [.package(name: "stund", path: "..")],
    targets: [
        .target(
            name: "FuzzTargets",
            dependencies: [
                .product(name: "Addresses", package: "stund"),
                .product(name: "STUNCodec", package: "stund"),
                .product(name: "STUNAuthentication", package: "stund"),
                .product(name: "ClusterCore", package: "stund"),
                .product(name: "ServerCore", package: "stund"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(name: "FuzzReplayTests", dependencies: ["FuzzTargets"], swiftSettings: swiftSettings),
    ] + fuzzers
)
