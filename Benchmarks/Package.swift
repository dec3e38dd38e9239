// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

// A package of its own: the product depends on nothing in it. `benchmark` drives the built node and its peers from outside.
// `queue-benchmark` times the study queue alone; for that the node's own sources are here by symbolic links, so that
// `package` declarations can be called.
let package = Package(
    name: "Overread",
    dependencies: [
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        .executableTarget(name: "benchmark", swiftSettings: [.treatAllWarnings(as: .error)]),
        .target(name: "DICOMCore", swiftSettings: strict),
        .target(
            name: "StudyQueue",
            dependencies: [
                "DICOMCore", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
            ], swiftSettings: strict),
        .executableTarget(
            name: "queue-benchmark",
            dependencies: ["DICOMCore", "StudyQueue", .product(name: "GRDB", package: "GRDB.swift")],
            path: "Sources/queue", swiftSettings: strict),
    ]
)
