/// A coded entry (PS3.3 8.8): a concept of a coding scheme with the scheme's own words for it.
package struct CodedConcept: Hashable, Sendable {
    /// Code Value (0008,0100).
    package let value: String
    /// Coding Scheme Designator (0008,0102), e.g. "SCT", "DCM", "UCUM".
    package let scheme: String
    /// Code Meaning (0008,0104), in the scheme's words: it is not translated with the report.
    package let meaning: String

    /// Any triple; ``ContentCheck`` refuses what a data set cannot hold.
    package init(_ value: String, _ scheme: String, _ meaning: String) {
        self.value = value
        self.scheme = scheme
        self.meaning = meaning
    }

    /// Same concept: value and scheme agree, whatever the words (PS3.3 8.1).
    package func isSameConcept(as other: CodedConcept) -> Bool { value == other.value && scheme == other.scheme }
}

/// The side of a paired structure (PS3.16 CID 244, with "both").
package enum Laterality: String, Sendable, CaseIterable {
    /// Left.
    case left
    /// Right.
    case right
    /// Both sides.
    case bilateral

    /// The SNOMED CT concept.
    package var concept: CodedConcept {
        switch self {
        case .left: Concept.left
        case .right: Concept.right
        case .bilateral: Concept.bilateral
        }
    }
}

/// How far a finding's probability is from the decision level, in words. No standard concept names this, so the report
/// uses a concept of our private scheme, with standard values where there are any.
package enum ConfidenceTier: String, Sendable, CaseIterable {
    /// The model is rarely wrong at such values.
    case high
    /// Between.
    case medium
    /// The model is often wrong at such values.
    case low
    /// So near the decision level that the answer must not be used without a look.
    case needsReview

    /// The value of the "AI confidence category" item.
    package var concept: CodedConcept {
        switch self {
        case .high: Concept.high
        case .medium: Concept.medium
        case .low: Concept.low
        case .needsReview: Concept.needsReview
        }
    }
}
