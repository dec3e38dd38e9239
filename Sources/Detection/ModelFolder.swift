import Crypto
import Foundation

/// A folder with a model: `model.yaml` (the manifest) and `model.onnx`, found to belong together.
package struct ModelFolder: Equatable, Sendable {
    /// The folder, as the caller named it.
    package let path: String
    /// What the manifest says.
    package let manifest: ModelManifest

    /// The model file.
    package var modelPath: String { "\(path)/model.onnx" }
    /// The manifest.
    package var manifestPath: String { "\(path)/model.yaml" }

    private init(path: String, manifest: ModelManifest) {
        self.path = path
        self.manifest = manifest
    }

    /// Reads the manifest and compares the model file's SHA-256 with it. Reads the whole model file; blocks.
    ///
    /// - Throws: ``ModelError`` of code `missing`, `manifest` or `checksum`.
    @available(*, noasync)
    package static func load(_ path: String) throws(ModelError) -> ModelFolder {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
            throw ModelError(.missing, file: path, "there is no such folder")
        }
        let manifestPath = "\(path)/model.yaml"
        guard let bytes = FileManager.default.contents(atPath: manifestPath) else {
            throw ModelError(.missing, file: manifestPath, "the manifest cannot be read")
        }
        guard let yaml = String(validating: bytes, as: UTF8.self) else {
            throw ModelError(.manifest, file: manifestPath, "is not UTF-8")
        }
        let folder = ModelFolder(path: path, manifest: try ModelManifest(yaml: yaml, file: manifestPath))
        guard try digest(folder.modelPath) == folder.manifest.sha256 else {
            throw ModelError(
                .checksum, file: folder.modelPath,
                "is not the file that \(manifestPath) was written for (sha256 differs)")
        }
        return folder
    }

    /// SHA-256 of a file, read in pieces.
    private static func digest(_ path: String) throws(ModelError) -> String {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw ModelError(.missing, file: path, "the model file cannot be read")
        }
        defer { try? file.close() }
        var hash = SHA256()
        do {
            while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty { hash.update(data: piece) }
        } catch {
            throw ModelError(.missing, file: path, "the model file cannot be read")
        }
        return hexadecimal(hash.finalize())
    }
}
