import COpenVINO

/// OpenVINO's C functions. The library is loaded when the first model is, so that what does not detect neither waits for it
/// nor needs it (docs/decisions/0014).
struct OpenVINOLibrary {
    let functions: openvino_functions

    /// Loads the library; quick when it is loaded already.
    ///
    /// - Parameter file: The model that is to be loaded, for the error.
    /// - Throws: ``ModelError`` of code `engine`.
    init(for file: String) throws(ModelError) {
        // The members are never null, so there is no value of the type before they are found.
        let found = UnsafeMutablePointer<openvino_functions>.allocate(capacity: 1)
        defer { found.deallocate() }
        if let reason = openvino_load(found) {
            throw ModelError(
                .engine, file: file, "OpenVINO cannot be loaded: \(String(cString: reason)); run make setup")
        }
        functions = found.pointee
    }

    /// "OpenVINO" and the build.
    var version: String {
        var version = ov_version_t(buildNumber: nil, description: nil)
        guard functions.ov_get_openvino_version(&version) == OK, let number = version.buildNumber else {
            return "OpenVINO unknown"
        }
        defer { functions.ov_version_free(&version) }
        return "OpenVINO \(String(cString: number))"
    }

    /// The message of the last failure, one line. It speaks of the model, never of a picture.
    var lastMessage: String {
        guard let message = functions.ov_get_last_err_msg() else { return "no reason given" }
        let lines = String(cString: message).split(whereSeparator: \.isNewline)
        return lines.last.map { String($0.suffix(200)) } ?? "no reason given"
    }
}
