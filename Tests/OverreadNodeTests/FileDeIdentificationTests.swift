import DCMTKBridge
import DICOMCore
import DeIdentification
import Foundation
import NodeTestSupport
import OverreadNode
import Testing

@Suite struct FileDeIdentificationTests {
    private let folder: TemporaryFolder
    private let engine: FileDeIdentification

    init() throws {
        folder = try TemporaryFolder()
        engine = try FileDeIdentification(NodeConfiguration(flags: .init(data: folder.path("data")), environment: [:]))
    }

    /// A CR image of 3 by 3 bytes: an odd number, so the value is padded.
    private func write(_ name: String, pixels: [UInt8], to transferSyntax: TransferSyntax = .explicitVRLittleEndian)
        throws
    {
        let header = try DataSet()
        let values: [(DICOMCore.Tag, String)] = [
            (DICOMCore.Tag(0x0008, 0x0016), "1.2.840.10008.5.1.4.1.1.1"), (DICOMCore.Tag(0x0008, 0x0018), "1.2.3.4"),
            (DICOMCore.Tag(0x0008, 0x0060), "CR"), (DICOMCore.Tag(0x0010, 0x0010), "Canary^Patient"),
            (DICOMCore.Tag(0x0010, 0x0020), "CANARY-ID"),
            (DICOMCore.Tag(0x0020, 0x000D), "1.2.3"), (DICOMCore.Tag(0x0020, 0x000E), "1.2.3.5"),
            (DICOMCore.Tag(0x0028, 0x0004), "MONOCHROME2"),
        ]
        for (tag, value) in values { try header.set(tag, value) }
        for (element, value) in [
            (0x0002, 1), (0x0010, 3), (0x0011, 3), (0x0100, 8), (0x0101, 8), (0x0102, 7), (0x0103, 0),
        ] {
            try header.set(DICOMCore.Tag(0x0028, UInt16(element)), numbers: [Double(value)])
        }
        try header.set(DICOMCore.Tag(0x7FE0, 0x0010), vr: "OB", bytes: pixels)
        let sopClass = try #require(SOPClassUID("1.2.840.10008.5.1.4.1.1.1"))
        let instance = SOPInstanceUID(try #require(UID("1.2.3.4")))
        let meta = FileMetaInformation.encoded(
            sopClass: sopClass, sopInstance: instance, transferSyntax: transferSyntax)
        let bytes = meta + (try header.encoded(as: transferSyntax))
        try Data(bytes).write(to: URL(filePath: folder.path(name)))
    }

    private func pixels(of name: String) throws -> (value: [UInt8], length: Int) {
        let file = try Data(contentsOf: URL(filePath: folder.path(name)))
        return try file.withUnsafeBytes { bytes in
            let location = try PixelDataLocation(parsing: bytes)
            #expect(location.trailing.isEmpty)
            return (Array(bytes[location.pixelData]), Int(location.element?.length ?? 0))
        }
    }

    @Test(arguments: [TransferSyntax.explicitVRLittleEndian, .implicitVRLittleEndian, .explicitVRBigEndian])
    func bytesAfterTheLastPixelAreDroppedAndTheValueIsPadded(_ transferSyntax: TransferSyntax) throws {
        // A text behind the picture: OW in implicit VR, so an even number of bytes.
        try write(
            "in.dcm", pixels: [1, 2, 3, 4, 5, 6, 7, 8, 9, 0] + Array("CANARY-ID TEXT  ".utf8), to: transferSyntax)
        try engine.deidentify(folder.path("in.dcm"), to: folder.path("out.dcm"))
        let (value, length) = try pixels(of: "out.dcm")
        #expect(length == 10)
        #expect(value.count == 10)
        #expect(value.last == 0)
        let out = try Data(contentsOf: URL(filePath: folder.path("out.dcm")))
        for canary in ["CANARY", "Canary", "1.2.3"] { #expect(out.range(of: Data(canary.utf8)) == nil) }
    }

    @Test func pixelsOfTheRightLengthStayAsTheyAre() throws {
        try write("in.dcm", pixels: [1, 2, 3, 4, 5, 6, 7, 8, 9, 0])
        try engine.deidentify(folder.path("in.dcm"), to: folder.path("out.dcm"))
        #expect(try pixels(of: "out.dcm").value == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0])
    }

    @Test func theSameFileGetsTheSameUIDsUnderTheSameKeys() throws {
        try write("in.dcm", pixels: [1, 2, 3, 4, 5, 6, 7, 8, 9, 0])
        try engine.deidentify(folder.path("in.dcm"), to: folder.path("a.dcm"))
        let again = try FileDeIdentification(
            NodeConfiguration(flags: .init(data: folder.path("data")), environment: [:]))
        try again.deidentify(folder.path("in.dcm"), to: folder.path("b.dcm"))
        func instance(_ name: String) throws -> String? {
            let file = try Data(contentsOf: URL(filePath: folder.path(name)))
            return try file.withUnsafeBytes { try FileMetaInformation(parsing: $0).sopInstance?.uid.value }
        }
        #expect(try instance("a.dcm") == instance("b.dcm"))
        #expect(try instance("a.dcm")?.hasPrefix("2.25.") == true)
    }

    @Test func aTruncatedFileIsRefusedAndNothingIsWritten() throws {
        try write("in.dcm", pixels: [1, 2, 3, 4, 5, 6, 7, 8, 9, 0])
        let whole = try Data(contentsOf: URL(filePath: folder.path("in.dcm")))
        try whole.prefix(whole.count - 5).write(to: URL(filePath: folder.path("cut.dcm")))
        let error = #expect(throws: PreParseError.self) {
            try engine.deidentify(folder.path("cut.dcm"), to: folder.path("out.dcm"))
        }
        #expect(error?.reason == .truncated)
        #expect(FileManager.default.fileExists(atPath: folder.path("out.dcm")) == false)
    }
}
