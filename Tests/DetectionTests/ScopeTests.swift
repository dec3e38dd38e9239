import DCMTKBridge
import Foundation
import NodeTestSupport
import Testing

@testable import Detection

@Suite struct ScopeTests {
    private struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let outcome: ImageAnalysis.Outcome
        let change: @Sendable (inout PictureFile) -> Void

        init(
            _ description: String, _ outcome: ImageAnalysis.Outcome,
            _ change: @escaping @Sendable (inout PictureFile) -> Void
        ) {
            testDescription = description
            self.outcome = outcome
            self.change = change
        }
    }

    private static let cases: [Case] = [
        Case("a chest, PA", .analysed) { _ in },
        Case("a chest, AP, DX", .analysed) { file in
            file[0x0018_5101, "CS"] = "AP"
            file[0x0008_0060, "CS"] = "DX"
            file[0x0008_0068, "CS"] = "FOR PRESENTATION"
        },
        Case("no body part and no view", .analysed) { file in
            file[0x0018_5101, "CS"] = nil
            file[0x0018_0015, "CS"] = nil
        },
        Case("a CT", .outOfScope(.modality)) { $0[0x0008_0060, "CS"] = "CT" },
        Case("no modality", .outOfScope(.modality)) { $0[0x0008_0060, "CS"] = nil },
        Case("a hand", .outOfScope(.bodyPart)) { $0[0x0018_0015, "CS"] = "HAND" },
        Case("a left lateral", .outOfScope(.view)) { $0[0x0018_5101, "CS"] = "LL" },
        Case("a lateral by its orientation", .outOfScope(.view)) { file in
            file[0x0018_5101, "CS"] = nil
            file[0x0020_0020, "CS"] = "A\\F"
        },
        Case("a lateral by its series' description", .outOfScope(.view)) { file in
            file[0x0018_5101, "CS"] = nil
            file[0x0008_103E, "LO"] = "W Chest Lat."
        },
        Case("raw detector values", .outOfScope(.forProcessing)) { $0[0x0008_0068, "CS"] = "FOR PROCESSING" },
        Case("a palette picture", .outOfScope(.photometric)) { $0[0x0028_0004, "CS"] = "PALETTE COLOR" },
        Case("an RGB picture", .outOfScope(.colour)) { $0[0x0028_0004, "CS"] = "RGB" },
        Case("three samples per pixel", .outOfScope(.colour)) { $0.set(0x0028_0002, 3) },
        Case("several frames", .outOfScope(.multiFrame)) { $0[0x0028_0008, "IS"] = "2" },
        Case("32 bits", .outOfScope(.pixelFormat)) { $0.set(0x0028_0100, 32) },
        Case("too many pixels", .outOfScope(.tooLarge)) { file in
            file.set(0x0028_0010, 65000)
            file.set(0x0028_0011, 65000)
        },
        Case("HTJ2K", .outOfScope(.transferSyntax)) { $0.transferSyntax = "1.2.840.10008.1.2.4.201" },
        Case("no pixel data", .failed(.noPixelData)) { $0.pixels = nil },
        Case("empty pixel data", .failed(.noPixelData)) { $0.pixels = [] },
        Case("too few pixels", .failed(.truncatedPixelData)) { $0.pixels?.removeLast(2) },
        Case("no rows", .failed(.unreadableHeader)) { $0.set(0x0028_0010, 0) },
        Case("more bits stored than allocated", .failed(.unreadableHeader)) { $0.set(0x0028_0101, 17) },
        Case("a window that is no number", .failed(.unreadableHeader)) { file in
            file[0x0028_1050, "DS"] = "broad"
            file[0x0028_1051, "DS"] = "4000"
        },
    ]

    @Test("What the manifest does not accept is out of scope, and what is broken has failed")
    func theScopeIsKept() throws {
        let detector = try makeDetector()
        for item in ScopeTests.cases {
            var file = PictureFile.square(rows: 64, columns: 64, left: 8, top: 8, size: 16)
            item.change(&file)
            let analysis = try analyse(detector, file)
            #expect(analysis.outcome == item.outcome, "\(item.testDescription)")
            #expect(analysis.findings.isEmpty == (item.outcome != .analysed))
            #expect(try JSONDecoder().decode(ImageAnalysis.self, from: analysis.json()) == analysis)
        }
    }

    @Test("Files that are no DICOM files, or end anywhere, are not analysed and never trap")
    func brokenFilesAreNotAnalysed() throws {
        let detector = try makeDetector()
        let folder = try TemporaryFolder()
        let whole = PictureFile.square(rows: 16, columns: 16, left: 1, top: 1, size: 4).bytes
        let path = folder.path("broken.dcm")
        for count in stride(from: 0, to: whole.count, by: 7) {
            try Data(whole.prefix(count)).write(to: URL(filePath: path))
            // A file cut between two elements is a sound one without the rest, so it may be out of scope.
            #expect(try detect(detector, path).outcome != .analysed, "\(count) bytes of \(whole.count)")
        }
        try Data(repeating: 0x41, count: 4000).write(to: URL(filePath: path))
        #expect(try detect(detector, path).outcome == .failed(.unreadableHeader))
    }

    @Test("Each reason has a sentence of its own")
    func eachReasonHasASentence() {
        #expect(Set(ImageReason.allCases.map(\.sentence)).count == ImageReason.allCases.count)
    }

    private func detect(_ detector: Detector, _ path: String) throws -> ImageAnalysis {
        try detector.analyse(file: path)
    }
}
