import DCMTKBridge
import DICOMCore
import DeIdentification
import Detection
import Foundation
import Results

/// The node's detector on files, as `overread analyse` uses it.
package final class FileAnalysis: Sendable {
    private let detector: Detector

    /// Loads the model. Blocks for a second or so.
    @available(*, noasync, message: "blocks: call it from a thread")
    package init(_ configuration: NodeConfiguration) throws {
        try DCMTKRuntime.initialize(adding: DictionarySupplement2026d.entries)
        let threads = configuration.inferenceThreads
        detector = try Detector(
            modelFolder: try ModelSelection.only(in: configuration.modelsFolder), threads: threads > 0 ? threads : nil)
    }

    /// The model in one line.
    package var model: String { "\(detector.model.name) \(detector.model.version)" }

    /// Analyses one file.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func analyse(_ path: String) throws -> ImageAnalysis { try detector.analyse(file: path) }

    /// Draws the heatmap of the likeliest finding that is present, as the node's secondary captures show it.
    /// - Returns: the finding's key; nil, and nothing is written, when no finding is present.
    @available(*, noasync, message: "blocks: call it from a thread")
    package func writeHeatmap(of analysis: ImageAnalysis, _ path: String, to png: String) throws -> String? {
        let present = analysis.findings.filter { $0.isPresent && $0.heat != nil }
        guard let finding = present.max(by: { $0.probability < $1.probability }), let heat = finding.heat,
            let algorithm = Algorithm(analysis.model)
        else { return nil }
        let image = try Detection.SourceImage(file: path)
        let picture = DisplayPicture(image.pixels, image.display, longSide: ResultAssembly.heatmapSide)
        let input = ReportInput(
            images: [AnalysedImage(image: try Self.source(path), outcome: AnalysisOutcome(analysis))],
            algorithm: algorithm,
            node: ResultAssembly.equipment(NodeIdentity.version),
            analysisTime: AnalysisTime(
                secondsSince1970: Int64(Date().timeIntervalSince1970),
                utcOffsetMinutes: TimeZone.current.secondsFromGMT() / 60),
            inputDigest: [UInt8](repeating: 0, count: 32))
        let request = SecondaryCapture.Request(
            imageIndex: 0, findingKey: finding.key,
            display: try DisplayPixels(width: picture.columns, height: picture.rows, values: picture.pixels),
            heat: try Results.HeatGrid(heat), heatLevel: heat.level, method: "patch probabilities of the model",
            number: 1)
        try HeatmapPNG.write(try SecondaryCapture.picture(request, input).draw(), to: png)
        return finding.key
    }

    /// The file's own header serves as identity here: nothing of it is written into a picture.
    private static func source(_ path: String) throws -> Results.SourceImage {
        let file = try Data(contentsOf: URL(filePath: path), options: .mappedIfSafe)
        let header = try file.withUnsafeBytes { bytes in
            let location = try PixelDataLocation(parsing: bytes)
            return try DataSet(
                parsing: UnsafeRawBufferPointer(rebasing: bytes[location.header]),
                transferSyntax: location.meta.transferSyntax
            ).encoded(as: .explicitVRLittleEndian)
        }
        return try SpoolImage.source(
            file: path, identity: DataSet(parsing: header, transferSyntax: .explicitVRLittleEndian))
    }
}
