import DICOMCore
import Testing

/// What is refused, why, and where. Each row is tried whole and a byte at a time.
@Suite struct DataSetPreParserRefusalTests {
    struct Row: CustomTestStringConvertible {
        let name: String
        let bytes: [UInt8]
        var syntax = TransferSyntax.explicitVRLittleEndian
        let reason: PreParseError.Reason
        let tag: UInt32?
        let offset: UInt64
        var testDescription: String { name }
    }

    private static let e = Encoder.explicitLE
    private static let i = Encoder.implicitLE
    /// 20 bytes in explicit VR and in implicit VR.
    private static let first = e.text(0x0008_0018, "UI", "1.2.3.4.5.6.")
    private static let firstImplicit = i.text(0x0008_0018, "UI", "1.2.3.4.5.6.")

    static let elements: [Row] = [
        Row(
            name: "a VR that does not exist", bytes: first + e.header(0x0008_0070, "ZZ", 4) + [0, 0, 0, 0],
            reason: .invalidVR, tag: 0x0008_0070, offset: 20),
        Row(
            name: "DCMTK's inner VR", bytes: first + e.tag(0x0028_0106) + Array("xs".utf8) + [2, 0, 0, 0],
            reason: .invalidVR, tag: 0x0028_0106, offset: 20),
        Row(
            name: "an implicit header in explicit VR", bytes: first + i.text(0x0008_0070, "LO", "NONE"),
            reason: .invalidVR, tag: 0x0008_0070, offset: 20),
        Row(
            name: "the same tag twice", bytes: first + e.text(0x0008_0018, "UI", "1.2"), reason: .duplicateTag,
            tag: 0x0008_0018, offset: 20),
        Row(
            name: "the same tag twice, not in a row", bytes: first + e.text(0x0010_0010, "PN", "A") + first,
            reason: .duplicateTag, tag: 0x0008_0018, offset: 30),
        Row(
            name: "the same tag twice in an item",
            bytes: first + e.sequence(0x0008_1140, [e.text(0x0008_1155, "UI", "1") + e.text(0x0008_1155, "UI", "2")]),
            reason: .duplicateTag, tag: 0x0008_1155, offset: 50),
        Row(
            name: "the same tag twice in an item of an implicit sequence of defined length",
            bytes: firstImplicit
                + i.sequence(0x0008_1140, [i.text(0x0008_1155, "UI", "1") + i.text(0x0008_1155, "UI", "2")]),
            syntax: .implicitVRLittleEndian, reason: .duplicateTag, tag: 0x0008_1155, offset: 46),
        Row(
            name: "a command's group", bytes: first + e.element(0x0000_0002, "UI", []), reason: .forbiddenGroup,
            tag: 0x0000_0002, offset: 20),
        Row(
            name: "a file's group", bytes: first + e.element(0x0002_0010, "UI", []), reason: .forbiddenGroup,
            tag: 0x0002_0010, offset: 20),
        Row(
            name: "group FFFF", bytes: first + e.element(0xFFFF_0010, "UI", []), reason: .forbiddenGroup,
            tag: 0xFFFF_0010, offset: 20),
        Row(
            name: "text of undefined length", bytes: first + e.header(0x0008_0119, "UC", Encoder.undefined),
            reason: .undefinedLength, tag: 0x0008_0119, offset: 20),
        Row(
            name: "private OB of undefined length", bytes: first + e.fragments(0x0009_1010, "OB", [[0, 0]]),
            reason: .undefinedLength, tag: 0x0009_1010, offset: 20),
        Row(
            name: "OW of undefined length that is not Pixel Data",
            bytes: first + e.fragments(0x0028_3006, "OW", [[0, 0]]), reason: .undefinedLength, tag: 0x0028_3006,
            offset: 20),
    ]

    static let delimiters: [Row] = [
        Row(
            name: "an item outside a sequence", bytes: first + e.item([]), reason: .unexpectedDelimiter, tag: nil,
            offset: 20),
        Row(
            name: "a sequence delimiter outside a sequence", bytes: first + e.header(0xFFFE_E0DD, "", 0),
            reason: .unexpectedDelimiter, tag: nil, offset: 20),
        Row(
            name: "an item delimiter in an item of defined length",
            bytes: first + e.sequence(0x0008_1140, [e.header(0xFFFE_E00D, "", 0)]), reason: .unexpectedDelimiter,
            tag: 0x0008_1140, offset: 40),
        Row(
            name: "a sequence delimiter in an item of undefined length",
            bytes: first + e.header(0x0008_1140, "SQ", Encoder.undefined) + e.header(0xFFFE_E000, "", Encoder.undefined)
                + e.header(0xFFFE_E0DD, "", 0), reason: .unexpectedDelimiter, tag: 0x0008_1140, offset: 40),
        Row(
            name: "a sequence delimiter in a sequence of defined length",
            bytes: first + e.element(0x0008_1140, "SQ", e.header(0xFFFE_E0DD, "", 0)), reason: .unexpectedDelimiter,
            tag: 0x0008_1140, offset: 32),
        Row(
            name: "a delimiter with a length",
            bytes: first + e.header(0x0008_1140, "SQ", Encoder.undefined) + e.header(0xFFFE_E0DD, "", 2),
            reason: .unexpectedDelimiter, tag: 0x0008_1140, offset: 32),
        Row(
            name: "an element where an item should be", bytes: first + e.element(0x0008_1140, "SQ", first),
            reason: .unexpectedDelimiter, tag: 0x0008_0018, offset: 32),
    ]

    static let lengths: [Row] = [
        Row(
            name: "an item longer than its sequence",
            bytes: first + e.header(0x0008_1140, "SQ", 8) + e.header(0xFFFE_E000, "", 2) + [0, 0],
            reason: .lengthOverflow, tag: 0x0008_1140, offset: 32),
        Row(
            name: "an element longer than its item",
            bytes: first + e.header(0x0008_1140, "SQ", 18) + e.header(0xFFFE_E000, "", 10)
                + e.header(0x0008_1155, "UI", 4) + [0, 0, 0, 0], reason: .lengthOverflow, tag: 0x0008_1155, offset: 40),
        Row(
            name: "a long header that its item has no room for",
            bytes: first + e.header(0x0008_1140, "SQ", 16) + e.header(0xFFFE_E000, "", 8)
                + e.header(0x0008_1155, "UC", 0), reason: .lengthOverflow, tag: 0x0008_1155, offset: 40),
        Row(
            name: "a sequence with bytes left over",
            bytes: first + e.element(0x0008_1140, "SQ", e.item([]) + [0, 0, 0, 0]),
            reason: .lengthOverflow, tag: 0x0008_1140, offset: 40),
        Row(
            name: "an element in an item of undefined length, longer than the sequence around both",
            bytes: first + e.header(0x0008_1140, "SQ", 20) + e.header(0xFFFE_E000, "", Encoder.undefined)
                + e.header(0x0008_1155, "UI", 40) + [UInt8](repeating: 0, count: 40), reason: .lengthOverflow,
            tag: 0x0008_1155, offset: 40),
    ]

    static let pixelData: [Row] = [
        Row(
            name: "native pixel data in JPEG", bytes: first + e.element(0x7FE0_0010, "OB", [1, 2]),
            syntax: .jpegBaseline,
            reason: .pixelDataEncoding, tag: 0x7FE0_0010, offset: 20),
        Row(
            name: "fragments in a native transfer syntax", bytes: first + e.fragments(0x7FE0_0010, "OB", [[]]),
            reason: .pixelDataEncoding, tag: 0x7FE0_0010, offset: 20),
        Row(
            name: "fragments in implicit VR", bytes: firstImplicit + i.fragments(0x7FE0_0010, "OB", [[]]),
            syntax: .implicitVRLittleEndian, reason: .pixelDataEncoding, tag: 0x7FE0_0010, offset: 20),
        Row(
            name: "pixel data of VR SQ", bytes: first + e.element(0x7FE0_0010, "SQ", []), reason: .invalidVR,
            tag: 0x7FE0_0010, offset: 20),
        Row(
            name: "a fragment of undefined length",
            bytes: first + e.header(0x7FE0_0010, "OB", Encoder.undefined)
                + e.header(0xFFFE_E000, "", Encoder.undefined),
            syntax: .jpegBaseline, reason: .undefinedLength, tag: 0x7FE0_0010, offset: 32),
        Row(
            name: "an element among the fragments",
            bytes: first + e.header(0x7FE0_0010, "OB", Encoder.undefined) + first, syntax: .jpegBaseline,
            reason: .unexpectedDelimiter, tag: 0x0008_0018, offset: 32),
        Row(
            name: "a second pixel data element",
            bytes: first + e.element(0x7FE0_0010, "OB", [1, 2]) + e.element(0x7FE0_0010, "OB", [1, 2]),
            reason: .duplicateTag, tag: 0x7FE0_0010, offset: 34),
        Row(
            name: "a patient's name after the pixel data",
            bytes: first + e.element(0x7FE0_0010, "OB", [1, 2]) + e.text(0x0010_0010, "PN", "A"),
            reason: .tagOutOfOrder,
            tag: 0x0010_0010, offset: 34),
    ]

    @Test(arguments: elements + delimiters + lengths + pixelData)
    func isRefused(_ row: Row) throws {
        let expected = PreParseError(row.reason, tag: row.tag.map { Tag($0) }, offset: row.offset)
        #expect(try refusal(of: row.bytes, row.syntax) == expected)
        for size in [1, 3, 7] {
            #expect(try refusal(of: row.bytes, row.syntax, fragments: { _ in size }) == expected)
        }
    }

    // MARK: Limits

    @Test func aHeaderAboveTheCapIsRefusedBeforeItsValueHasCome() throws {
        let limits = DataSetPreParser.Limits(headerBytes: 1000)
        let header = Encoder.explicitLE.header(0x0042_0011, "OB", 981)
        let error = try refusal(of: Self.first + header, limits: limits)
        #expect(error == PreParseError(.headerTooLarge, tag: Tag(0x0042, 0x0011), offset: 20))
        let fits = Self.first + Encoder.explicitLE.element(0x0042_0011, "OB", [UInt8](repeating: 0, count: 968))
        #expect(fits.count == 1000)
        #expect(try refusal(of: fits, limits: limits) == nil)
    }

    @Test func pixelDataDoNotCountIntoTheHeadersCapAndWhatTrailsDoes() throws {
        let limits = DataSetPreParser.Limits(headerBytes: 100)
        let e = Encoder.explicitLE
        let pixels = e.element(0x7FE0_0010, "OB", [UInt8](repeating: 0, count: 5000))
        #expect(try refusal(of: Self.first + pixels + e.element(0xFFFC_FFFC, "OB", [0, 0]), limits: limits) == nil)
        let long = e.element(0xFFFC_FFFC, "OB", [UInt8](repeating: 0, count: 90))
        #expect(try refusal(of: Self.first + pixels + long, limits: limits)?.reason == .headerTooLarge)
    }

    @Test func undefinedLengthsCannotPassTheCap() throws {
        let e = Encoder.explicitLE
        let items = (0..<200).flatMap { _ in e.item([]) }
        let bytes = e.header(0x0008_1140, "SQ", Encoder.undefined) + items + e.header(0xFFFE_E0DD, "", 0)
        #expect(try refusal(of: bytes, limits: .init(headerBytes: 1000))?.reason == .headerTooLarge)
        #expect(try refusal(of: bytes) == nil)
    }

    @Test func moreElementsThanTheLimitAreRefused() throws {
        let e = Encoder.explicitLE
        let bytes = (0..<100).flatMap { e.element(0x0009_1000 + UInt32($0), "UL", []) }
        #expect(try refusal(of: bytes, limits: .init(elements: 99))?.reason == .tooManyElements)
        #expect(try refusal(of: bytes, limits: .init(elements: 100)) == nil)
    }

    @Test func someElementsMayBeOutOfOrderAndManyMayNot() throws {
        let e = Encoder.explicitLE
        let last = e.element(0x0029_1000, "UL", [])
        let early = (0..<UInt32(DataSetPreParser.outOfOrderLimit)).map { e.element(0x0009_1000 + $0, "UL", []) }
        #expect(try refusal(of: last + early.flatMap { $0 }) == nil)
        let error = try refusal(of: last + early.flatMap { $0 } + e.element(0x0009_2000, "UL", []))
        #expect(error == PreParseError(.tagOutOfOrder, tag: Tag(0x0009, 0x2000), offset: UInt64(8 * (early.count + 1))))
    }

    // MARK: Statuses

    @Test func everyReasonHasAStatusOfItsOwnAndASentence() {
        let table: [PreParseError.Reason: UInt16] = [
            .truncated: 0xC001, .tooDeep: 0xC002, .ambiguousNesting: 0xC003, .headerTooLarge: 0xC004,
            .tooManyElements: 0xC005, .invalidVR: 0xC006, .lengthOverflow: 0xC007, .undefinedLength: 0xC008,
            .unexpectedDelimiter: 0xC009, .duplicateTag: 0xC00A, .tagOutOfOrder: 0xC00B, .forbiddenGroup: 0xC00C,
            .pixelDataEncoding: 0xC00D,
        ]
        for reason in PreParseError.Reason.allCases {
            let error = PreParseError(reason, tag: Tag(0x0008, 0x1140), offset: 12)
            #expect(error.status.rawValue == table[reason])
            #expect(error.description.hasPrefix("data set refused at byte 12, element (0008,1140): "))
        }
        #expect(Set(table.values).count == PreParseError.Reason.allCases.count)
        #expect(
            PreParseError(.truncated, tag: nil, offset: 3).description
                == "data set refused at byte 3: it ends too early")
    }
}
