/// The concepts that our reports use (PS3.16, TID 1500 and what it includes). The tests resolve each against pydicom's
/// dictionaries.
enum Concept {
    /// Designator of the codes that no standard scheme has; declared in each report, (0008,0110).
    static let privateScheme = "99OVERREAD"
    /// What (0008,0115) says of it.
    static let privateSchemeName = "Overread private codes"
    /// What (0008,0116) says of it.
    static let privateSchemeOrganization = "Overread"

    // Document and context
    static let imagingMeasurementReport = CodedConcept("126000", "DCM", "Imaging Measurement Report")
    static let language = CodedConcept("121049", "DCM", "Language of Content Item and Descendants")
    static let observerType = CodedConcept("121005", "DCM", "Observer Type")
    static let device = CodedConcept("121007", "DCM", "Device")
    static let deviceObserverUID = CodedConcept("121012", "DCM", "Device Observer UID")
    static let deviceObserverName = CodedConcept("121013", "DCM", "Device Observer Name")
    static let deviceObserverManufacturer = CodedConcept("121014", "DCM", "Device Observer Manufacturer")
    static let deviceObserverModelName = CodedConcept("121015", "DCM", "Device Observer Model Name")
    static let deviceObserverSerialNumber = CodedConcept("121016", "DCM", "Device Observer Serial Number")
    static let procedureReported = CodedConcept("121058", "DCM", "Procedure reported")
    static let imagingProcedure = CodedConcept("363679005", "SCT", "Imaging procedure")

    // Image library
    static let imageLibrary = CodedConcept("111028", "DCM", "Image Library")
    static let imageLibraryGroup = CodedConcept("126200", "DCM", "Image Library Group")
    static let modality = CodedConcept("121139", "DCM", "Modality")
    static let imageLaterality = CodedConcept("111027", "DCM", "Image Laterality")
    static let imageView = CodedConcept("111031", "DCM", "Image View")
    static let patientOrientationRow = CodedConcept("111044", "DCM", "Patient Orientation Row")
    static let patientOrientationColumn = CodedConcept("111043", "DCM", "Patient Orientation Column")
    static let pixelDataRows = CodedConcept("110910", "DCM", "Pixel Data Rows")
    static let pixelDataColumns = CodedConcept("110911", "DCM", "Pixel Data Columns")
    static let horizontalPixelSpacing = CodedConcept("111026", "DCM", "Horizontal Pixel Spacing")
    static let verticalPixelSpacing = CodedConcept("111066", "DCM", "Vertical Pixel Spacing")

    // Measurement groups
    static let imagingMeasurements = CodedConcept("126010", "DCM", "Imaging Measurements")
    static let measurementGroup = CodedConcept("125007", "DCM", "Measurement Group")
    static let trackingIdentifier = CodedConcept("112039", "DCM", "Tracking Identifier")
    static let trackingUniqueIdentifier = CodedConcept("112040", "DCM", "Tracking Unique Identifier")
    static let findingCategory = CodedConcept("276214006", "SCT", "Finding category")
    static let morphologicallyAbnormalStructure = CodedConcept("49755003", "SCT", "Morphologically Abnormal Structure")
    static let finding = CodedConcept("121071", "DCM", "Finding")
    static let findingSite = CodedConcept("363698007", "SCT", "Finding Site")
    static let laterality = CodedConcept("272741003", "SCT", "Laterality")
    static let algorithmName = CodedConcept("111001", "DCM", "Algorithm Name")
    static let algorithmVersion = CodedConcept("111003", "DCM", "Algorithm Version")
    static let algorithmParameters = CodedConcept("111002", "DCM", "Algorithm Parameters")
    static let probability = CodedConcept("122157", "DCM", "Probability")
    static let sourceOfMeasurement = CodedConcept("121112", "DCM", "Source of Measurement")
    static let imageRegion = CodedConcept("111030", "DCM", "Image Region")
    static let geometricPurpose = CodedConcept("130400", "DCM", "Geometric purpose of region")
    static let boundedBy = CodedConcept("75958009", "SCT", "Bounded by")
    static let longAxis = CodedConcept("103339001", "SCT", "Long Axis")
    static let comment = CodedConcept("121106", "DCM", "Comment")

    // Status of the analysis (CID 6047, CID 6042)
    static let processingSummary = CodedConcept("111017", "DCM", "CAD Processing and Findings Summary")
    static let allSucceededWithoutFindings = CodedConcept("111241", "DCM", "All algorithms succeeded; without findings")
    static let allSucceededWithFindings = CodedConcept("111242", "DCM", "All algorithms succeeded; with findings")
    static let notAllSucceededWithoutFindings =
        CodedConcept("111243", "DCM", "Not all algorithms succeeded; without findings")
    static let notAllSucceededWithFindings = CodedConcept(
        "111244", "DCM", "Not all algorithms succeeded; with findings")
    static let noneSucceeded = CodedConcept("111245", "DCM", "No algorithms succeeded; without findings")
    static let summaryOfDetections = CodedConcept("111064", "DCM", "Summary of Detections")
    static let succeeded = CodedConcept("111222", "DCM", "Succeeded")
    static let partiallySucceeded = CodedConcept("111223", "DCM", "Partially Succeeded")
    static let failed = CodedConcept("111224", "DCM", "Failed")
    static let notAttempted = CodedConcept("111225", "DCM", "Not Attempted")

    // Values
    static let present = CodedConcept("52101004", "SCT", "Present")
    static let absent = CodedConcept("272519000", "SCT", "Absent")
    static let left = CodedConcept("7771000", "SCT", "Left")
    static let right = CodedConcept("24028007", "SCT", "Right")
    static let bilateral = CodedConcept("51440002", "SCT", "Right and left")
    static let high = CodedConcept("75540009", "SCT", "High")
    static let medium = CodedConcept("255508009", "SCT", "Medium")
    static let low = CodedConcept("62482003", "SCT", "Low")
    static let needsReview = CodedConcept("needs-review", privateScheme, "Needs review")
    static let confidenceCategory = CodedConcept("confidence-tier", privateScheme, "AI confidence category")

    // Units (UCUM)
    static let noUnits = CodedConcept("1", "UCUM", "no units")
    static let millimetre = CodedConcept("mm", "UCUM", "mm")
    static let pixels = CodedConcept("{pixels}", "UCUM", "pixels")
    /// The UCUM codes that a number of ours may carry.
    static let allowedUnits: Set<String> = ["1", "mm", "mm2", "%", "{pixels}"]

    // Purposes of reference
    static let processingEquipment = CodedConcept("109102", "DCM", "Processing Equipment")
    static let sourceImageForProcessing =
        CodedConcept("121322", "DCM", "Source image for image processing operation")
    static let sourceReport = CodedConcept("128225", "DCM", "Source report")

    /// Every concept above that is not of the private scheme, for the test that resolves them.
    static let standard: [CodedConcept] = [
        imagingMeasurementReport, language, observerType, device, deviceObserverUID, deviceObserverName,
        deviceObserverManufacturer, deviceObserverModelName, deviceObserverSerialNumber, procedureReported,
        imagingProcedure, imageLibrary, imageLibraryGroup, modality, imageLaterality, imageView, patientOrientationRow,
        patientOrientationColumn, pixelDataRows, pixelDataColumns, horizontalPixelSpacing, verticalPixelSpacing,
        imagingMeasurements, measurementGroup, trackingIdentifier, trackingUniqueIdentifier, findingCategory,
        morphologicallyAbnormalStructure, finding, findingSite, laterality, algorithmName, algorithmVersion,
        algorithmParameters, probability, sourceOfMeasurement, imageRegion, geometricPurpose, boundedBy, longAxis,
        comment, processingSummary, allSucceededWithoutFindings, allSucceededWithFindings,
        notAllSucceededWithoutFindings, notAllSucceededWithFindings, noneSucceeded, summaryOfDetections, succeeded,
        partiallySucceeded, failed, notAttempted, present, absent, left, right, bilateral, high, medium, low, noUnits,
        millimetre, processingEquipment, sourceImageForProcessing, sourceReport,
    ]
}
