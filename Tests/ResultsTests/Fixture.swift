import DCMTKBridge
import DICOMCore
import Foundation
import Results

/// Testing has a type of this name too.
typealias Tag = DICOMCore.Tag

/// A study as the builders get it: made by code, with a value in every attribute that results copy.
enum Fixture {
    static func uid(_ text: String) -> UID { UID(text)! }

    static let studyUID = "1.2.826.0.1.3680043.8.498.1"

    static func initialize() throws { try DCMTKRuntime.initialize() }

    static func image(_ number: Int = 1, rows: Int = 600, columns: Int = 500, series: Int = 1) -> SourceImage {
        SourceImage(
            sopClassUID: SOPClassUID("1.2.840.10008.5.1.4.1.1.1.1")!,
            sopInstanceUID: SOPInstanceUID(uid("\(studyUID).\(series).\(number)")),
            seriesInstanceUID: SeriesInstanceUID(uid("\(studyUID).\(series)")), rows: rows, columns: columns,
            modality: "DX", laterality: "U", bodyPartExamined: "CHEST", patientOrientation: ["L", "F"],
            view: CodedConcept("399348003", "SCT", "antero-posterior"),
            spacing: PixelSpacing(imagerPixelSpacing: PixelSpacing.Pair(row: 0.139, column: 0.139)))
    }

    static let mass = ReportedFinding(
        key: "mass", code: CodedConcept("4147007", "SCT", "Mass"),
        findingSite: CodedConcept("39607008", "SCT", "Lung"), laterality: .left, probability: 0.8712345,
        isCalibrated: true, threshold: 0.45, isPresent: true, tier: .high,
        regions: [
            ReportedRegion(left: 100.25, top: 150.5, right: 220, bottom: 300, probability: 0.9),
            ReportedRegion(left: 300, top: 0, right: 500, bottom: 600),
        ])
    static let effusion = ReportedFinding(
        key: "effusion", code: CodedConcept("60046008", "SCT", "Pleural effusion"),
        findingSite: CodedConcept("3120008", "SCT", "Pleura"), probability: 0.125, isCalibrated: true, threshold: 0.5,
        isPresent: false, tier: .high)

    static func input(_ outcomes: [AnalysisOutcome] = [.analysed([mass, effusion])]) -> ReportInput {
        let images = outcomes.enumerated().map { index, outcome in
            AnalysedImage(image: image(index + 1, series: index % 2 + 1), outcome: outcome)
        }
        return ReportInput(
            images: images,
            algorithm: Algorithm(
                name: "cxr-vit-s", version: "1.0.0", manufacturer: "Overread project", deviceUID: uid("2.25.1234567890")
            ),
            node: NodeEquipment(
                manufacturer: "Overread project", modelName: "Overread", softwareVersion: "0.1.0",
                serialNumber: "0123456789abcdef", stationName: "OVERREAD"),
            analysisTime: AnalysisTime(secondsSince1970: 1_795_202_296, utcOffsetMinutes: 60),
            inputDigest: Array(0..<32))
    }

    static let negative: [AnalysisOutcome] = {
        var absent = mass
        absent.isPresent = false
        absent.probability = 0.03
        absent.regions = []
        return [.analysed([absent, effusion])]
    }()
    static let failed: [AnalysisOutcome] = [
        .failed(OutcomeReason(code: "model-output-not-finite", sentence: "The model gave no number."))
    ]
    static let outOfScope: [AnalysisOutcome] = [
        .outOfScope(OutcomeReason(code: "view-not-accepted", sentence: "The model does not read lateral views."))
    ]
    static let mixed: [AnalysisOutcome] = [.analysed([mass]), failed[0], outOfScope[0]]

    static func identity(_ change: (borrowing DataSet) throws -> Void = { _ in }) throws -> DataSet {
        try initialize()
        let set = try DataSet()
        let values: [(UInt32, String)] = [
            (0x0008_0005, "ISO_IR 100"), (0x0008_0020, "20260102"), (0x0008_0030, "101112"), (0x0008_0050, "ACC-77"),
            (0x0008_0090, "Ref^Erring"), (0x0008_1030, "Chest PA"), (0x0010_0010, "Doe^Jane^^^"),
            (0x0010_0020, "PID 0042"), (0x0010_0021, "HOSPITAL"), (0x0010_0030, "19600229"), (0x0010_0040, "F"),
            (0x0010_1010, "066Y"), (0x0010_1020, "1.66"), (0x0010_1030, "61"), (0x0020_000D, studyUID),
            (0x0020_0010, "S-1"),
        ]
        for (tag, value) in values { try set.set(Tag(tag), value) }
        let request = try DataSet()
        try request.set(Tag(0x0040, 0x1001), "RP-9")
        try request.set(Tag(0x0032, 0x1060), "Chest two views")
        try set.append(request, to: Tag(0x0040, 0x0275))
        let procedure = try DataSet()
        try procedure.set(Tag(0x0008, 0x0100), "36643-5")
        try procedure.set(Tag(0x0008, 0x0102), "LN")
        try procedure.set(Tag(0x0008, 0x0104), "XR Chest 2 Views")
        try set.append(procedure, to: Tag(0x0008, 0x1032))
        try change(set)
        return set
    }

    /// A grid with one warm place whose peak is `peak`, in the middle of the mass's first region.
    static func heat(peak: Float = 0.9, columns: Int = 32, rows: Int = 32, over image: SourceImage) throws -> HeatGrid {
        let centre = (x: 160.0 / Double(image.columns), y: 225.0 / Double(image.rows))
        var values: [Float] = []
        for row in 0..<rows {
            for column in 0..<columns {
                let dx = (Double(column) + 0.5) / Double(columns) - centre.x
                let dy = (Double(row) + 0.5) / Double(rows) - centre.y
                values.append(peak * Float(exp(-(dx * dx + dy * dy) / 0.015)))
            }
        }
        return try HeatGrid(
            columns: columns, rows: rows, values: values,
            area: ReportedRegion(left: 0, top: 0, right: Double(image.columns), bottom: Double(image.rows)))
    }

    /// Two dark lungs in a bright thorax, with ribs and noise that repeats.
    static func display(width: Int, height: Int) throws -> DisplayPixels {
        var values = [UInt8](repeating: 0, count: width * height)
        var noise: UInt64 = 1
        for y in 0..<height {
            for x in 0..<width {
                let (u, v) = ((Double(x) + 0.5) / Double(width), (Double(y) + 0.5) / Double(height))
                var level = 150 - 60 * abs(u - 0.5)
                for side in [0.3, 0.7] {
                    let distance = pow((u - side) / 0.16, 2) + pow((v - 0.5) / 0.34, 2)
                    level -= 105 / (1 + exp((distance - 1) * 8))
                }
                level += 9 * sin(v * 60 + abs(u - 0.5) * 12) + 60 * exp(-pow((u - 0.5) / 0.05, 2))
                noise = noise &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                values[y * width + x] = UInt8(min(255, max(0, level + Double(noise >> 60) - 8)))
            }
        }
        return try DisplayPixels(width: width, height: height, values: values)
    }

    static func request(width: Int = 500, height: Int = 600) throws -> SecondaryCapture.Request {
        SecondaryCapture.Request(
            imageIndex: 0, findingKey: "mass", display: try display(width: width, height: height),
            heat: try heat(over: image()), method: "patch outputs of the model, calibrated", number: 1)
    }

    /// A Part 10 file in Explicit VR Little Endian.
    static func file(_ object: borrowing DataSet) throws -> Data {
        func element(_ element: UInt16, _ vr: String, _ value: [UInt8]) -> [UInt8] {
            let padded = value.count % 2 == 0 ? value : value + [0]
            let head: [UInt8] = [0x02, 0x00, UInt8(element & 0xFF), UInt8(element >> 8)] + Array(vr.utf8)
            let count = [UInt8(padded.count & 0xFF), UInt8(padded.count >> 8)]
            return head + (vr == "OB" ? [0, 0] + count + [0, 0] : count) + padded
        }
        let sopClass = Array((object.string(Tag(0x0008, 0x0016)) ?? "").utf8)
        let instance = Array((object.string(Tag(0x0008, 0x0018)) ?? "").utf8)
        let meta =
            element(0x0001, "OB", [0, 1]) + element(0x0002, "UI", sopClass) + element(0x0003, "UI", instance)
            + element(0x0010, "UI", Array("1.2.840.10008.1.2.1".utf8)) + element(0x0012, "UI", Array("2.25.1".utf8))
        let length = withUnsafeBytes(of: UInt32(meta.count).littleEndian) { Array($0) }
        return Data([UInt8](repeating: 0, count: 128) + Array("DICM".utf8) + element(0x0000, "UL", length) + meta)
            + Data(try object.encoded(as: .explicitVRLittleEndian))
    }
}
