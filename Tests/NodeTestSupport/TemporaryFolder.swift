import Foundation

/// A folder of its own for one test, removed when the value goes.
package final class TemporaryFolder: Sendable {
    /// Absolute path.
    package let url: URL

    /// Makes the folder below the system's temporary folder.
    package init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "overread-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// A path inside the folder.
    package func path(_ name: String) -> String { url.appending(path: name).path }
}
