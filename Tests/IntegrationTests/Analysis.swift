import Foundation
import NodeTestSupport

/// What `overread analyse --json` says of one image.
struct Analysis {
    struct Finding {
        /// Code value of the finding.
        let code: String
        let probability: Double
        let present: Bool
        /// Left, top, right, bottom of each region, in columns and rows of the image.
        let regions: [[Double]]
    }

    let findings: [Finding]

    private struct Answer: Decodable {
        struct Analysis: Decodable {
            struct Outcome: Decodable { let status: String }
            let outcome: Outcome
            let findings: [Finding]
        }
        struct Finding: Decodable {
            struct Code: Decodable { let value: String }
            struct Region: Decodable { let left, top, right, bottom: Double }
            let code: Code
            let probability: Double
            let isPresent: Bool
            let regions: [Region]
        }
        let analysis: Analysis
    }

    init(json: String) throws {
        let answers = try JSONDecoder().decode([Answer].self, from: Data(json.utf8))
        guard let answer = answers.first, answers.count == 1, answer.analysis.outcome.status == "analysed" else {
            throw TestSupportError("not one analysed image in: \(json.prefix(500))")
        }
        findings = answer.analysis.findings.map { finding in
            Finding(
                code: finding.code.value, probability: finding.probability, present: finding.isPresent,
                regions: finding.regions.map { [$0.left, $0.top, $0.right, $0.bottom] })
        }
    }
}
