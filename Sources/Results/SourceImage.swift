import DICOMCore

/// An image that was given to the model, as a result refers to it: original UIDs, so identity (DESIGN.md, promise 2).
package struct SourceImage: Sendable {
    /// (0008,0016)
    package var sopClassUID: SOPClassUID
    /// (0008,0018), the original.
    package var sopInstanceUID: SOPInstanceUID
    /// (0020,000E), the original.
    package var seriesInstanceUID: SeriesInstanceUID
    /// (0028,0010)
    package var rows: Int
    /// (0028,0011)
    package var columns: Int
    /// (0008,0060), e.g. "DX".
    package var modality: String
    /// (0020,0062) or (0020,0060): "L", "R", "B", "U"; nil where absent or empty. U means unpaired.
    package var laterality: String?
    /// (0018,0015), nil where absent or empty.
    package var bodyPartExamined: String?
    /// (0020,0020): row and column direction, e.g. ["L", "F"]; empty where unknown.
    package var patientOrientation: [String]
    /// (0054,0220), first item, nil where absent.
    package var view: CodedConcept?
    /// What the object says of the size of a pixel.
    package var spacing: PixelSpacing
    /// Whether the image has ever been compressed with loss: (0028,2110) "01" or a lossy transfer syntax.
    package var isLossy: Bool

    /// Takes the values as they stand in the object.
    package init(
        sopClassUID: SOPClassUID, sopInstanceUID: SOPInstanceUID, seriesInstanceUID: SeriesInstanceUID, rows: Int,
        columns: Int, modality: String, laterality: String? = nil, bodyPartExamined: String? = nil,
        patientOrientation: [String] = [], view: CodedConcept? = nil, spacing: PixelSpacing = PixelSpacing(),
        isLossy: Bool = false
    ) {
        self.sopClassUID = sopClassUID
        self.sopInstanceUID = sopInstanceUID
        self.seriesInstanceUID = seriesInstanceUID
        self.rows = rows
        self.columns = columns
        self.modality = modality
        self.laterality = laterality
        self.bodyPartExamined = bodyPartExamined
        self.patientOrientation = patientOrientation
        self.view = view
        self.spacing = spacing
        self.isLossy = isLossy
    }
}

extension SourceImage {
    /// What a result may repeat of the image. A peer's text that does not fit its value representation, is not one of
    /// the standard's terms or is outside ASCII is left out: it is no reason to give the study no result.
    var repeatable: SourceImage {
        var image = self
        if let laterality, !["L", "R", "B", "U"].contains(laterality) { image.laterality = nil }
        if let bodyPartExamined, !SourceImage.isPlain(bodyPartExamined, 16) { image.bodyPartExamined = nil }
        if patientOrientation.count != 2 || !patientOrientation.allSatisfy({ SourceImage.isPlain($0, 16) }) {
            image.patientOrientation = []
        }
        if let view {
            let parts = [(view.value, 16), (view.scheme, 16), (view.meaning, 64)]
            if !parts.allSatisfy({ SourceImage.isPlain($0.0, $0.1) }) { image.view = nil }
        }
        if let type = spacing.calibrationType, !["GEOMETRY", "FIDUCIAL"].contains(type) {
            image.spacing.calibrationType = nil
        }
        if let text = spacing.calibrationDescription, !SourceImage.isPlain(text, 64) {
            image.spacing.calibrationDescription = nil
        }
        return image
    }

    private static func isPlain(_ text: String, _ limit: Int) -> Bool {
        ContentCheck.fits(text, limit) && text.utf8.allSatisfy { $0 < 0x80 }
    }
}

/// The spacings that an image carries (PS3.3 10.7). They are different quantities and never stand for one another.
package struct PixelSpacing: Hashable, Sendable {
    /// Distances of pixel centres in millimetres: between rows, and between columns.
    package struct Pair: Hashable, Sendable {
        /// Between rows, the first value of the attribute.
        package var row: Double
        /// Between columns, the second value.
        package var column: Double
        /// Nil unless both are finite and at least a nanometre: less is no spacing.
        package init?(row: Double, column: Double) {
            guard row.isFinite, column.isFinite, row >= 1e-6, column >= 1e-6 else { return nil }
            self.row = row
            self.column = column
        }
    }

    /// (0028,0030)
    package var pixelSpacing: Pair?
    /// (0028,0A02): "GEOMETRY" or "FIDUCIAL".
    package var calibrationType: String?
    /// (0028,0A04)
    package var calibrationDescription: String?
    /// (0018,1164): at the detector's plane, so not a size in the patient.
    package var imagerPixelSpacing: Pair?

    /// Takes the values as they stand in the object, nil where absent.
    package init(
        pixelSpacing: Pair? = nil, calibrationType: String? = nil, calibrationDescription: String? = nil,
        imagerPixelSpacing: Pair? = nil
    ) {
        self.pixelSpacing = pixelSpacing
        self.calibrationType = calibrationType
        self.calibrationDescription = calibrationDescription
        self.imagerPixelSpacing = imagerPixelSpacing
    }

    /// The spacing in the patient, where the object claims one: calibrated projection images, and images of
    /// cross-sectional modalities, whose Pixel Spacing is in the patient by definition (PS3.3 10.7.1.3).
    func inPatient(modality: String) -> Pair? {
        if let calibrationType, ["GEOMETRY", "FIDUCIAL"].contains(calibrationType) { return pixelSpacing }
        return ["CT", "MR", "PT", "NM"].contains(modality) ? pixelSpacing : nil
    }
}
