/// A transfer syntax that the node can parse (PS3.5 Annex A; PS3.6 Annex A).
package struct TransferSyntax: Hashable, Sendable, CustomStringConvertible {
    /// The UID as registered.
    package let uid: String
    /// Byte order of the data set.
    package let isBigEndian: Bool
    /// Whether each element carries its VR.
    package let isExplicitVR: Bool
    /// Whether Pixel Data is a sequence of fragments (PS3.5 A.4).
    package let isEncapsulated: Bool
    /// Whether the whole data set is deflated (PS3.5 A.5). Only a stream is ever in this form: see ``stored``.
    package let isDeflated: Bool
    /// Whether the pixel codec loses information, so that (0028,2110) of what is derived must say "01".
    package let isLossy: Bool

    private init(
        _ uid: String, bigEndian: Bool = false, explicitVR: Bool = true, encapsulated: Bool = true, lossy: Bool = false,
        deflated: Bool = false
    ) {
        self.uid = uid
        self.isBigEndian = bigEndian
        self.isExplicitVR = explicitVR
        self.isEncapsulated = encapsulated
        self.isLossy = lossy
        self.isDeflated = deflated
    }

    /// Implicit VR Little Endian, DICOM's default.
    package static let implicitVRLittleEndian = TransferSyntax(
        "1.2.840.10008.1.2", explicitVR: false, encapsulated: false)
    /// Explicit VR Little Endian.
    package static let explicitVRLittleEndian = TransferSyntax("1.2.840.10008.1.2.1", encapsulated: false)
    /// Explicit VR Big Endian (retired, still sent).
    package static let explicitVRBigEndian = TransferSyntax("1.2.840.10008.1.2.2", bigEndian: true, encapsulated: false)
    /// Deflated Explicit VR Little Endian.
    package static let deflatedExplicitVRLittleEndian = TransferSyntax(
        "1.2.840.10008.1.2.1.99", encapsulated: false, deflated: true)
    /// JPEG Baseline (Process 1).
    package static let jpegBaseline = TransferSyntax("1.2.840.10008.1.2.4.50", lossy: true)
    /// JPEG Extended (Process 2 and 4).
    package static let jpegExtended = TransferSyntax("1.2.840.10008.1.2.4.51", lossy: true)
    /// JPEG Lossless (Process 14).
    package static let jpegLossless = TransferSyntax("1.2.840.10008.1.2.4.57")
    /// JPEG Lossless, first-order prediction (Process 14, selection value 1).
    package static let jpegLosslessSV1 = TransferSyntax("1.2.840.10008.1.2.4.70")
    /// JPEG-LS Lossless.
    package static let jpegLSLossless = TransferSyntax("1.2.840.10008.1.2.4.80")
    /// JPEG-LS Near-lossless.
    package static let jpegLSNearLossless = TransferSyntax("1.2.840.10008.1.2.4.81", lossy: true)
    /// JPEG 2000 Lossless Only.
    package static let jpeg2000Lossless = TransferSyntax("1.2.840.10008.1.2.4.90")
    /// JPEG 2000.
    package static let jpeg2000 = TransferSyntax("1.2.840.10008.1.2.4.91", lossy: true)
    /// RLE Lossless.
    package static let rleLossless = TransferSyntax("1.2.840.10008.1.2.5")

    /// Every transfer syntax of a file that the node parses, preferred first. HTJ2K is not among them: DCMTK 3.6.7 does
    /// not know it.
    package static let all: [TransferSyntax] = [
        .explicitVRLittleEndian, .implicitVRLittleEndian, .explicitVRBigEndian,
        .jpegLosslessSV1, .jpegLossless, .jpegLSLossless, .jpeg2000Lossless, .rleLossless,
        .jpegBaseline, .jpegExtended, .jpegLSNearLossless, .jpeg2000,
    ]

    /// What C-STORE is accepted in, preferred first: deflated last, since it is inflated before it is parsed and stored.
    package static let received = all + [.deflatedExplicitVRLittleEndian]

    /// The transfer syntax in which an object that came in this one is parsed and stored.
    package var stored: TransferSyntax { isDeflated ? .explicitVRLittleEndian : self }

    /// Looks a registered UID of a file up. Nil for one that the node does not parse.
    package init?(uid: some StringProtocol) {
        guard let known = TransferSyntax.all.first(where: { $0.uid == uid }) else { return nil }
        self = known
    }

    /// The registered UID.
    package var description: String { uid }
}
