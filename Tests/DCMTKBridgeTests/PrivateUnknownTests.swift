import DCMTKBridge
import DICOMCore
import Testing

/// What the pre-parser lets through, DCMTK must read in the same way.
@Suite struct PrivateUnknownTests {
    /// (0009,1002) UN of undefined length with one item, in it (0008,0100) SH "CODE" in implicit VR (CP-246), and after it
    /// (0010,0010) PN "A^B " in explicit VR.
    private static let bytes: [UInt8] =
        [0x09, 0x00, 0x10, 0x00, 0x4C, 0x4F, 4, 0] + Array("TEST".utf8)
        + [0x09, 0x00, 0x02, 0x10, 0x55, 0x4E, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]
        + [0xFE, 0xFF, 0x00, 0xE0, 12, 0, 0, 0]
        + [0x08, 0x00, 0x00, 0x01, 4, 0, 0, 0] + Array("CODE".utf8)
        + [0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]
        + [0x10, 0x00, 0x10, 0x00, 0x50, 0x4E, 4, 0] + Array("A^B ".utf8)

    @Test func aPrivateUNOfUndefinedLengthHoldsImplicitVR() throws {
        try DCMTKRuntime.initialize()
        let dataSet = try DataSet(parsing: Self.bytes, transferSyntax: .explicitVRLittleEndian)
        #expect(try dataSet.item(Tag(0x0009, 0x1002), at: 0).string(Tag(0x0008, 0x0100)) == "CODE")
        #expect(dataSet.string(Tag(0x0010, 0x0010)) == "A^B")
    }
}
