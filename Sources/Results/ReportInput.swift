import DICOMCore

/// The SR object that a destination takes.
package enum ReportShape: String, Sendable, CaseIterable {
    /// Comprehensive 3D SR, 1.2.840.10008.5.1.4.1.1.88.34 (IHE AIR).
    case comprehensive3D = "comprehensive-3d"
    /// Comprehensive SR, 1.2.840.10008.5.1.4.1.1.88.33, with the same content tree.
    case comprehensive
}

/// Where and how sure.
package struct ReportedRegion: Hashable, Sendable {
    /// Left edge in the stored pixel matrix: 0 is the left edge of the first column (PS3.3 C.18.6.1.2).
    package var left: Double
    /// Top edge; 0 is the upper edge of the first row.
    package var top: Double
    /// Right edge, at most the number of columns.
    package var right: Double
    /// Bottom edge, at most the number of rows.
    package var bottom: Double
    /// The region's own probability in 0...1, where the model gives one.
    package var probability: Double?

    /// Takes the edges; ``StructuredReport`` refuses what is empty, not finite or outside the image.
    package init(left: Double, top: Double, right: Double, bottom: Double, probability: Double? = nil) {
        self.left = left
        self.top = top
        self.right = right
        self.bottom = bottom
        self.probability = probability
    }
}

/// What the model says of one class on one image.
package struct ReportedFinding: Hashable, Sendable {
    /// The class's key in the manifest: stable, not shown to readers.
    package var key: String
    /// The finding, e.g. (36118008, SCT, "Pneumothorax").
    package var code: CodedConcept
    /// Where such a finding is, e.g. (39607008, SCT, "Lung").
    package var findingSite: CodedConcept?
    /// Its side, where known.
    package var laterality: Laterality?
    /// The model's output in 0...1.
    package var probability: Double
    /// Whether the output was calibrated on data, so that it may be called a probability; otherwise it is a score.
    package var isCalibrated: Bool
    /// The decision level in 0...1.
    package var threshold: Double
    /// The decision.
    package var isPresent: Bool
    /// How sure.
    package var tier: ConfidenceTier
    /// Regions in the source's stored pixels; only for a finding that is present.
    package var regions: [ReportedRegion]

    /// Takes the values as the detector gave them.
    package init(
        key: String, code: CodedConcept, findingSite: CodedConcept? = nil, laterality: Laterality? = nil,
        probability: Double, isCalibrated: Bool, threshold: Double, isPresent: Bool, tier: ConfidenceTier,
        regions: [ReportedRegion] = []
    ) {
        self.key = key
        self.code = code
        self.findingSite = findingSite
        self.laterality = laterality
        self.probability = probability
        self.isCalibrated = isCalibrated
        self.threshold = threshold
        self.isPresent = isPresent
        self.tier = tier
        self.regions = regions
    }
}

/// Why there is no answer: a machine code for the operator and a sentence for the reader, neither with identity in it.
package struct OutcomeReason: Hashable, Sendable {
    /// Lower-case words with hyphens, e.g. "view-not-accepted".
    package var code: String
    /// One short sentence, e.g. "The model does not read lateral views."
    package var sentence: String
    /// Takes both.
    package init(code: String, sentence: String) {
        self.code = code
        self.sentence = sentence
    }
}

/// What became of one image.
package enum AnalysisOutcome: Hashable, Sendable {
    /// The model answered; one entry for each of its classes, present or not.
    case analysed([ReportedFinding])
    /// The model should have answered and could not.
    case failed(OutcomeReason)
    /// The manifest does not accept such an image, so it was not tried.
    case outOfScope(OutcomeReason)
}

/// An image and what became of it.
package struct AnalysedImage: Sendable {
    /// The image.
    package var image: SourceImage
    /// What became of it.
    package var outcome: AnalysisOutcome
    /// Takes both.
    package init(image: SourceImage, outcome: AnalysisOutcome) {
        self.image = image
        self.outcome = outcome
    }
}

/// The model as an observer (PS3.16 TID 1004, TID 4019) and as contributing equipment, with the same values (IHE AIR
/// 6.5.3.1).
package struct Algorithm: Hashable, Sendable {
    /// The model's name; Manufacturer's Model Name in (0018,A001). At most 64 characters.
    package var name: String
    /// The model's version; Software Versions. At most 64 characters.
    package var version: String
    /// Who made the model. At most 64 characters.
    package var manufacturer: String
    /// (0018,1002): another model file has another.
    package var deviceUID: UID
    /// Takes the manifest's values.
    package init(name: String, version: String, manufacturer: String, deviceUID: UID) {
        self.name = name
        self.version = version
        self.manufacturer = manufacturer
        self.deviceUID = deviceUID
    }
}

/// This node as the equipment that made the object (PS3.3 C.7.5.1).
package struct NodeEquipment: Hashable, Sendable {
    /// (0008,0070)
    package var manufacturer: String
    /// (0008,1090)
    package var modelName: String
    /// (0018,1020)
    package var softwareVersion: String
    /// (0018,1000), at most 64 characters.
    package var serialNumber: String
    /// (0008,1010), at most 16 characters.
    package var stationName: String
    /// Takes the node's values.
    package init(
        manufacturer: String, modelName: String, softwareVersion: String, serialNumber: String, stationName: String
    ) {
        self.manufacturer = manufacturer
        self.modelName = modelName
        self.softwareVersion = softwareVersion
        self.serialNumber = serialNumber
        self.stationName = stationName
    }
}

/// The report of the revision before (PS3.3 C.17.2, Predecessor Documents Sequence).
package struct PredecessorReport: Hashable, Sendable {
    /// Its SOP class.
    package var sopClassUID: SOPClassUID
    /// Its instance.
    package var sopInstanceUID: SOPInstanceUID
    /// Its series.
    package var seriesInstanceUID: SeriesInstanceUID
    /// Takes the three UIDs; the study is the same.
    package init(sopClassUID: SOPClassUID, sopInstanceUID: SOPInstanceUID, seriesInstanceUID: SeriesInstanceUID) {
        self.sopClassUID = sopClassUID
        self.sopInstanceUID = sopInstanceUID
        self.seriesInstanceUID = seriesInstanceUID
    }
}

/// Everything a study's results are made of, but the patient: the original patient and study attributes come beside it,
/// as a data set. Equal inputs give equal objects, UIDs and bytes (DESIGN.md, promise 5).
package struct ReportInput: Sendable {
    /// The images of the study that were looked at, in an order that does not change between runs. Not empty.
    package var images: [AnalysedImage]
    /// The model.
    package var algorithm: Algorithm
    /// This node.
    package var node: NodeEquipment
    /// When the analysis of this revision started: recorded once, used in every object.
    package var analysisTime: AnalysisTime
    /// 1 for the first result of a study.
    package var revision: Int
    /// The report of the revision before, in the same shape.
    package var predecessor: PredecessorReport?
    /// Which SR the destination takes.
    package var shape: ReportShape
    /// The language of our own sentences.
    package var language: ReportLanguage
    /// A digest of the inputs (what was received, in order), at least 16 bytes: part of every UID.
    package var inputDigest: [UInt8]

    /// Takes the parts; the builders refuse what a data set cannot hold.
    package init(
        images: [AnalysedImage], algorithm: Algorithm, node: NodeEquipment, analysisTime: AnalysisTime,
        revision: Int = 1,
        predecessor: PredecessorReport? = nil, shape: ReportShape = .comprehensive3D,
        language: ReportLanguage = .english,
        inputDigest: [UInt8]
    ) {
        self.images = images
        self.algorithm = algorithm
        self.node = node
        self.analysisTime = analysisTime
        self.revision = revision
        self.predecessor = predecessor
        self.shape = shape
        self.language = language
        self.inputDigest = inputDigest
    }
}
