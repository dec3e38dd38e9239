import DICOMCore
import Testing

/// A data set in one transfer syntax with what must come out of it.
struct Sample: CustomTestStringConvertible {
    let name: String
    let syntax: TransferSyntax
    let header: [UInt8]
    let element: [UInt8]
    let pixelData: [UInt8]
    let trailing: [UInt8]

    var bytes: [UInt8] { header + element + pixelData + trailing }
    var testDescription: String { name }

    /// One for each transfer syntax, with all kinds of sequences, items, UN, group lengths, an icon and odd lengths.
    static let all: [Sample] = TransferSyntax.all.map(sample)
    /// One for each way of encoding.
    static let kinds: [Sample] = [
        sample(.explicitVRLittleEndian), sample(.implicitVRLittleEndian), sample(.explicitVRBigEndian),
        sample(.jpegBaseline),
    ]
    /// Elements of the top level in each, Pixel Data and what trails included.
    static let topLevelElements = 22

    static func sample(_ syntax: TransferSyntax) -> Sample {
        let encoder = Encoder.of(syntax)
        let fragments = [[], [UInt8](0..<200), [1, 2, 3, 4]]
        let value =
            syntax.isEncapsulated
            ? fragments.flatMap { encoder.item($0) } + encoder.header(0xFFFE_E0DD, "", 0)
            : (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let length = syntax.isEncapsulated ? Encoder.undefined : UInt32(value.count)
        return Sample(
            name: syntax.uid, syntax: syntax, header: header(encoder, syntax),
            element: encoder.header(0x7FE0_0010, syntax.isEncapsulated ? "OB" : "OW", length), pixelData: value,
            trailing: encoder.element(0xFFFC_FFFC, "OB", [0, 0, 0, 0]))
    }

    private static func header(_ encoder: Encoder, _ syntax: TransferSyntax) -> [UInt8] {
        var bytes = encoder.element(0x0008_0000, "UL", encoder.u32(4))
        bytes += encoder.text(0x0008_0005, "CS", "ISO_IR 100")
        bytes += encoder.element(0x0008_0008, "CS", Array("A".utf8))  // an odd length
        bytes += encoder.text(0x0008_0018, "UI", "1.2.3.4")
        bytes += references(encoder)
        bytes += encoder.text(0x0009_0010, "LO", "OVERREAD TEST")
        bytes += unknown(encoder)
        bytes += encoder.text(0x0010_0010, "PN", "Nobody^Test")
        bytes += encoder.element(0x0028_0010, "US", encoder.u16(2))
        bytes += encoder.element(0x0028_0106, "US", encoder.u16(0xFFFE))
        let icon = encoder.element(0x7FE0_0010, "OB", [9, 9])
        let packed = encoder.fragments(0x7FE0_0010, "OB", [[], [5, 6, 7, 8]])
        bytes += encoder.sequence(0x0088_0200, [encoder.element(0x0028_0010, "US", encoder.u16(1)) + icon])
        bytes += encoder.sequence(0x0089_0200, [syntax.isEncapsulated ? packed : icon])
        bytes += encoder.element(0x7FE0_0001, "OV", [UInt8](repeating: 0, count: 8))
        return bytes
    }

    /// Sequences and items with and without a defined length.
    private static func references(_ encoder: Encoder) -> [UInt8] {
        let reference =
            encoder.text(0x0008_1150, "UI", "1.2.840.10008.5.1.4.1.1.2") + encoder.text(0x0008_1155, "UI", "1.2")
        var bytes = encoder.sequence(0x0008_1110, [reference, reference])
        bytes += encoder.sequence(0x0008_1111, [reference, []], defined: false)
        bytes += encoder.sequence(0x0008_1115, [reference], definedItems: false)
        let nested = encoder.sequence(0x0008_1140, [reference], defined: false, definedItems: false)
        bytes += encoder.sequence(0x0008_1120, [nested + encoder.text(0x0008_1150, "UI", "1")])
        bytes += encoder.sequence(0x0008_1140, [])
        bytes += encoder.sequence(0x0008_2112, [], defined: false)
        return bytes
    }

    /// Private elements of VR UN: plain, of undefined length, and a sequence of defined length.
    private static func unknown(_ encoder: Encoder) -> [UInt8] {
        let inside = Encoder.implicitLE
        let content =
            inside.text(0x0008_0100, "SH", "CODE") + inside.sequence(0x0008_0117, [inside.text(0x0008_0100, "SH", "A")])
        var bytes = encoder.element(0x0009_1001, "UN", [1, 2, 3, 4, 5, 6])
        bytes += encoder.header(0x0009_1002, "UN", Encoder.undefined)
        bytes += inside.item(content) + inside.item(content, defined: false) + inside.header(0xFFFE_E0DD, "", 0)
        bytes += encoder.element(0x0009_1003, "UN", inside.item(content))
        return bytes
    }
}
