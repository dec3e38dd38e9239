import Detection
import Foundation

/// The analysis of an image as it is stored with its revision: with the version of the node that made it, which is part of
/// every result's UID and so must not change with an update between two attempts at delivery.
struct StoredAnalysis: Codable {
    let nodeVersion: String
    let analysis: ImageAnalysis

    init(_ analysis: ImageAnalysis) {
        self.nodeVersion = NodeIdentity.version
        self.analysis = analysis
    }

    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }
}
