import Crypto
import DCMTKBridge
import DICOMCore
import Foundation
import NodeTestSupport
import Testing

@testable import Results

/// Objects as files, read by programs that are not ours.
@Suite("Results as other programs read them")
struct PeerTests {
    struct Sample: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var outcomes: [AnalysisOutcome]
        var shape = ReportShape.comprehensive3D
        var language = ReportLanguage.english
    }

    static let samples: [Sample] = [
        Sample(testDescription: "positive", outcomes: [.analysed([Fixture.mass, Fixture.effusion])]),
        Sample(testDescription: "negative", outcomes: Fixture.negative),
        Sample(testDescription: "failed", outcomes: Fixture.failed),
        Sample(testDescription: "out of scope", outcomes: Fixture.outOfScope),
        Sample(testDescription: "several images", outcomes: Fixture.mixed),
        Sample(testDescription: "Comprehensive SR", outcomes: [.analysed([Fixture.mass])], shape: .comprehensive),
        Sample(testDescription: "in German", outcomes: Fixture.mixed, language: .german),
    ]

    private func input(_ sample: Sample) -> ReportInput {
        var input = Fixture.input(sample.outcomes)
        input.shape = sample.shape
        input.language = sample.language
        return input
    }

    private func report(_ sample: Sample, in folder: TemporaryFolder) throws -> String {
        let object = try StructuredReport.build(input(sample), identity: try Fixture.identity())
        return try write(object, to: folder, "report.dcm")
    }

    private func write(_ object: borrowing DataSet, to folder: TemporaryFolder, _ name: String) throws -> String {
        let bytes = try Fixture.file(object)
        let path = folder.path(name)
        try bytes.write(to: URL(filePath: path))
        // For looking at by hand.
        if let kept = ProcessInfo.processInfo.environment["OVERREAD_RESULT_SAMPLES"] {
            try bytes.write(to: URL(filePath: "\(kept)/\(UUID().uuidString)-\(name)"))
        }
        return path
    }

    private func errors(_ finished: Finished) -> [Substring] {
        finished.everything.split(separator: "\n").filter { $0.hasPrefix("Error") }
    }

    /// What dciodvfy may warn of: our private scheme; Device UID, which its 2022 tables do not have; the detector's
    /// spacing, which is not in the SC Image IOD and allowed as a standard extension (PS3.4 B.4.1): under another name
    /// it would lie.
    private func unexpectedWarnings(_ finished: Finished) -> [Substring] {
        finished.everything.split(separator: "\n").filter { line in
            line.hasPrefix("Warning") && !line.contains("99OVERREAD") && !line.contains("DeviceUID")
                && !line.contains("ImagerPixelSpacing(0018,1164)> - Attribute is not present")
        }
    }

    @Test("dciodvfy finds no error in a report", .enabled(if: PeerTool.available("dciodvfy")), arguments: samples)
    func reportIsConformant(sample: Sample) async throws {
        let folder = try TemporaryFolder()
        let finished = try await run(try PeerTool.find("dciodvfy"), ["-new", try report(sample, in: folder)])
        #expect(errors(finished).isEmpty && finished.succeeded, "\(finished.everything)")
        #expect(unexpectedWarnings(finished).isEmpty)
    }

    @Test(
        "dciodvfy finds no error in a heatmap", .enabled(if: PeerTool.available("dciodvfy")), arguments: [false, true])
    func heatmapIsConformant(isCalibrated: Bool) async throws {
        let folder = try TemporaryFolder()
        var input = Fixture.input()
        if isCalibrated {
            input.images[0].image.isLossy = true
            input.images[0].image.laterality = "L"
            input.images[0].image.spacing = PixelSpacing(
                pixelSpacing: PixelSpacing.Pair(row: 0.2, column: 0.1), calibrationType: "GEOMETRY",
                calibrationDescription: String(repeating: "d", count: 64))
        }
        let object = try SecondaryCapture.build(
            try Fixture.request(), input, identity: try Fixture.identity())
        let finished = try await run(
            try PeerTool.find("dciodvfy"), ["-new", try write(object, to: folder, "heatmap.dcm")])
        #expect(errors(finished).isEmpty && finished.succeeded, "\(finished.everything)")
        #expect(unexpectedWarnings(finished).isEmpty)
    }

    @Test("dsrdump reads a report without complaint", .enabled(if: PeerTool.available("dsrdump")), arguments: samples)
    func dump(sample: Sample) async throws {
        let folder = try TemporaryFolder()
        let finished = try await run(try PeerTool.find("dsrdump"), ["+Pc", "+Pt", try report(sample, in: folder)])
        let complaints = finished.everything.split(separator: "\n").filter { $0.hasPrefix("E:") || $0.hasPrefix("W:") }
        #expect(finished.succeeded && complaints.isEmpty, "\(complaints)")
        let kind = sample.shape == .comprehensive ? "Comprehensive SR Document" : "Comprehensive 3D SR Document"
        #expect(finished.output.contains(kind))
        #expect(finished.output.contains("TID 1500 (DCMR"))
    }

    @Test("dcentvfy finds report and heatmap in agreement", .enabled(if: PeerTool.available("dcentvfy")))
    func entities() async throws {
        let folder = try TemporaryFolder()
        let heatmap = try SecondaryCapture.build(
            try Fixture.request(), Fixture.input(), identity: try Fixture.identity())
        let finished = try await run(
            try PeerTool.find("dcentvfy"),
            [try report(PeerTests.samples[0], in: folder), try write(heatmap, to: folder, "heatmap.dcm")])
        // The accession number stands in the referenced request too, which dcentvfy takes for another entity's.
        let unexpected = finished.everything.split(separator: "\n").filter { !$0.contains("<AccessionNumber>") }
        #expect(unexpected.isEmpty, "\(finished.everything)")
    }

    @Test(
        "Two decoders see the pixels that were drawn",
        .enabled(if: PeerTool.available("dcm2pnm") && PeerTool.pythonAvailable))
    func decoders() async throws {
        struct Pixels: Decodable {
            let shape: [Int]
            let digest: String
        }
        let folder = try TemporaryFolder()
        // An odd number of bytes, so that the padding is there too.
        let request = try Fixture.request(width: 125, height: 150)
        let drawn = try SecondaryCapture.picture(request, Fixture.input()).draw()
        let object = try SecondaryCapture.build(request, Fixture.input(), identity: try Fixture.identity())
        let path = try write(object, to: folder, "heatmap.dcm")
        let finished = try await PeerTool.python("read_pixels.py", [path])
        let read = try JSONDecoder().decode(Pixels.self, from: Data(finished.output.utf8))
        #expect(read.shape == [drawn.height, drawn.width, 3])
        #expect(
            read.digest
                == SHA256.hash(data: drawn.pixels).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
                .joined())
        let converted = try await run(
            try PeerTool.find("dcm2pnm"), ["--write-raw-pnm", path, folder.path("image.ppm")])
        #expect(converted.succeeded, "\(converted.everything)")
        let file = [UInt8](try Data(contentsOf: URL(filePath: folder.path("image.ppm"))))
        #expect(Array(file.suffix(drawn.pixels.count)) == drawn.pixels)
    }

    // MARK: highdicom

    private struct Read: Decodable {
        struct Code: Decodable, Equatable {
            let value: String
            let scheme: String
        }
        struct Number: Decodable {
            let concept: Code
            let value: Double
            let unit: String
        }
        struct Site: Decodable {
            let site: Code
            let laterality: Code?
        }
        struct Evaluation: Decodable {
            let concept: Code
            let value: Code
        }
        struct Group: Decodable {
            let tracking_identifier: String
            let tracking_uid: String
            let finding: Code?
            let sites: [Site]
            let numbers: [Number]
            let evaluations: [Evaluation]
            let graphic_type: String?
            let points: [[Double]]?
            let image: [String]?
        }
        let sop_class: String
        let patient_name: String
        let patient_id: String
        let completion: String
        let image_level: [Group]
        let planar: [Group]
    }

    private func read(_ path: String) async throws -> Read {
        let finished = try await PeerTool.python("read_report.py", [path])
        guard finished.succeeded else { throw TestSupportError("read_report.py: \(finished.everything)") }
        return try JSONDecoder().decode(Read.self, from: Data(finished.output.utf8))
    }

    @Test("highdicom reads the values that were written", .enabled(if: PeerTool.pythonAvailable), arguments: samples)
    func highdicom(sample: Sample) async throws {
        let folder = try TemporaryFolder()
        let read = try await read(try report(sample, in: folder))
        #expect(read.patient_name == "Doe^Jane^^^" && read.patient_id == "PID 0042")
        let findings = sample.outcomes.flatMap { outcome in
            if case .analysed(let findings) = outcome { findings } else { [ReportedFinding]() }
        }
        let statuses = sample.outcomes.count > 1 ? sample.outcomes.count + 1 : 1
        #expect(read.image_level.count == findings.count + statuses)
        for (finding, group) in zip(findings, read.image_level.dropFirst(statuses)) {
            #expect(group.finding?.value == finding.code.value)
            let probability = group.numbers.first { $0.concept.value == "122157" }
            #expect(abs((probability?.value ?? -1) - finding.probability) < 1e-6 && probability?.unit == "1")
            let answer = group.evaluations.first { $0.concept.value == finding.code.value }?.value.value
            #expect(answer == (finding.isPresent ? "52101004" : "272519000"))
            #expect(group.sites.first?.site.value == finding.findingSite?.value)
            #expect(group.sites.first?.laterality?.value == finding.laterality?.concept.value)
        }
        let regions = findings.flatMap(\.regions)
        #expect(read.planar.count == regions.count)
        for (region, group) in zip(regions, read.planar) {
            #expect(group.graphic_type == "POLYLINE")
            let points = group.points ?? []
            #expect(points.count == 5 && points.first == points.last)
            let (xs, ys) = (points.map { $0[0] }, points.map { $0[1] })
            #expect(abs((xs.min() ?? -1) - region.left) < 1e-3 && abs((xs.max() ?? -1) - region.right) < 1e-3)
            #expect(abs((ys.min() ?? -1) - region.top) < 1e-3 && abs((ys.max() ?? -1) - region.bottom) < 1e-3)
            #expect(group.image == [Fixture.image().sopInstanceUID.uid.value])
        }
        let groups = read.image_level + read.planar
        #expect(Set(groups.map(\.tracking_uid)).count == groups.count)
        #expect(groups.allSatisfy { !$0.tracking_identifier.isEmpty })
    }

    @Test("pydicom's dictionaries have each code that a report uses", .enabled(if: PeerTool.pythonAvailable))
    func codes() async throws {
        let folder = try TemporaryFolder()
        let lines = Concept.standard.map { "\($0.value)\t\($0.scheme)\t\($0.meaning)" }
        try Data(lines.joined(separator: "\n").utf8).write(to: URL(filePath: folder.path("codes")))
        let finished = try await PeerTool.python("check_codes.py", [folder.path("codes")])
        #expect(finished.succeeded, "\(finished.everything)")
    }

    // MARK: Odd strings

    /// Character set and Patient's Name.
    static let oddNames: [(String, [UInt8])] = {
        let latin: [UInt8] = [0x4D, 0xFC, 0x6C, 0x6C, 0x65, 0x72, 0x5E, 0x4A, 0xF6, 0x72, 0x67]
        // PS3.5 H.3.1: Yamada^Tarou in romaji and, between escape sequences, in kanji.
        var japanese = Array("Yamada^Tarou=".utf8)
        japanese += [0x1B, 0x24, 0x42, 0x3B, 0x33, 0x45, 0x44, 0x1B, 0x28, 0x42, 0x5E]
        japanese += [0x1B, 0x24, 0x42, 0x42, 0x40, 0x4F, 0x3A, 0x1B, 0x28, 0x42]
        return [
            ("ISO_IR 100", latin), ("ISO_IR 192", Array("Müller^Jörg=山田^太郎=やまだ^たろう".utf8)),
            ("\\ISO 2022 IR 87", japanese), ("ISO_IR 100", Array(String(repeating: "N", count: 64).utf8)),
            ("", Array("^^^^".utf8)), ("ISO_IR 100", []),
        ]
    }()

    @Test(
        "Odd originals come through byte by byte and stay conformant",
        .enabled(if: PeerTool.available("dciodvfy")),
        arguments: oddNames)
    func oddStrings(characterSet: String, name: [UInt8]) async throws {
        let folder = try TemporaryFolder()
        let identity = try Fixture.identity { set in
            try set.set(.specificCharacterSet, characterSet)
            try set.set(.patientName, vr: "PN", bytes: name)
            try set.set(.patientID, String(repeating: "9", count: 64))
            try set.set(.studyDescription, String(repeating: "s", count: 64))
            try set.remove(.accessionNumber)
        }
        let object = try StructuredReport.build(Fixture.input(), identity: identity)
        #expect(object.bytes(.patientName) == identity.bytes(.patientName))
        #expect(object.string(.specificCharacterSet) == (characterSet.isEmpty ? nil : characterSet))
        try await check(object, Fixture.input(), identity, in: folder)

        // A word of ours outside ASCII: the object is in UTF-8, with the original's text converted.
        var input = Fixture.input()
        input.algorithm.manufacturer = "Prüfstelle"
        let converted = try identity.copy()
        try converted.convertToUTF8()
        let inUTF8 = try StructuredReport.build(input, identity: identity)
        #expect(inUTF8.bytes(.patientName) == converted.bytes(.patientName))
        #expect(inUTF8.string(.specificCharacterSet) == "ISO_IR 192")
        if characterSet.contains("IR 87") { #expect(inUTF8.string(.patientName) == "Yamada^Tarou=山田^太郎") }
        try await check(inUTF8, input, identity, in: folder)
    }

    private func check(
        _ object: borrowing DataSet, _ input: ReportInput, _ identity: borrowing DataSet, in folder: TemporaryFolder
    ) async throws {
        try ResultValidation.check(
            try object.encoded(as: .explicitVRLittleEndian), as: .explicitVRLittleEndian, input, identity: identity,
            forbidden: [])
        let finished = try await run(try PeerTool.find("dciodvfy"), ["-new", try write(object, to: folder, "odd.dcm")])
        #expect(errors(finished).isEmpty, "\(finished.everything)")
    }

    @Test(
        "Odd attributes of the source are left out and park nothing",
        .enabled(if: PeerTool.available("dciodvfy")))
    func oddSource() async throws {
        let folder = try TemporaryFolder()
        var input = Fixture.input()
        input.images[0].image.laterality = "left"
        input.images[0].image.bodyPartExamined = "THE WHOLE OF THE CHEST"
        input.images[0].image.patientOrientation = ["L", "F", "X"]
        input.images[0].image.view = CodedConcept("", "SCT", String(repeating: "v", count: 70))
        input.images[0].image.modality = "ZZ"
        input.images[0].image.spacing = PixelSpacing(
            pixelSpacing: PixelSpacing.Pair(row: 0.2, column: 0.2), calibrationType: "GUESS",
            calibrationDescription: String(repeating: "Röntgen ", count: 20))
        let identity = try Fixture.identity()
        try await check(try StructuredReport.build(input, identity: identity), input, identity, in: folder)
        let heatmap = try SecondaryCapture.build(try Fixture.request(), input, identity: identity)
        #expect(heatmap.string(Tag(0x0028, 0x0030)) == "0.2\\0.2")
        #expect(heatmap.vr(Tag(0x0028, 0x0A02)) == nil && heatmap.vr(Tag(0x0018, 0x0015)) == nil)
        try await check(heatmap, input, identity, in: folder)
        #expect(PixelSpacing.Pair(row: 0, column: 1) == nil && PixelSpacing.Pair(row: .nan, column: 1) == nil)
    }

    @Test("Text that is not of its character set stays as it is")
    func brokenText() throws {
        let identity = try Fixture.identity { set in
            try set.set(.specificCharacterSet, "ISO_IR 192")
            try set.set(.patientName, vr: "PN", bytes: [0x4D, 0xFC, 0x6C])
        }
        let object = try StructuredReport.build(Fixture.input(), identity: identity)
        let name = object.bytes(.patientName).map { Array($0.prefix(3)) }
        #expect(name == [0x4D, 0xFC, 0x6C])
    }
}
