import DICOMCore
import Detection
import Results

// The detector and the results do not know each other; their values meet here.

extension Results.CodedConcept {
    init(_ code: Detection.CodedConcept) { self.init(code.value, code.scheme, code.meaning) }
}

extension Results.Laterality {
    init(_ side: Detection.Laterality) {
        self =
            switch side {
            case .left: .left
            case .right: .right
            case .bilateral: .bilateral
            }
    }
}

extension ConfidenceTier {
    init(_ confidence: Confidence) {
        self =
            switch confidence {
            case .high: .high
            case .medium: .medium
            case .low: .low
            case .needsReview: .needsReview
            }
    }
}

extension ReportedFinding {
    init(_ finding: Finding) {
        self.init(
            key: finding.key, code: .init(finding.code), findingSite: .init(finding.findingSite),
            laterality: finding.laterality.map { .init($0) }, probability: finding.probability, isCalibrated: true,
            threshold: finding.threshold, isPresent: finding.isPresent, tier: .init(finding.confidence),
            regions: finding.regions.map {
                ReportedRegion(left: $0.left, top: $0.top, right: $0.right, bottom: $0.bottom, probability: $0.peak)
            })
    }
}

extension OutcomeReason {
    init(_ reason: ImageReason) { self.init(code: reason.rawValue, sentence: reason.sentence) }
}

extension AnalysisOutcome {
    init(_ analysis: ImageAnalysis) {
        self =
            switch analysis.outcome {
            case .analysed: .analysed(analysis.findings.map { ReportedFinding($0) })
            case .failed(let reason): .failed(OutcomeReason(reason))
            case .outOfScope(let reason): .outOfScope(OutcomeReason(reason))
            }
    }
}

extension Results.HeatGrid {
    init(_ heat: Detection.HeatGrid) throws(ResultError) {
        try self.init(
            columns: heat.columns, rows: heat.rows, values: heat.values,
            area: ReportedRegion(
                left: heat.left, top: heat.top, right: heat.left + Double(heat.columns) * heat.cellWidth,
                bottom: heat.top + Double(heat.rows) * heat.cellHeight))
    }
}

extension Algorithm {
    /// Nil when the manifest's Device UID is none; the manifest reader has refused such a model.
    init?(_ model: ModelIdentity) {
        guard let deviceUID = UID(model.deviceUID) else { return nil }
        self.init(name: model.name, version: model.version, manufacturer: model.manufacturer, deviceUID: deviceUID)
    }
}
