// swift-tools-version: 6.2
import PackageDescription

// A package of its own: it drives the built node and its peers from outside, and the product depends on nothing in it.
let package = Package(
    name: "OverreadBenchmarks",
    targets: [.executableTarget(name: "benchmark", swiftSettings: [.treatAllWarnings(as: .error)])]
)
