import DICOMCore
import Foundation
import NodeTestSupport
import Testing

@testable import Results

/// Pictures to be looked at by a person: for each 8-bit PGM file of the folder OVERREAD_GALLERY a PNG file beside it.
@Suite("Gallery", .enabled(if: ProcessInfo.processInfo.environment["OVERREAD_GALLERY"] != nil))
struct GalleryTests {
    @Test("A picture of each radiograph is written")
    func gallery() throws {
        let folder = ProcessInfo.processInfo.environment["OVERREAD_GALLERY"] ?? ""
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".pgm") }.sorted()
        for (number, name) in names.enumerated() {
            let display = try pgm(at: "\(folder)/\(name)")
            let image = Fixture.image(rows: display.height * 2, columns: display.width * 2)
            var finding = Fixture.mass
            finding.code =
                [
                    finding.code, CodedConcept("60046008", "SCT", "Pleural effusion"),
                    CodedConcept("36118008", "SCT", "Pneumothorax"),
                ][number % 3]
            finding.laterality = [.left, .bilateral, nil][number % 3]
            finding.isCalibrated = number % 2 == 0
            let picture = HeatmapPicture(
                display: display, heat: try blobs(over: image), finding: finding, image: image,
                imageNumber: number % 2 + 1, imageCount: number % 2 + 1, algorithm: Fixture.input().algorithm,
                time: Fixture.input().analysisTime, language: number % 4 == 3 ? .german : .english)
            let start = ContinuousClock.now
            let drawn = try picture.draw()
            print("\(name): \(display.width) x \(display.height) in \(ContinuousClock.now - start)")
            try HeatmapPNG.write(drawn, to: "\(folder)/\(name.dropLast(4)).png")
        }
    }

    /// Binary PGM, maximum 255.
    private func pgm(at path: String) throws -> DisplayPixels {
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        let header = bytes.prefix(60).split(whereSeparator: { $0 == 0x0A || $0 == 0x20 }).prefix(4)
        let numbers = header.dropFirst().compactMap { Int(String(decoding: $0, as: UTF8.self)) }
        return try DisplayPixels(
            width: numbers[0], height: numbers[1], values: Array(bytes.suffix(numbers[0] * numbers[1])))
    }

    /// Two warm places and background chatter, as a patch head gives it.
    private func blobs(over image: SourceImage) throws -> HeatGrid {
        var values: [Float] = []
        for row in 0..<32 {
            for column in 0..<32 {
                let (x, y) = ((Double(column) + 0.5) / 32, (Double(row) + 0.5) / 32)
                let first = 0.93 * exp(-(pow(x - 0.68, 2) + pow(y - 0.42, 2)) / 0.008)
                let second = 0.7 * exp(-(pow((x - 0.3) / 2, 2) + pow(y - 0.66, 2)) / 0.003)
                let chatter = 0.08 * abs(sin(Double(row * 7 + column * 13)))
                values.append(Float(min(1, max(first, second) + chatter)))
            }
        }
        return try HeatGrid(
            columns: 32, rows: 32, values: values,
            area: ReportedRegion(left: 0, top: 0, right: Double(image.columns), bottom: Double(image.rows)))
    }
}
