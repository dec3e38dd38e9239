// swift-tools-version: 6.2
import PackageDescription

// Fuzzing of what reads other people's bytes, with libFuzzer and AddressSanitizer:
//
//     swift run --package-path Fuzz FuzzDataSetPreParser -max_total_time=60 Fuzz/Corpus/DataSetPreParser
//     swift run --package-path Fuzz FuzzAETitleTable -max_total_time=60 Fuzz/Corpus/AETitleTable
//
// What a peer says over an association goes through C++ and DCMTK, and has a script of its own: Fuzz/association.sh.
//
// The sources are the node's own, by symbolic links, so that `package` declarations can be called. What was found is kept
// in Fuzz/FailCases and becomes a test.

let fuzzer: [SwiftSetting] = [.unsafeFlags(["-sanitize=fuzzer,address", "-parse-as-library"])]
let instrumented: [SwiftSetting] = [
    .unsafeFlags(["-sanitize=address", "-sanitize-coverage=edge,inline-8bit-counters,pc-table"])
]
let linked: [LinkerSetting] = [.unsafeFlags(["-sanitize=fuzzer,address"])]

let package = Package(
    name: "Overread",
    targets: [
        .target(name: "DICOMCore", swiftSettings: instrumented),
        .target(
            name: "DICOMNetwork", dependencies: ["DICOMCore"], path: "Sources/AETitles", swiftSettings: instrumented),
        .executableTarget(
            name: "FuzzDataSetPreParser", dependencies: ["DICOMCore"], swiftSettings: fuzzer, linkerSettings: linked),
        .executableTarget(
            name: "FuzzAETitleTable", dependencies: ["DICOMNetwork"], swiftSettings: fuzzer, linkerSettings: linked),
    ]
)
