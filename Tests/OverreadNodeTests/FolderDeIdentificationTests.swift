import DCMTKBridge
import DICOMCore
import DeIdentification
import Foundation
import NodeTestSupport
import Testing

@testable import OverreadNode

/// A small CR image as a test wants it.
struct TestImage {
    var instance = "1.2.3.4"
    var patient = "CANARY-ID"
    var name = "Canary^Patient"
    var sopClass = "1.2.840.10008.5.1.4.1.1.1"
    /// Elements as encoded, in Explicit VR Little Endian, that stand between group 0008 and group 0010.
    var inserted: [UInt8] = []
    var strings: [(DICOMCore.Tag, String)] = []
    /// Bytes behind the meta information that replace the data set.
    var dataSet: [UInt8]?

    func bytes() throws -> [UInt8] {
        let uid = SOPInstanceUID(try #require(UID(instance)))
        let meta = FileMetaInformation.encoded(
            sopClass: try #require(SOPClassUID(sopClass)), sopInstance: uid, transferSyntax: .explicitVRLittleEndian)
        if let dataSet { return meta + dataSet }
        let front = try DataSet()
        try front.set(Tag(0x0008, 0x0016), sopClass)
        try front.set(Tag(0x0008, 0x0018), instance)
        let rest = try DataSet()
        for (tag, value) in [
            (Tag(0x0010, 0x0010), name), (Tag(0x0010, 0x0020), patient), (Tag(0x0020, 0x000D), "1.2.3"),
            (Tag(0x0020, 0x000E), "1.2.3.5"), (Tag(0x0028, 0x0004), "MONOCHROME2"),
        ] + strings.filter({ $0.0.group > 8 }) { try rest.set(tag, value) }
        for (tag, value) in strings where tag.group == 8 { try front.set(tag, value) }
        for (element, value) in [(2, 1), (0x10, 2), (0x11, 2), (0x100, 8), (0x101, 8), (0x102, 7), (0x103, 0)] {
            try rest.set(Tag(0x0028, UInt16(element)), numbers: [Double(value)])
        }
        try rest.set(Tag(0x7FE0, 0x0010), vr: "OB", bytes: [1, 2, 3, 4])
        return meta + (try front.encoded(as: .explicitVRLittleEndian)) + inserted
            + (try rest.encoded(as: .explicitVRLittleEndian))
    }

    func write(to path: String) throws {
        try FileManager.default.createDirectory(
            at: URL(filePath: path).deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes()).write(to: URL(filePath: path))
    }

    typealias Tag = DICOMCore.Tag
}

@Suite struct FolderDeIdentificationTests {
    private let folder: TemporaryFolder
    private let engine: FileDeIdentification
    private var configuration: NodeConfiguration {
        NodeConfiguration(flags: .init(data: folder.path("data")), environment: [:])
    }

    init() throws {
        folder = try TemporaryFolder()
        engine = try FileDeIdentification(NodeConfiguration(flags: .init(data: folder.path("data")), environment: [:]))
    }

    private func run(_ engine: FileDeIdentification? = nil) throws -> FolderDeIdentification.Summary {
        try FolderDeIdentification(engine ?? self.engine, from: folder.path("in"), to: folder.path("out")).run { _, _ in
        }
    }

    private var written: [String] {
        (FileManager.default.enumerator(atPath: folder.path("out"))?.compactMap { $0 as? String } ?? [])
            .filter { $0.hasSuffix(".dcm") }.sorted()
    }

    @Test func theCopyHasTheFoldersShapeAndNoneOfItsNames() throws {
        try TestImage(instance: "1.2.3.1").write(to: folder.path("in/Canary Patient/CT 1937/a.dcm"))
        try TestImage(instance: "1.2.3.2").write(to: folder.path("in/Canary Patient/CT 1937/b.dcm"))
        try TestImage(instance: "1.2.3.3").write(to: folder.path("in/Other Patient/c.dcm"))
        try TestImage(instance: "1.2.3.4").write(to: folder.path("in/d"))
        let summary = try run()
        #expect(summary.deidentified == 4)
        #expect(summary.refused.isEmpty)
        #expect(
            written.map { $0.split(separator: "/").dropLast().joined(separator: "/") } == [
                "0001/0001", "0001/0001", "0002", "",
            ])
        #expect(written.allSatisfy { $0.split(separator: "/").last?.hasPrefix("2.25.") == true })
    }

    @Test func twoFilesOfOneInstanceAreBothKeptAndASecondRunWritesOverTheFirst() throws {
        try TestImage().write(to: folder.path("in/a.dcm"))
        try TestImage().write(to: folder.path("in/b.dcm"))
        #expect(try run().deidentified == 2)
        #expect(written.count == 2)
        #expect(try run().deidentified == 2)
        #expect(written.count == 2)
    }

    @Test func whatIsRefusedIsNamedWithAReasonAndTheRestGoesOn() throws {
        try TestImage(instance: "1.2.3.1").write(to: folder.path("in/a.dcm"))
        try TestImage(sopClass: "1.2.840.10008.1.3.10").write(to: folder.path("in/DICOMDIR"))
        try Data("no DICOM".utf8).write(to: URL(filePath: folder.path("in/notes.txt")))
        try TestImage(instance: "1.2.3.2").write(to: folder.path("in/z.dcm"))
        symlink(folder.path("in"), folder.path("in/round"))
        let summary = try run()
        #expect(summary.deidentified == 2)
        #expect(summary.refused.map { URL(filePath: $0.file).lastPathComponent } == ["DICOMDIR", "notes.txt"])
        #expect(summary.refused[0].reason.contains("DICOMDIR"))
        #expect(written.count == 2)
    }

    @Test func aCopyInsideItsOriginalIsRefused() throws {
        try TestImage().write(to: folder.path("in/a.dcm"))
        for output in ["in", "in/copy"] {
            #expect(throws: FolderError.self) {
                _ = try FolderDeIdentification(engine, from: folder.path("in"), to: folder.path(output))
            }
        }
    }

    // MARK: Bad input

    private static func sequences(_ depth: Int) -> [UInt8] {
        let open: [UInt8] = [0x40, 0x00, 0x30, 0xA7, 0x53, 0x51, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]
        let item: [UInt8] = [0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]
        let close: [UInt8] = [0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]
        var bytes: [UInt8] = []
        for _ in 0..<depth { bytes += open + item }
        bytes += [0x10, 0x00, 0x10, 0x00, 0x50, 0x4E, 6, 0] + Array("CANARY".utf8)
        for _ in 0..<depth { bytes += close }
        return bytes
    }

    private static func privateElement(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = [0x09, 0x00, 0x10, 0x00, 0x4C, 0x4F, 6, 0] + Array("CANARY".utf8)
        bytes += [0x09, 0x00, 0x01, 0x10, 0x4F, 0x42, 0, 0]
        withUnsafeBytes(of: UInt32(count).littleEndian) { bytes += $0 }
        return bytes + [UInt8](repeating: 0x43, count: count)
    }

    static let badInput: [(String, String)] = [
        ("empty", "too short"), ("garbage", "DICM"), ("garbage behind the meta information", "representation"),
        ("cut", "too early"),
        ("unknown character set", "character set"), ("unknown character set in an item", "character set"),
        ("200 sequences", "nest"), ("50 000 sequences", "nest"), ("100 MB private element", "large"),
        ("no SOP instance", "0008,0016"), ("private class", "SOP Class"),
    ]

    private func write(_ fault: String, to path: String) throws {
        var image = TestImage()
        switch fault {
        case "empty": return try Data().write(to: URL(filePath: path))
        case "garbage": return try Data(repeating: 0x43, count: 4096).write(to: URL(filePath: path))
        case "garbage behind the meta information": image.dataSet = Array("CANARY CANARY CANARY CANARY".utf8)
        case "cut": return try Data(image.bytes().dropLast(3)).write(to: URL(filePath: path))
        case "unknown character set": image.strings = [(TestImage.Tag(0x0008, 0x0005), "ISO_IR 999")]
        case "unknown character set in an item":
            let set: [UInt8] = [0x08, 0x00, 0x05, 0x00, 0x43, 0x53, 10, 0] + Array("ISO_IR 999".utf8)
            image.inserted =
                [0x08, 0x00, 0x15, 0x11, 0x53, 0x51, 0, 0, 26, 0, 0, 0, 0xFE, 0xFF, 0x00, 0xE0, 18, 0, 0, 0] + set
        case "200 sequences": image.inserted = Self.sequences(200)
        case "50 000 sequences": image.inserted = Self.sequences(50_000)
        case "100 MB private element": image.inserted = Self.privateElement(100_000_000)
        case "no SOP instance": image.dataSet = [0x10, 0x00, 0x10, 0x00, 0x50, 0x4E, 6, 0] + Array("CANARY".utf8)
        default: image.sopClass = "1.3.12.2.1107.5.9.1"
        }
        try image.write(to: path)
    }

    @Test(arguments: badInput.indices)
    func badInputIsRefusedWithAReasonAndNothingOfItIsWritten(index: Int) throws {
        let (fault, reason) = Self.badInput[index]
        try FileManager.default.createDirectory(atPath: folder.path("in"), withIntermediateDirectories: true)
        try write(fault, to: folder.path("in/bad.dcm"))
        let summary = try run()
        #expect(summary.deidentified == 0)
        let refusal = try #require(summary.refused.first)
        #expect(refusal.reason.contains(reason), "\(refusal.reason)")
        // Nothing of it is printed either: (4143,414E) would be CANA.
        for text in ["CANARY", "Canary", "4143"] { #expect(!refusal.reason.contains(text)) }
        let left = FileManager.default.enumerator(atPath: folder.path("out"))?.compactMap { $0 as? String } ?? []
        #expect(left.isEmpty, "\(left)")
    }

    @Test func aValueWhoseVRContradictsTheDictionaryIsNotInTheCopy() throws {
        // Slice Thickness as LO, Patient's Birth Date as OB, Convolution Kernel as OW: no rule says how to read them.
        var image = TestImage()
        image.inserted =
            [0x10, 0x00, 0x30, 0x00, 0x4F, 0x42, 0, 0, 6, 0, 0, 0] + Array("CANARY".utf8)
            + [0x18, 0x00, 0x50, 0x00, 0x4C, 0x4F, 6, 0] + Array("CaNaRy".utf8)
            + [0x18, 0x00, 0x10, 0x12, 0x4F, 0x57, 0, 0, 6, 0, 0, 0] + Array("cANARY".utf8)
        image.patient = "X1"
        image.name = "Y"
        try image.write(to: folder.path("in/a.dcm"))
        #expect(try run().deidentified == 1)
        let copy = try Data(contentsOf: URL(filePath: folder.path("out/" + (try #require(written.first)))))
        for canary in ["CANARY", "CaNaRy", "cANARY"] { #expect(copy.range(of: Data(canary.utf8)) == nil) }
    }

    @Test func withoutTheRightKeyNothingIsDone() throws {
        let keys = configuration.keysFolder
        try Data("not a key".utf8).write(to: URL(filePath: "\(keys)/receiver.key"))
        #expect(throws: (any Error).self) { _ = try FileDeIdentification(configuration) }
        // Where studies are stored, a lost key is not replaced by a new one.
        _ = try NodeStore(configuration)
        try FileManager.default.removeItem(atPath: "\(keys)/receiver.key")
        #expect(throws: (any Error).self) { _ = try FileDeIdentification(configuration) }
        #expect(!FileManager.default.fileExists(atPath: "\(keys)/receiver.key"))
    }

    // MARK: k-anonymity

    @Test func patientsAreCountedInClassesOfEqualQuasiIdentifiers() throws {
        let age = TestImage.Tag(0x0010, 0x1010)
        let (kVp, model) = (TestImage.Tag(0x0018, 0x0060), TestImage.Tag(0x0008, 0x1090))
        // A and B are alike; C and E have a second image with another kVp; D another device.
        let images: [(String, [(TestImage.Tag, String)])] = [
            ("A", [(kVp, "120"), (model, "M1")]), ("B", [(kVp, "120"), (model, "M1")]),
            ("B", [(kVp, "120"), (model, "M1")]), ("C", [(kVp, "120"), (model, "M1")]),
            ("C", [(kVp, "80"), (model, "M1")]), ("D", [(kVp, "120"), (model, "M2"), (age, "034Y")]),
            ("E", [(kVp, "80"), (model, "M1")]), ("E", [(kVp, "120"), (model, "M1")]),
        ]
        for (number, (patient, strings)) in images.enumerated() {
            try TestImage(instance: "1.2.3.\(number + 1)", patient: patient, strings: strings)
                .write(to: folder.path("in/\(number).dcm"))
        }
        #expect(try run().deidentified == 8)
        try Data("text".utf8).write(to: URL(filePath: folder.path("out/readme")))
        let report = try KAnonymityReport(folder: folder.path("out"))
        #expect(report.patients == 5)
        #expect(report.instances == 8)
        #expect(report.leftOut == 1)
        #expect(report.smallestK == 1)
        #expect(report.classes.map(\.patients) == [1, 2, 2])
        #expect(report.classes[1].values == [["KVP": "120", "ManufacturerModelName": "M1"]])
        #expect(report.classes[2].values.map { $0["KVP"] } == ["120", "80"])
        // Patient's Age is not in a copy by the Basic Profile.
        #expect(!report.text.contains("034Y"))
        #expect(report.text.contains("smallest k = 1"))
        // What was not de-identified is not counted.
        #expect(try KAnonymityReport(folder: folder.path("in")).patients == 0)
    }
}
