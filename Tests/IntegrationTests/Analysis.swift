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

    private struct Document: Decodable {
        struct Image: Decodable {
            struct Finding: Decodable {
                struct Code: Decodable { let value: String }
                struct Region: Decodable { let box: [Double] }
                let code: Code
                let probability: Double
                let present: Bool
                let regions: [Region]
            }
            let findings: [Finding]
        }
        let images: [Image]
    }

    init(json: String) throws {
        let document = try JSONDecoder().decode(Document.self, from: Data(json.utf8))
        guard let image = document.images.first, document.images.count == 1 else {
            throw TestSupportError("not one image in: \(json.prefix(500))")
        }
        findings = image.findings.map {
            Finding(
                code: $0.code.value, probability: $0.probability, present: $0.present, regions: $0.regions.map(\.box))
        }
    }
}
