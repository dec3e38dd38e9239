import DICOMCore
import Testing

@Suite struct FileMetaInformationTests {
    private static let sopClass = "1.2.840.10008.5.1.4.1.1.2"
    private static let sopInstance = "1.2.3.4.5.6.7"

    private static func encoded(_ syntax: TransferSyntax = .explicitVRLittleEndian) throws -> [UInt8] {
        FileMetaInformation.encoded(
            sopClass: try #require(SOPClassUID(sopClass)), sopInstance: SOPInstanceUID(try #require(UID(sopInstance))),
            transferSyntax: syntax)
    }

    private static func parsed(_ bytes: [UInt8]) throws -> FileMetaInformation {
        try bytes.withUnsafeBytes { try FileMetaInformation(parsing: $0) }
    }

    /// UIDs are padded with NUL (PS3.5 6.2).
    private static func uid(_ tag: UInt32, _ value: String) -> [UInt8] {
        let bytes = Array(value.utf8)
        return Encoder.explicitLE.element(tag, "UI", bytes.count % 2 == 0 ? bytes : bytes + [0])
    }

    /// Byte for byte, written down here once more from PS3.10 table 7.1-1.
    @Test func theHeadIsEncodedAsTheStandardSays() throws {
        let e = Encoder.explicitLE
        var meta = e.element(0x0002_0001, "OB", [0, 1])
        meta += Self.uid(0x0002_0002, Self.sopClass)
        meta += Self.uid(0x0002_0003, Self.sopInstance)
        meta += Self.uid(0x0002_0010, "1.2.840.10008.1.2.4.70")
        meta += Self.uid(0x0002_0012, Implementation.classUID)
        meta += e.text(0x0002_0013, "SH", Implementation.versionName)
        let head = [UInt8](repeating: 0, count: 128) + Array("DICM".utf8)
        let expected = head + e.element(0x0002_0000, "UL", e.u32(UInt32(meta.count))) + meta
        #expect(try Self.encoded(.jpegLosslessSV1) == expected)
    }

    @Test(arguments: TransferSyntax.all)
    func whatIsEncodedIsParsed(_ syntax: TransferSyntax) throws {
        let bytes = try Self.encoded(syntax)
        let meta = try Self.parsed(bytes + [8, 0, 0, 0])
        #expect(meta.transferSyntax == syntax)
        #expect(meta.sopClass?.uid.value == Self.sopClass)
        #expect(meta.sopInstance?.uid.value == Self.sopInstance)
        #expect(meta.dataSetOffset == bytes.count)
    }

    @Test func aWrongGroupLengthDoesNotMatter() throws {
        var bytes = try Self.encoded()
        bytes[140] = 0xFF
        #expect(try Self.parsed(bytes).dataSetOffset == bytes.count)
    }

    @Test func filesWithoutAHeadAreRefusedWithASentence() throws {
        let good = try Self.encoded()
        let e = Encoder.explicitLE
        let head = Array(good.prefix(132))
        let sopClass = e.element(0x0002_0002, "UI", Array("1.2".utf8) + [0])
        let table: [([UInt8], FileMetaInformationError)] = [
            ([], .tooShort),
            (Array(good.prefix(131)), .tooShort),
            ([UInt8](repeating: 0, count: 500), .noPrefix),
            (head, .noMetaInformation),
            (head + e.text(0x0008_0018, "UI", "1.2"), .noMetaInformation),
            (Array(good.dropLast()), .damaged),
            (head + e.header(0x0002_0001, "ZZ", 0), .damaged),
            (head + e.header(0x0002_0001, "OB", Encoder.undefined), .damaged),
            (head + sopClass, .noTransferSyntax),
            (head + e.element(0x0002_0010, "UI", Array("../../etc/passwd".utf8)), .noTransferSyntax),
            (head + e.element(0x0002_0010, "UI", Array("1.2.840.10008.1.2.1.99".utf8)), .unsupportedTransferSyntax),
        ]
        for (bytes, error) in table {
            #expect(throws: error) { try Self.parsed(bytes) }
        }
        for error in FileMetaInformationError.allCases {
            #expect(error.description.hasPrefix("The ") && error.description.hasSuffix("."))
        }
        #expect(Set(table.map(\.1)) == Set(FileMetaInformationError.allCases))
    }

    @Test func aHeadWithoutSOPClassOrInstanceIsReadAllTheSame() throws {
        let head = Array(try Self.encoded().prefix(132))
        let meta = try Self.parsed(
            head + Self.uid(0x0002_0003, "not a UID") + Self.uid(0x0002_0010, "1.2.840.10008.1.2"))
        #expect(meta.transferSyntax == .implicitVRLittleEndian)
        #expect(meta.sopClass == nil)
        #expect(meta.sopInstance == nil)
    }

    @Test func aHeadCutInsideAnElementIsRefused() throws {
        let good = try Self.encoded()
        var between: [Int] = []
        for count in 0..<good.count {
            do {
                _ = try Self.parsed(Array(good.prefix(count)))
                between.append(count)
            } catch is FileMetaInformationError {}
        }
        // What follows the transfer syntax may be missing: 0002,0012 and 0002,0013 here, cut before or within a tag's group.
        let name = 8 + Implementation.versionName.utf8.count + Implementation.versionName.utf8.count % 2
        let uid = 8 + Implementation.classUID.utf8.count + Implementation.classUID.utf8.count % 2
        #expect(
            between == [good.count - name - uid, good.count - name - uid + 1, good.count - name, good.count - name + 1])
    }

    // MARK: Pixel data in files

    @Test(arguments: Sample.all)
    func pixelDataAreLocatedInAFile(_ sample: Sample) throws {
        let head = try Self.encoded(sample.syntax)
        let file = head + sample.bytes
        let location = try file.withUnsafeBytes { try PixelDataLocation(parsing: $0) }
        #expect(Array(file[location.header]) == sample.header)
        #expect(Array(file[location.pixelData]) == sample.pixelData)
        #expect(Array(file[location.trailing]) == sample.trailing)
        #expect(location.element?.encodedHeader == sample.element)
        #expect(location.isEncapsulated == sample.syntax.isEncapsulated)
        #expect(location.meta.transferSyntax == sample.syntax)
    }

    @Test func aFileWithoutPixelDataIsAllHeader() throws {
        let head = try Self.encoded()
        let file = head + Encoder.explicitLE.text(0x0008_0018, "UI", "1.2")
        let location = try file.withUnsafeBytes { try PixelDataLocation(parsing: $0) }
        #expect(location.header == head.count..<file.count)
        #expect(location.element == nil && location.vr == nil && !location.isEncapsulated)
        #expect(location.pixelData.isEmpty && location.trailing.isEmpty)
    }

    @Test func aTruncatedFileIsRefused() throws {
        let sample = Sample.sample(.explicitVRLittleEndian)
        let file = try Self.encoded() + sample.bytes.dropLast(1)
        #expect(throws: PreParseError.self) { try file.withUnsafeBytes { try PixelDataLocation(parsing: $0) } }
    }
}
