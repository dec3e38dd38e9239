// swift-tools-version: 6.2
import PackageDescription

// Set-up (`make setup`) puts OpenVINO's wheel here; the path is absolute so that a binary started from another folder
// still finds its libraries, and no environment variable is needed to build or to run. Nothing of it is linked: the binary
// loads it when it loads a model.
let openVINO = "\(Context.packageDirectory)/.deps/openvino"

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// Swift's libraries inside the executable: it starts in two thirds of the time (docs/decisions/0014). What Foundation's
/// own libraries need is named, since modules that were compiled for the shared ones do not ask for it.
let staticRuntime =
    ["-static-stdlib", "-use-ld=lld", "-Xlinker", "--start-group"]
    + ["Foundation", "FoundationInternationalization", "FoundationEssentials", "_FoundationICU", "CoreFoundation"].map {
        "-l\($0)"
    }
    + ["-l_FoundationCShims", "-l_FoundationCollections", "-Xlinker", "--end-group"]

/// DCMTK is linked by name: Debian's dcmtk.pc asks for libsndfile, which libdcmtk-dev does not install.
let dcmtkLibraries = [
    "dcmsr", "dcmtls", "dcmnet", "dcmjpeg", "dcmjpls", "dcmimage", "dcmimgle", "dcmdata", "oflog", "ofstd",
]

let package = Package(
    name: "Overread",
    products: [.executable(name: "overread", targets: ["overread"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CDCMTK", path: "CDCMTK", providers: [.apt(["libdcmtk-dev"])]),
        .systemLibrary(name: "COpenVINO", path: "COpenVINO"),
        .systemLibrary(
            name: "CPangoCairo", path: "CPangoCairo", pkgConfig: "pangocairo",
            providers: [.apt(["libpango1.0-dev", "libcairo2-dev"])]),
        .target(
            name: "CDCMTKShims",
            cxxSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
            linkerSettings: dcmtkLibraries.map { .linkedLibrary($0) }
                + ["ssl", "crypto", "openjp2", "z"].map { .linkedLibrary($0) }),
        .target(name: "DICOMCore", swiftSettings: strict),
        .target(name: "DCMTKBridge", dependencies: ["CDCMTK", "CDCMTKShims", "DICOMCore"], swiftSettings: strict),
        .target(name: "DICOMNetwork", dependencies: ["DCMTKBridge", "DICOMCore"], swiftSettings: strict),
        .target(
            name: "DeIdentification",
            dependencies: [
                "DCMTKBridge", "DICOMCore",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            exclude: ["Profile/Tables"], swiftSettings: strict),
        .target(
            name: "StudyQueue",
            dependencies: [
                "DICOMCore",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .target(
            name: "Detection",
            dependencies: [
                "DCMTKBridge", "DICOMCore", "COpenVINO",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict + [.unsafeFlags(["-Xcc", "-I\(openVINO)/include"])],
            linkerSettings: [.unsafeFlags(["-Xlinker", "-rpath", "-Xlinker", "\(openVINO)/libs"])]),
        .target(
            name: "Results",
            dependencies: [
                "DCMTKBridge", "DICOMCore", "CPangoCairo", .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict),
        .target(
            name: "OverreadNode",
            dependencies: [
                "DICOMCore", "DCMTKBridge", "DICOMNetwork", "DeIdentification", "StudyQueue", "Detection", "Results",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "overread",
            dependencies: [
                "OverreadNode", "DeIdentification", "Detection", "DICOMNetwork", "StudyQueue", "DICOMCore",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict, linkerSettings: [.unsafeFlags(staticRuntime, .when(configuration: .release))]),
        .target(
            name: "NodeTestSupport", dependencies: ["DICOMCore"], path: "Tests/NodeTestSupport", swiftSettings: strict),
        .testTarget(name: "DICOMCoreTests", dependencies: ["DICOMCore", "NodeTestSupport"], swiftSettings: strict),
        .testTarget(
            name: "DCMTKBridgeTests", dependencies: ["DCMTKBridge", "CDCMTKShims", "NodeTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "DICOMNetworkTests", dependencies: ["DICOMNetwork", "DCMTKBridge", "DICOMCore", "NodeTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "DeIdentificationTests",
            dependencies: [
                "DeIdentification", "DCMTKBridge", "DICOMCore", "NodeTestSupport",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "StudyQueueTests",
            dependencies: [
                "DICOMCore", "StudyQueue", "NodeTestSupport", .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "DetectionTests",
            dependencies: [
                "Detection", "DCMTKBridge", "DICOMCore", "NodeTestSupport",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ResultsTests",
            dependencies: [
                "Results", "DCMTKBridge", "DICOMCore", "NodeTestSupport",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "OverreadNodeTests",
            dependencies: [
                "OverreadNode", "NodeTestSupport", "DICOMCore", "DICOMNetwork", "DeIdentification", "DCMTKBridge",
                .product(name: "GRDB", package: "GRDB.swift"),
            ], swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests", dependencies: ["OverreadNode", "NodeTestSupport"], swiftSettings: strict),
        .testTarget(name: "ConformanceTests", dependencies: ["NodeTestSupport"], swiftSettings: strict),
    ],
    cxxLanguageStandard: .cxx17
)
