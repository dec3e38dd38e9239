import Foundation
import NodeTestSupport

/// The files that belong to the repository.
enum Repository {
    /// Paths from the package's folder of the files below one of its folders whose name ends so.
    static func files(below folder: String, suffixes: Set<String>) throws -> [String] {
        let base = Checkout.path(folder)
        return try FileManager.default.subpathsOfDirectory(atPath: base).sorted()
            .filter { suffixes.contains(URL(filePath: $0).pathExtension) }.map { "\(folder)/\($0)" }
    }

    /// What git tracks; nil where this is no git checkout (an unpacked archive).
    static func tracked() async throws -> [String]? {
        guard FileManager.default.fileExists(atPath: Checkout.path(".git")) else { return nil }
        let finished = try await run(PeerTool.find("git"), ["-C", Checkout.root.path, "ls-files"])
        guard finished.succeeded else { return nil }
        return finished.output.split(separator: "\n").map(String.init)
    }
}
