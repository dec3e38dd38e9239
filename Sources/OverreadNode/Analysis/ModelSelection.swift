import Detection
import Foundation

/// Finds the model that the node runs.
package enum ModelSelection {
    /// The folders below `folder` that hold a `model.yaml`, in order of their names.
    package static func folders(in folder: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.sorted().map { folder + "/" + $0 }
            .filter { FileManager.default.fileExists(atPath: $0 + "/model.yaml") }
    }

    /// The one model folder. Naming the folder itself works as well.
    /// - Throws: ``NodeError/noModel(_:)`` and ``NodeError/severalModels(_:)``.
    package static func only(in folder: String) throws -> String {
        if FileManager.default.fileExists(atPath: folder + "/model.yaml") { return folder }
        let found = folders(in: folder)
        guard let first = found.first else { throw NodeError.noModel(folder) }
        guard found.count == 1 else {
            throw NodeError.severalModels(found.map { URL(fileURLWithPath: $0).lastPathComponent })
        }
        return first
    }
}
