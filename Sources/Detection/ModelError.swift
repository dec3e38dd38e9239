/// Why a model cannot be used. The description is one sentence for the operator; it names the file, and in a manifest the
/// key and line. Files and keys are the operator's own, no patient's.
package struct ModelError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong, in kinds that a caller can act on.
    package enum Code: String, Sendable {
        /// The folder, manifest or model file is not there or cannot be read.
        case missing
        /// The manifest is not YAML, or says something it may not.
        case manifest
        /// The model file is not the one the manifest names.
        case checksum
        /// The engine cannot load the file.
        case corrupt
        /// Inputs or outputs of the file are not as the manifest says.
        case tensors
        /// The engine failed while it ran, or cannot be started.
        case engine
    }

    /// The kind.
    package let code: Code
    /// The file concerned, as the caller named it.
    package let file: String
    /// Path of the key in the manifest, as in `classes[2].code.value`; nil outside the manifest.
    package let key: String?
    /// Line in the manifest, from 1.
    package let line: Int?
    /// What is wrong, without the place.
    package let problem: String

    init(_ code: Code, file: String, key: String? = nil, line: Int? = nil, _ problem: String) {
        self.code = code
        self.file = file
        self.key = key
        self.line = line
        self.problem = problem
    }

    /// `file:line: key: problem`.
    package var description: String {
        let place = line.map { "\(file):\($0)" } ?? file
        return key.map { "\(place): \($0): \(problem)" } ?? "\(place): \(problem)"
    }
}
