import Foundation
import NodeTestSupport

/// A Structured Report as highdicom reads it (Tests/Peers/read_sr.py).
struct ReadReport: Decodable {
    struct Measurement: Decodable {
        /// Value, scheme, meaning of the concept.
        let name: [String]
        let value: Double
        let unit: String
    }

    struct Evaluation: Decodable {
        let name: [String]
        /// Value, scheme, meaning of what was found.
        let value: [String]
    }

    struct Group: Decodable {
        /// "image" or "region".
        let kind: String
        let tracking: String?
        let trackingUID: String?
        /// Value, scheme, meaning.
        let finding: [String]?
        let measurements: [Measurement]
        let evaluations: [Evaluation]
        /// Column and row of each point of the region.
        let points: [[Double]]?

        enum CodingKeys: String, CodingKey {
            case kind, tracking, finding, measurements, evaluations, points
            case trackingUID = "tracking_uid"
        }

        /// (122157, DCM, "Probability").
        var probability: Double? { measurements.first { $0.name.first == "122157" }?.value }
    }

    struct Contributor: Decodable {
        let manufacturer: String
        let model: String
        let version: String
        let device: String
    }

    let sopClass: String
    let patientID: String
    let study: String
    let accession: String
    /// SOP Instance UIDs of the Current Requested Procedure Evidence Sequence.
    let evidence: [String]
    let contributors: [Contributor]
    let groups: [Group]

    enum CodingKeys: String, CodingKey {
        case study, accession, evidence, contributors, groups
        case sopClass = "sop_class"
        case patientID = "patient_id"
    }

    /// (111224, DCM, "Failed").
    static let failed = "111224"

    /// Downloads a report from the PACS and reads it.
    init(_ instance: OrthancProcess.Instance, of scene: NodeWithPACS) async throws {
        let file = scene.installation.path("report-\(instance.identifier).dcm")
        try await scene.pacs.download(instance, to: file)
        let finished = try await PeerTool.python("read_sr.py", [file])
        guard finished.succeeded else {
            throw TestSupportError("highdicom does not read the report: \(finished.everything)")
        }
        self = try JSONDecoder().decode(ReadReport.self, from: Data(finished.output.utf8))
    }
}
