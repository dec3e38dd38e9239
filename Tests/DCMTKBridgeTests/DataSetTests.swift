import DCMTKBridge
import DICOMCore
import Testing

@Suite struct DataSetTests {
    static let patientName = Tag(0x0010, 0x0010)
    static let referencedStudySequence = Tag(0x0008, 0x1110)
    static let referencedSOPInstanceUID = Tag(0x0008, 0x1155)
    static let rows = Tag(0x0028, 0x0010)

    init() throws { try DCMTKRuntime.initialize() }

    private func sample() throws -> DataSet {
        let dataSet = try DataSet()
        try dataSet.set(Self.patientName, "Doe^Jane")
        try dataSet.set(Self.rows, numbers: [512])
        let item = try DataSet()
        try item.set(Self.referencedSOPInstanceUID, "1.2.3")
        try dataSet.append(item, to: Self.referencedStudySequence)
        return dataSet
    }

    @Test(arguments: [
        TransferSyntax.explicitVRLittleEndian, .implicitVRLittleEndian, .explicitVRBigEndian,
    ])
    func whatIsEncodedIsParsedAgain(_ transferSyntax: TransferSyntax) throws {
        let bytes = try sample().encoded(as: transferSyntax)
        let parsed = try DataSet(parsing: bytes, transferSyntax: transferSyntax)
        #expect(parsed.string(Self.patientName) == "Doe^Jane")
        #expect(parsed.number(Self.rows) == 512)
        #expect(parsed.itemCount(Self.referencedStudySequence) == 1)
        #expect(try parsed.item(Self.referencedStudySequence, at: 0).string(Self.referencedSOPInstanceUID) == "1.2.3")
        #expect(parsed.vr(Self.rows) == "US")
        #expect(try parsed.encoded(as: transferSyntax) == bytes)
    }

    @Test func aTruncatedDataSetIsAnErrorAtEveryLengthThatCutsAnElement() throws {
        let bytes = try sample().encoded(as: .explicitVRLittleEndian)
        for length in [1, 3, 7, bytes.count - 1] {
            #expect(throws: DCMTKError.self) {
                _ = try DataSet(parsing: Array(bytes.prefix(length)), transferSyntax: .explicitVRLittleEndian)
            }
        }
    }

    @Test func rewritingVisitsNestedItemsAndObeys() throws {
        let dataSet = try sample()
        var seen: [Int] = []
        try dataSet.rewrite { element in
            seen.append(element.depth)
            switch element.tag {
            case Self.patientName: return .remove
            case Self.referencedSOPInstanceUID: return .replace(Array("2.25.7".utf8))
            default: return .keep
            }
        }
        #expect(seen == [0, 1, 0, 0])
        #expect(dataSet.contains(Self.patientName) == false)
        #expect(try dataSet.item(Self.referencedStudySequence, at: 0).string(Self.referencedSOPInstanceUID) == "2.25.7")
    }

    @Test func aVisitorThatStopsEndsTheWalkWithAnError() throws {
        let dataSet = try sample()
        #expect(throws: DCMTKError.self) { try dataSet.rewrite { _ in .stop } }
    }

    @Test func aSequenceCanBeEmptiedOrLeftWithOneEmptyItem() throws {
        let dataSet = try sample()
        try dataSet.rewrite { $0.tag == Self.referencedStudySequence ? .emptyItem : .keep }
        #expect(dataSet.itemCount(Self.referencedStudySequence) == 1)
        try dataSet.rewrite { $0.tag == Self.referencedStudySequence ? .empty : .keep }
        #expect(dataSet.itemCount(Self.referencedStudySequence) == 0)
        #expect(dataSet.multiplicity(Self.referencedStudySequence) == 0)
    }

    @Test func aStringPutIntoASequenceIsRefusedNotTrapped() throws {
        #expect(throws: DCMTKError.self) { try DataSet().set(Self.referencedStudySequence, "x") }
        let dataSet = try sample()
        #expect(throws: DCMTKError.self) {
            try dataSet.rewrite { $0.vr == "SQ" ? .replace([1, 2]) : .keep }
        }
    }

    @Test func latinTextBecomesUTF8() throws {
        let dataSet = try DataSet()
        try dataSet.set(Tag(0x0008, 0x0005), "ISO_IR 100")
        try dataSet.set(Self.patientName, vr: "PN", bytes: Array("M".utf8) + [0xFC] + Array("ller".utf8))
        try dataSet.convertToUTF8()
        #expect(dataSet.string(Self.patientName) == "Müller")
        #expect(dataSet.string(Tag(0x0008, 0x0005)) == "ISO_IR 192")
    }

    @Test func anErrorSaysNoMoreThanNumbers() {
        do {
            _ = try DataSet(
                parsing: [0x10, 0x00, 0x10, 0x00, 0x50, 0x4E, 0xFF, 0x00], transferSyntax: .explicitVRLittleEndian)
            Issue.record("a value that is cut short must not parse")
        } catch {
            #expect(error.description.hasPrefix("DCMTK: failed ("))
        }
    }
}
