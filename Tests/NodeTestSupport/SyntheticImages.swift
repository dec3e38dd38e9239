import Foundation

/// DICOM files made by Tests/Peers/make_dicom.py: synthetic, and with identity in every place that a real one has it.
package struct SyntheticImages: Sendable {
    /// The files, in the order they were made.
    package let files: [String]
    /// Strings that must be found nowhere but in these files: names, numbers, dates of birth, UIDs.
    package let identity: [String]
    /// Study Instance UID of all of them.
    package let studyInstanceUID: String
    /// SOP Instance UIDs, one for each file.
    package let sopInstanceUIDs: [String]

    private struct Report: Decodable {
        let files: [String]
        let identity: [String]
        let study: String
        let instances: [String]
    }

    /// Makes images in `folder` (created when it is not there).
    ///
    /// - Parameters:
    ///   - kind: what the script's --help lists: "dx" (a chest radiograph in the model's scope), "ct", "no-pixels", ...
    ///   - options: further options of the script.
    package static func make(_ kind: String, in folder: String, _ options: [String] = []) async throws
        -> SyntheticImages
    {
        let finished = try await PeerTool.python("make_dicom.py", [kind, folder] + options)
        guard finished.succeeded else { throw TestSupportError("make_dicom.py failed: \(finished.everything)") }
        let report = try JSONDecoder().decode(Report.self, from: Data(finished.output.utf8))
        return SyntheticImages(
            files: report.files, identity: report.identity, studyInstanceUID: report.study,
            sopInstanceUIDs: report.instances)
    }
}
