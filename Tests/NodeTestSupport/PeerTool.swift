import Foundation

/// The programs that the tests talk to. A test that needs one says so with `.enabled(if: PeerTool.available("storescu"))`;
/// where OVERREAD_REQUIRE_PEERS is 1 (continuous integration) the test runs all the same and fails for want of the program.
package enum PeerTool {
    /// Whether a missing peer is a failure and not a reason to skip.
    package static var isRequired: Bool { ProcessInfo.processInfo.environment["OVERREAD_REQUIRE_PEERS"] == "1" }

    /// Whether a test that needs these programs is to be run.
    package static func available(_ names: String...) -> Bool {
        isRequired || names.allSatisfy { path(of: $0) != nil }
    }

    /// Whether a test that needs the Python peers (.deps/python) is to be run.
    package static var pythonAvailable: Bool { isRequired || FileManager.default.isExecutableFile(atPath: python) }

    /// The absolute path of a program. Throws, naming it, when it is not installed.
    package static func find(_ name: String) throws -> String {
        guard let path = path(of: name) else {
            throw TestSupportError("\(name) is not installed; Scripts/setup.sh installs the peers of the tests")
        }
        return path
    }

    private static func path(of name: String) -> String? {
        // sbin as well: Debian has Orthanc there, and a user's PATH has not.
        let folders =
            (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
            + ["/usr/sbin", "/usr/local/sbin", "/sbin"]
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Python with the packages of Tests/Peers/requirements.txt.
    package static var python: String { Checkout.path(".deps/python/bin/python") }

    /// Runs Tests/Peers/`script` to its end.
    package static func python(
        _ script: String, _ arguments: [String] = [], upTo limit: Duration = ChildProcess.patience
    ) async throws -> Finished {
        try await run(python, [Checkout.path("Tests/Peers/\(script)")] + arguments, upTo: limit)
    }
}

/// The package's own folder and what was built in it.
package enum Checkout {
    /// Where Package.swift is.
    package static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The absolute path of a file of the package.
    package static func path(_ relative: String) -> String { root.appending(path: relative).path }

    /// The program under test: OVERREAD_BINARY, else the one that was built with this test bundle.
    package static func overread() throws -> String {
        let named = ProcessInfo.processInfo.environment["OVERREAD_BINARY"]
        let here = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let path = named ?? URL(filePath: here).deletingLastPathComponent().appending(path: "overread").path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw TestSupportError("the program under test was not built: \(path)")
        }
        return path
    }

    /// The folder of a chest radiograph of the PyPI package pydicom-data, which set-up installs: RG1_UNCR.dcm.
    package static func chestRadiograph() throws -> String {
        let library = path(".deps/python/lib")
        let versions = try FileManager.default.contentsOfDirectory(atPath: library).sorted()
        let candidates = versions.map { "\(library)/\($0)/site-packages/data_store/data/RG1_UNCR.dcm" }
        guard let file = candidates.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            throw TestSupportError("RG1_UNCR.dcm is not there; Scripts/setup.sh installs pydicom-data")
        }
        return file
    }
}
