import DCMTKBridge
import DICOMCore

/// What of a header decides whether an image is one that a model takes. Values are upper case; "" is absent or empty.
package struct ScopeAttributes: Equatable, Sendable {
    /// A view or body part that is coded, but not as one that we know: no manifest can name it.
    static let other = "OTHER"
    /// A view from the side.
    static let lateral = "LATERAL"

    /// Modality (0008,0060).
    package let modality: String
    /// Body Part Examined (0018,0015), or what Anatomic Region Sequence says where that is empty.
    package let bodyPart: String
    /// View Position (0018,5101), or what View Code Sequence, Patient Orientation or the series' description say where that
    /// is empty.
    package let view: String
    /// Photometric Interpretation (0028,0004).
    package let photometric: String
    /// Presentation Intent Type (0008,0068) is FOR PROCESSING.
    package let isForProcessing: Bool

    /// Reads them; what is missing is "".
    package init(_ header: borrowing DataSet) {
        func value(_ tag: Tag) -> String { header.strings(tag).first?.uppercased() ?? "" }
        modality = value(.modality)
        photometric = value(.photometricInterpretation)
        isForProcessing = value(.presentationIntentType) == "FOR PROCESSING"
        let part = value(.bodyPartExamined)
        bodyPart = part.isEmpty ? ScopeAttributes.codedBodyPart(header) : part
        let position = value(.viewPosition)
        view = position.isEmpty ? ScopeAttributes.view(header) : position
    }

    init(modality: String, bodyPart: String, view: String, photometric: String, isForProcessing: Bool = false) {
        self.modality = modality
        self.bodyPart = bodyPart
        self.view = view
        self.photometric = photometric
        self.isForProcessing = isForProcessing
    }

    /// Chest in CID 4009 and 4031, in SNOMED CT and in the SRT codes of older objects.
    private static let chestCodes: Set<String> = ["816094009", "51185008", "T-D3000"]
    /// CID 4010 "DX View".
    private static let viewCodes: [String: String] = [
        "272479007": "PA", "R-10214": "PA", "R-40888": "PA", "399348003": "AP", "R-10206": "AP",
        "399067008": lateral, "R-102CD": lateral, "399173006": "LL", "R-10236": "LL", "399198007": "RL",
        "R-10232": "RL",
    ]

    private static func code(_ header: borrowing DataSet, _ tag: Tag) -> String? {
        guard header.itemCount(tag) > 0, let item = try? header.item(tag, at: 0) else { return nil }
        return item.string(.codeValue)?.uppercased() ?? other
    }

    private static func codedBodyPart(_ header: borrowing DataSet) -> String {
        guard let code = code(header, .anatomicRegionSequence) else { return "" }
        return chestCodes.contains(code) ? "CHEST" : other
    }

    /// Where no view is given, a lateral must still not pass for a frontal.
    private static func view(_ header: borrowing DataSet) -> String {
        if let code = code(header, .viewCodeSequence) { return viewCodes[code] ?? other }
        // The rows of a lateral run to front or back (PS3.3 C.7.6.1.1.1).
        if let direction = header.strings(.patientOrientation).first?.uppercased().first, "AP".contains(direction) {
            return lateral
        }
        let words = (header.string(.seriesDescription) ?? "").uppercased().split { !$0.isLetter }
        return words.contains("LAT") || words.contains("LATERAL") ? lateral : ""
    }
}

/// Which images a model takes.
package struct Scope: Sendable {
    private let accepts: [ModelManifest.Acceptance]

    /// As the manifest says.
    package init(_ input: ModelManifest.Input) { accepts = input.accepts }

    /// Throws the reason why an image is out of scope: the first attribute with which no kind of image of the manifest
    /// goes on to agree.
    package func check(_ image: ScopeAttributes) throws(ImageReason) {
        var kinds = accepts.filter { $0.modality.contains(image.modality) }
        if kinds.isEmpty { throw .modality }
        if image.isForProcessing { throw .forProcessing }
        kinds = kinds.filter { $0.bodyPart.contains(image.bodyPart) }
        if kinds.isEmpty { throw .bodyPart }
        kinds = kinds.filter { $0.view.contains(image.view) }
        if kinds.isEmpty { throw .view }
        if image.photometric == "RGB" || image.photometric.hasPrefix("YBR") { throw .colour }
        if !kinds.contains(where: { $0.photometric.contains(image.photometric) }) { throw .photometric }
    }
}
