import DCMTKBridge
import Foundation
import NodeTestSupport
import Testing

@testable import Detection

/// A detector over a tiny model, loaded on the test's own thread.
func makeDetector(_ model: TinyModel = TinyModel(), manifest: String? = nil, threads: Int = 1) throws -> Detector {
    try DCMTKRuntime.initialize()
    let folder = try TemporaryFolder()
    let path = try model.write(in: folder, "model", manifest: manifest ?? model.manifest, onnx: model.onnx)
    return try Detector(modelFolder: path, threads: threads)
}

/// Analyses on the test's own thread.
func analyse(_ detector: Detector, _ file: PictureFile) throws -> ImageAnalysis {
    let folder = try TemporaryFolder()
    return try detector.analyse(file: try file.write(in: folder))
}

@Suite struct DetectorTests {
    private static let square = PictureFile.square(rows: 1000, columns: 800, left: 100, top: 300, size: 150)

    @Test("A bright square is found where it is, in stored pixels")
    func aSquareIsFoundWhereItIs() throws {
        let detector = try makeDetector()
        let wide = PictureFile.square(rows: 700, columns: 1400, left: 1000, top: 200, size: 180)
        var dark = PictureFile.square(
            rows: 1000, columns: 800, left: 100, top: 300, size: 150, background: 4095, foreground: 0)
        dark[0x0028_0004, "CS"] = "MONOCHROME1"
        for (file, left, top, size, cell) in [
            (DetectorTests.square, 100.0, 300.0, 150.0, 31.25), (wide, 1000, 200, 180, 43.75),
            (dark, 100, 300, 150, 31.25),
        ] {
            let analysis = try analyse(detector, file)
            #expect(analysis.outcome == .analysed)
            let finding = try #require(analysis.findings.first)
            #expect(finding.key == "bright" && finding.isPresent && finding.confidence == .high)
            let region = try #require(finding.regions.first)
            #expect(finding.regions.count == 1)
            // A patch counts as bright when half of it is, so a side may be off by half a patch.
            for (found, expected) in [
                (region.left, left), (region.top, top), (region.right, left + size), (region.bottom, top + size),
            ] { #expect(abs(found - expected) <= cell / 2 + 1, "\(region)") }
            #expect((left...left + size).contains(region.peakX) && (top...top + size).contains(region.peakY))
            let dark = analysis.findings[1]
            #expect(dark.isPresent, "the background is dark")
        }
    }

    @Test("The box is that of the contour in the heat map")
    func theBoxIsThatOfTheContour() throws {
        let finding = try #require(try analyse(try makeDetector(), DetectorTests.square).findings.first)
        let (heat, region) = (try #require(finding.heat), try #require(finding.regions.first))
        let map = HeatMap(heat, sourceRows: 1000, sourceColumns: 800, rows: 1000, columns: 800)
        let inside = map.values.indices.filter { Double(map.values[$0]) >= map.level }
        let columns = inside.map { Double($0 % 800) + 0.5 }
        let rows = inside.map { Double($0 / 800) + 0.5 }
        let found = [columns.min(), rows.min(), columns.max(), rows.max()].compactMap { $0 }
        for (a, b) in zip(found, [region.left, region.top, region.right, region.bottom]) { #expect(abs(a - b) <= 1) }
        let hottest = try #require(map.values.indices.max { map.values[$0] < map.values[$1] })
        #expect((region.left...region.right).contains(Double(hottest % 800)))
        #expect((region.top...region.bottom).contains(Double(hottest / 800)))
    }

    @Test("A class that is absent has no region, and no side")
    func anAbsentClassHasNoRegion() throws {
        let blank = PictureFile.square(rows: 600, columns: 600, left: 0, top: 0, size: 0)
        let finding = try #require(try analyse(try makeDetector(), blank).findings.first)
        #expect(!finding.isPresent && finding.regions.isEmpty && finding.laterality == nil && finding.heat != nil)
        #expect(finding.confidence == .high && finding.probability < 0.01)
    }

    @Test("The heat grid has the patches whose centre is on the picture, and at least one")
    func theGridCoversThePicture() throws {
        let detector = try makeDetector()
        let tall = try #require(try analyse(detector, DetectorTests.square).findings.first?.heat)
        // 800 columns become 410 of the canvas's 512, from 51 on: patches 3 (centre 56) to 28 (centre 456).
        #expect((tall.rows, tall.columns) == (32, 26))
        #expect(abs(tall.left - -3 * 800 / 410.0) < 1e-9 && tall.top == 0)
        #expect(abs(tall.cellWidth - 16 * 800 / 410.0) < 1e-9 && tall.cellHeight == 31.25)
        let line = PictureFile.square(rows: 3000, columns: 9, left: 0, top: 100, size: 9)
        let thin = try #require(try analyse(detector, line).findings.first?.heat)
        #expect((thin.rows, thin.columns) == (32, 1))
    }

    @Test("The side is the patient's, and only given where the orientation is known")
    func theSideIsThePatients() throws {
        let detector = try makeDetector()
        func side(_ change: (inout PictureFile) -> Void) throws -> (Laterality?, ImageOrientation.Basis?) {
            var file = DetectorTests.square
            change(&file)
            let analysis = try analyse(detector, file)
            return (analysis.findings.first?.laterality, analysis.orientation?.basis)
        }
        #expect(try side { $0[0x0020_0020, "CS"] = "L\\F" } == (.right, .patientOrientation))
        #expect(try side { $0[0x0020_0020, "CS"] = "R\\F" } == (.left, .patientOrientation))
        #expect(try side { _ in } == (.right, .assumed))
        #expect(try side { $0[0x0018_5101, "CS"] = nil } == (nil, .unknown))
        #expect(try side { $0[0x0020_0020, "CS"] = "H\\L" } == (nil, .unknown))
        let middle = PictureFile.square(rows: 1000, columns: 800, left: 340, top: 300, size: 120)
        #expect(try analyse(detector, middle).findings.first?.laterality == nil)
    }

    @Test("A model without patches gives findings without places")
    func aPlainClassifierWorks() throws {
        let model = TinyModel()
        let yaml = model.manifest.replacing(/\n  patch_logits: .*/, with: "").replacing(
            /\n  patch_t[a-z]*: .*/, with: "")
        let finding = try #require(
            try analyse(try makeDetector(model, manifest: yaml), DetectorTests.square).findings.first)
        #expect(finding.isPresent && finding.heat == nil && finding.regions.isEmpty && finding.confidence == .high)
    }

    @Test("A normalisation that overflows is a failure, never a number")
    func anInputThatIsNotFiniteIsAFailure() throws {
        let model = TinyModel()
        let yaml = model.manifest.replacing("std: 1.0", with: "std: 1.0e-40")
        let analysis = try analyse(try makeDetector(model, manifest: yaml), DetectorTests.square)
        #expect(analysis.outcome == .failed(.nonFiniteInput) && analysis.findings.isEmpty)
    }

    @Test("NaN from the model is a failure, never a number", arguments: [Float.nan, .infinity, -.infinity])
    func nanIsAFailure(bias: Float) throws {
        var model = TinyModel()
        model.biases[1] = bias
        let analysis = try analyse(try makeDetector(model), DetectorTests.square)
        #expect(analysis.outcome == .failed(.nonFiniteOutput) && analysis.findings.isEmpty)
        let json = String(decoding: try analysis.json(), as: UTF8.self)
        #expect(json.contains(#""outcome":{"reason":"non-finite-output","status":"failed"}"#))
        #expect(!json.contains("probability"))
    }

    @Test("Probabilities are calibrated as the manifest says")
    func probabilitiesAreCalibrated() throws {
        let model = TinyModel()
        let plain = try #require(try analyse(try makeDetector(model), DetectorTests.square).findings.first)
        let yaml = model.manifest.replacing("temperature: 1.0\n  bias: 0.0", with: "temperature: 4.0\n  bias: -3.0")
        let changed = try #require(
            try analyse(try makeDetector(model, manifest: yaml), DetectorTests.square).findings.first)
        let logit = log(plain.probability / (1 - plain.probability))
        #expect(abs(changed.probability - 1 / (1 + exp(-(logit / 4 - 3)))) < 1e-9)
        #expect(!changed.isPresent && changed.confidence == .low)
    }

    @Test("The same file gives the same bytes, in another detector and with other threads too")
    func theSameFileGivesTheSameBytes() throws {
        let first = try analyse(try makeDetector(threads: 1), DetectorTests.square).json()
        let detector = try makeDetector(threads: 2)
        for _ in 0..<3 { #expect(try analyse(detector, DetectorTests.square).json() == first) }
        #expect(try JSONDecoder().decode(ImageAnalysis.self, from: first).json() == first)
    }

    @Test("Nothing of the patient is in the answer")
    func nothingOfThePatientIsInTheAnswer() throws {
        var file = DetectorTests.square
        let planted: [(UInt32, String, String)] = [
            (0x0010_0010, "PN", "PLANTED^NAME"), (0x0010_0020, "LO", "PLANTEDID"), (0x0008_0050, "SH", "PLANTEDACC"),
            (0x0008_0018, "UI", "1.2.3.4444.5555"), (0x0020_000D, "UI", "1.2.3.4444.6666"),
            (0x0008_103E, "LO", "PLANTED SERIES"), (0x0018_0015, "CS", "PLANTED PART"),
        ]
        for (tag, vr, text) in planted { file[tag, vr] = text }
        let detector = try makeDetector()
        for part in ["PLANTED PART", "CHEST"] {
            file[0x0018_0015, "CS"] = part
            let json = String(decoding: try analyse(detector, file).json(), as: UTF8.self)
            #expect(!json.uppercased().contains("PLANTED") && !json.contains("4444"))
        }
    }

    @Test("A file that cannot be read throws: it is not the image's fault")
    func anUnreadableFileThrows() throws {
        let folder = try TemporaryFolder()
        let detector = try makeDetector()
        #expect(throws: FileReadError(errno: ENOENT)) { _ = try analyseFile(detector, folder.path("nothing.dcm")) }
        #expect(throws: FileReadError(errno: EINVAL)) { _ = try analyseFile(detector, folder.url.path) }
    }

    private func analyseFile(_ detector: Detector, _ path: String) throws -> ImageAnalysis {
        try detector.analyse(file: path)
    }
}
