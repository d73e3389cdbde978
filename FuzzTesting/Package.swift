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

/// The fuzzers have no `main` of their own: libFuzzer brings it, so that they only link when its sanitizer is on, which
/// `Scripts/fuzz` says by this variable. Without it the package builds and tests as any other.
let fuzzers: [Target] =
    Context.environment["STUND_FUZZERS"] == nil
    ? []
    : ["fuzz-codec", "fuzz-server"].map { name in
        .executableTarget(
            name: name,
            dependencies: ["FuzzTargets"],
            swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]
        )
    }

let package = Package(
    name: "FuzzTesting",
    dependencies: [.package(name: "stund", path: "..")],
    targets: [
        .target(
            name: "FuzzTargets",
            dependencies: [
                .product(name: "Addresses", package: "stund"),
                .product(name: "STUNCodec", package: "stund"),
                .product(name: "ServerCore", package: "stund"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(name: "FuzzReplayTests", dependencies: ["FuzzTargets"], swiftSettings: swiftSettings),
    ] + fuzzers
)
