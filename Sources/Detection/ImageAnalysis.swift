import Foundation

/// All that the detector says of one image. Holds no identity and no text of the image; the same file, model, node and
/// engine give the same value and the same bytes of JSON.
package struct ImageAnalysis: Codable, Equatable, Sendable {
    /// How it ended.
    package let outcome: Outcome
    /// A finding for each class of the model, in its order; empty unless analysed.
    package let findings: [Finding]
    /// The model that was asked.
    package let model: ModelIdentity
    /// What the model was given; nil where it came to nothing before.
    package let preparation: PreparationRecord?
    /// Which way the picture lies; nil where it was not read.
    package let orientation: ImageOrientation?

    /// How the analysis of an image ended.
    package enum Outcome: Equatable, Sendable {
        /// There is a finding for each class.
        case analysed
        /// It should have been possible and was not.
        case failed(ImageReason)
        /// The model is not for this image.
        case outOfScope(ImageReason)

        init(_ reason: ImageReason) { self = reason.isFailure ? .failed(reason) : .outOfScope(reason) }
    }

    /// Whether a class is present in the image.
    package var hasFindings: Bool { findings.contains(where: \.isPresent) }

    /// JSON with sorted keys, UTF-8: equal values give equal bytes.
    package func json(pretty: Bool = false) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting =
            pretty ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }
}

extension ImageAnalysis.Outcome: Codable {
    private enum Key: String, CodingKey { case status, reason }
    private enum Status: String, Codable { case analysed, failed, outOfScope = "out-of-scope" }

    /// From `{"status": …, "reason": …}`.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        switch try values.decode(Status.self, forKey: .status) {
        case .analysed: self = .analysed
        case .failed: self = .failed(try values.decode(ImageReason.self, forKey: .reason))
        case .outOfScope: self = .outOfScope(try values.decode(ImageReason.self, forKey: .reason))
        }
    }

    /// To `{"status": …, "reason": …}`.
    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        switch self {
        case .analysed:
            try values.encode(Status.analysed, forKey: .status)
        case .failed(let reason):
            try values.encode(Status.failed, forKey: .status)
            try values.encode(reason, forKey: .reason)
        case .outOfScope(let reason):
            try values.encode(Status.outOfScope, forKey: .status)
            try values.encode(reason, forKey: .reason)
        }
    }
}

/// The model as results name it (IHE RAD AIR: TID 1004, TID 4019 and Contributing Equipment agree).
package struct ModelIdentity: Codable, Equatable, Sendable {
    /// Name.
    package let name: String
    /// Version.
    package let version: String
    /// Manufacturer.
    package let manufacturer: String
    /// Device UID (0018,1002).
    package let deviceUID: String
    /// SHA-256 of the model file.
    package let sha256: String
    /// Name and version of the engine that ran it.
    package let engine: String
}

/// What the model was given.
package struct PreparationRecord: Codable, Equatable, Sendable {
    /// ``Preparation/revision``.
    package let revision: Int
    /// Where the picture lies in the canvas; its source size is Rows and Columns.
    package let placement: Placement
    /// ``PreparedInput/digest``.
    package let digest: String
}

/// What the model says of one class.
package struct Finding: Codable, Equatable, Sendable {
    /// The manifest's short name.
    package let key: String
    /// The finding's code.
    package let code: CodedConcept
    /// Where it is found.
    package let findingSite: CodedConcept
    /// Calibrated probability, 0 to 1.
    package let probability: Double
    /// Present from here on.
    package let threshold: Double
    /// Whether the probability is at least the threshold.
    package let isPresent: Bool
    /// How clear the decision is.
    package let confidence: Confidence
    /// The side of a paired organ, from the regions; nil where they do not tell.
    package let laterality: Laterality?
    /// Where, for a class that is present; empty without a patch output.
    package let regions: [Region]
    /// The patch probabilities, whether the class is present or not; nil without a patch output.
    package let heat: HeatGrid?
}

/// How clear a decision is. Not a probability of being right: a rule over the distance to the threshold.
package enum Confidence: String, Codable, Equatable, Sendable {
    /// At least 2 from the threshold.
    case high
    /// At least 1.
    case medium
    /// At least 0.25.
    case low
    /// Nearer than 0.25, or present without a place: image and patches disagree.
    case needsReview = "needs-review"

    /// - Parameters:
    ///   - probability: Calibrated.
    ///   - threshold: Of the decision. The distance between both is taken in log odds.
    ///   - lacksRegion: Present, and the patch output has no patch at the contour level.
    init(probability: Double, threshold: Double, lacksRegion: Bool) {
        let distance = abs(logOdds(probability) - logOdds(threshold))
        switch distance {
        case _ where lacksRegion: self = .needsReview
        case 2...: self = .high
        case 1..<2: self = .medium
        case 0.25..<1: self = .low
        default: self = .needsReview
        }
    }
}

/// ln(p / (1 - p)), kept finite.
private func logOdds(_ p: Double) -> Double {
    let clamped = min(max(p, 1e-12), 1 - 1e-12)
    return logarithm(clamped / (1 - clamped))
}
