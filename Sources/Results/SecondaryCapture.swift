import DCMTKBridge
import DICOMCore

/// Makes heatmaps: Secondary Capture Images, single-frame, 8 bit RGB, one for each finding that is present on an image
/// (PS3.3 A.8.1). All heatmaps of a result are one series.
package enum SecondaryCapture {
    /// Secondary Capture Image Storage, 1.2.840.10008.5.1.4.1.1.7.
    package static let sopClassUID = SOPClassUID(UID("1.2.840.10008.5.1.4.1.1.7") ?? UID(uuidBytes: []))

    /// Series Number of heatmaps, next to the reports'.
    static let seriesNumber = 9002

    /// Which picture, of which image and finding of the report's input.
    package struct Request: Sendable {
        /// Position in ``ReportInput/images``.
        package var imageIndex: Int
        /// Key of a finding that is present on that image.
        package var findingKey: String
        /// The source as a reader sees it, at the matrix that the destination takes.
        package var display: DisplayPixels
        /// What the model says of each part.
        package var heat: HeatGrid
        /// The decision level of the heat, where it is not the finding's threshold.
        package var heatLevel: Double?
        /// How the heat was made, for (0008,2111), e.g. "patch logits of the model, sigmoid"; at most 300 characters.
        package var method: String
        /// Counts the heatmaps of the result from 1: Instance Number.
        package var number: Int

        /// Takes the parts.
        package init(
            imageIndex: Int, findingKey: String, display: DisplayPixels, heat: HeatGrid, heatLevel: Double? = nil,
            method: String, number: Int
        ) {
            self.imageIndex = imageIndex
            self.findingKey = findingKey
            self.display = display
            self.heat = heat
            self.heatLevel = heatLevel
            self.method = method
            self.number = number
        }
    }

    /// Draws the picture that ``build(_:_:identity:)`` puts into the object.
    package static func picture(_ request: Request, _ input: ReportInput) throws(ResultError) -> HeatmapPicture {
        guard input.images.indices.contains(request.imageIndex) else { throw .picture("there is no such image") }
        let analysed = input.images[request.imageIndex]
        guard case .analysed(let findings) = analysed.outcome,
            let finding = findings.first(where: { $0.key == request.findingKey })
        else { throw .picture("there is no such finding") }
        return HeatmapPicture(
            display: request.display, heat: request.heat, finding: finding, heatLevel: request.heatLevel,
            image: analysed.image, imageNumber: request.imageIndex + 1, imageCount: input.images.count,
            algorithm: input.algorithm, time: input.analysisTime, language: input.language)
    }

    /// Builds the object with its Pixel Data. Blocking and without side effects; any thread.
    ///
    /// - Parameter identity: as for ``StructuredReport/build(_:identity:)``.
    /// - Throws: ``ResultError``, among others for a finding that is not present.
    package static func build(
        _ request: Request, _ input: ReportInput, identity: borrowing DataSet
    ) throws(ResultError) -> DataSet {
        var picture = try picture(request, input)
        let texts = Texts(request, picture, input)
        try texts.check()
        let prepared = try PreparedIdentity(identity, asUTF8: !texts.areASCII)
        picture.time = ResultHeader.time(input, prepared)
        let drawn = try picture.draw()
        let object = try orRefused("secondary capture") { () throws(DCMTKError) in try DataSet() }
        let uids = ResultUIDs(input)
        let header = ResultHeader(
            sopClassUID: sopClassUID,
            sopInstanceUID: uids.heatmap(
                picture.image, key: request.findingKey, columns: request.display.width, rows: request.display.height),
            seriesInstanceUID: uids.heatmapSeries, seriesNumber: seriesNumber, seriesDescription: texts.series,
            instanceNumber: request.number, modality: "OT")
        try header.write(into: object, input, prepared)
        try orRefused("secondary capture") { () throws(DCMTKError) in
            if !texts.areASCII { try object.set(.specificCharacterSet, "ISO_IR 192") }
            try object.set(.derivationDescription, texts.derivation)
            try object.set(.imageComments, input.language.wording.imageComments)
            try writeImage(picture.image.repeatable, request.display, into: object)
            try writeReferences(picture.image, input, into: object)
            try writePixels(drawn, into: object)
        }
        return object
    }

    /// Every text of ours in the object.
    private struct Texts {
        let series: String
        let derivation: String
        let all: [String]
        let method: String

        init(_ request: Request, _ picture: HeatmapPicture, _ input: ReportInput) {
            let wording = input.language.wording
            self.series = ResultHeader.seriesDescription(wording.heatmapSeries, input)
            let floor = HeatOverlay.floor(decisionLevel: picture.level)
            self.derivation =
                "\(request.method); finding \(picture.finding.code.meaning), "
                + "output \(decimalString(picture.finding.probability)); bilinear, fixed scale 0-1, 256-step map, "
                + "opacity 0 up to \(PictureLayout.decimals(Double(floor))) then to "
                + "\(PictureLayout.decimals(HeatOverlay.maximumAlpha)), line at "
                + "\(PictureLayout.decimals(picture.level)); model \(input.algorithm.name) \(input.algorithm.version)"
            self.method = request.method
            self.all = [
                series, derivation, wording.imageComments, input.algorithm.name, input.algorithm.version,
                input.algorithm.manufacturer, input.node.manufacturer, input.node.modelName, input.node.softwareVersion,
                input.node.serialNumber, input.node.stationName,
            ]
        }

        var areASCII: Bool { all.allSatisfy { $0.utf8.allSatisfy { $0 < 0x80 } } }

        func check() throws(ResultError) {
            try ContentCheck.checkText(method, limit: 300, name: "the heat's method")
            try ContentCheck.checkText(derivation, limit: 1024, name: "the derivation description")
        }
    }

    /// General Image, SC Equipment, Image Pixel attributes that say what the picture is (PS3.3 C.7.6.1, C.8.6.1).
    private static func writeImage(
        _ image: SourceImage, _ display: DisplayPixels, into object: borrowing DataSet
    ) throws(DCMTKError) {
        try object.set(.imageType, "DERIVED\\SECONDARY")
        try object.set(.conversionType, "WSD")
        try object.set(.burnedInAnnotation, "YES")
        try object.set(.recognizableVisualFeatures, "NO")
        try object.set(.lossyImageCompression, image.isLossy ? "01" : "00")
        try object.set(.patientOrientation, image.patientOrientation.joined(separator: "\\"))
        if let bodyPart = image.bodyPartExamined { try object.set(.bodyPartExamined, bodyPart) }
        if let laterality = image.laterality {
            try object.set(.imageLaterality, laterality)
        } else {
            // Type 2C of the series: empty where the image's is not sent and the body part may be paired.
            try object.set(.laterality, "")
        }
        try writeSpacing(image, display, into: object)
    }

    /// What the source says, in the distances of the new matrix; nothing where it says nothing. A spacing at the
    /// detector stays one: as Pixel Spacing it would claim a size in the patient.
    private static func writeSpacing(
        _ image: SourceImage, _ display: DisplayPixels, into object: borrowing DataSet
    ) throws(DCMTKError) {
        let down = Double(image.rows) / Double(display.height)
        let across = Double(image.columns) / Double(display.width)
        func text(_ pair: PixelSpacing.Pair) -> String {
            "\(decimalString(pair.row * down))\\\(decimalString(pair.column * across))"
        }
        if let spacing = image.spacing.pixelSpacing {
            try object.set(.pixelSpacing, text(spacing))
            if let type = image.spacing.calibrationType {
                try object.set(.pixelSpacingCalibrationType, type)
                try object.set(
                    .pixelSpacingCalibrationDescription,
                    image.spacing.calibrationDescription ?? "as in the source image")
            }
        }
        if let spacing = image.spacing.imagerPixelSpacing { try object.set(.imagerPixelSpacing, text(spacing)) }
    }

    /// The source image and the report (PS3.3 C.7.6.1, C.12.4).
    private static func writeReferences(
        _ image: SourceImage, _ input: ReportInput, into object: borrowing DataSet
    ) throws(DCMTKError) {
        let source = try ResultHeader.reference(image.sopClassUID, image.sopInstanceUID.uid)
        try source.append(
            try ResultHeader.codeItem(Concept.sourceImageForProcessing), to: .purposeOfReferenceCodeSequence)
        // NO: the margins make another matrix.
        try source.set(.spatialLocationsPreserved, "NO")
        try object.append(source, to: .sourceImageSequence)
        let report = StructuredReport.reference(input)
        let reference = try ResultHeader.reference(report.sopClassUID, report.sopInstanceUID.uid)
        try reference.append(try ResultHeader.codeItem(Concept.sourceReport), to: .purposeOfReferenceCodeSequence)
        try object.append(reference, to: .referencedInstanceSequence)
    }

    private static func writePixels(_ image: RGBImage, into object: borrowing DataSet) throws(DCMTKError) {
        try object.set(.samplesPerPixel, numbers: [3])
        try object.set(.photometricInterpretation, "RGB")
        try object.set(.planarConfiguration, numbers: [0])
        try object.set(.rows, numbers: [Double(image.height)])
        try object.set(.columns, numbers: [Double(image.width)])
        try object.set(.bitsAllocated, numbers: [8])
        try object.set(.bitsStored, numbers: [8])
        try object.set(.highBit, numbers: [7])
        try object.set(.pixelRepresentation, numbers: [0])
        var bytes = image.pixels
        if bytes.count % 2 == 1 { bytes.append(0) }
        try object.set(.pixelData, vr: "OB", bytes: bytes)
    }
}
