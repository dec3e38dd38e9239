import DCMTKBridge
import DICOMCore

/// Takes out of pixel data what is no pixel, as the bytes come in: what stands behind the last pixel, bits outside Bits
/// Stored (where overlays were once kept, PS3.5 8.1.1), and in encapsulated data the comments, application segments and
/// rests of fragments that no decoder reads. Samples and codestreams stay as they are, and so does every length.
///
/// One for each object, used by one thread. Burned-in text is not its business.
package final class PixelDataCleaner {
    /// Bytes of the element header and value together are `encodedHeader` and what ``clean(_:_:)`` and ``finish(_:)`` give.
    package let encodedHeader: [UInt8]

    private enum Content {
        case nothing
        case native(NativeSamples)
        case encapsulated(EncapsulatedFrames)
    }
    private var content: Content

    /// Reads from a received header, before it is de-identified, what its pixel data must look like.
    ///
    /// - Parameter element: nil in an object without Pixel Data.
    /// - Throws: ``DeIdentificationError/pixelDataNotUnderstood`` where the header does not say where the pixels end.
    package init(
        _ element: PixelDataElement?, of header: borrowing DataSet, transferSyntax: TransferSyntax
    ) throws(DeIdentificationError) {
        guard let element else {
            encodedHeader = []
            content = .nothing
            return
        }
        let module = try ImagePixelModule(header)
        if let length = element.length {
            let samples = try NativeSamples(
                module, length: length, vr: element.vr, isBigEndian: transferSyntax.isBigEndian)
            let written = samples.writtenLength
            let bytes = withUnsafeBytes(of: transferSyntax.isBigEndian ? written.bigEndian : written.littleEndian) {
                Array($0)
            }
            // The last four bytes of the header are the length, whatever the VR.
            encodedHeader = element.encodedHeader.dropLast(4) + bytes
            content = .native(samples)
        } else {
            encodedHeader = element.encodedHeader
            content = .encapsulated(EncapsulatedFrames(transferSyntax, module))
        }
    }

    /// Takes the next bytes of the value and gives out what is kept of them.
    package func clean(
        _ bytes: UnsafeRawBufferPointer, _ write: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        switch content {
        case .nothing: break
        case .native(var samples):
            // The enum's payload is taken out and put back: it holds no buffer that this would copy.
            try samples.clean(bytes, write)
            content = .native(samples)
        case .encapsulated(let frames): try frames.clean(bytes, write)
        }
    }

    /// To be called after the last byte.
    package func finish(_ write: (UnsafeRawBufferPointer) throws -> Void) throws {
        if case .native(let samples) = content { try samples.finish(write) }
    }
}

/// What the Image Pixel Module says of the layout of pixel data (PS3.3 C.7.6.3).
struct ImagePixelModule {
    let rows: Int
    let columns: Int
    let samples: Int
    let frames: Int
    let bitsAllocated: Int
    let bitsStored: Int
    let highBit: Int
    let isSigned: Bool
    let photometricInterpretation: String

    init(_ header: borrowing DataSet) throws(DeIdentificationError) {
        func number(_ tag: Tag, _ range: ClosedRange<Int>) -> Int? {
            header.number(tag).flatMap { Int(exactly: $0) }.flatMap { range.contains($0) ? $0 : nil }
        }
        guard let rows = number(.rows, 1...65535), let columns = number(.columns, 1...65535),
            let allocated = number(.bitsAllocated, 1...64)
        else { throw .pixelDataNotUnderstood }
        self.rows = rows
        self.columns = columns
        samples = number(.samplesPerPixel, 1...4) ?? 1
        frames = number(.numberOfFrames, 1...(1 << 31)) ?? 1
        bitsAllocated = allocated
        bitsStored = number(.bitsStored, 1...allocated) ?? allocated
        highBit = number(.highBit, (bitsStored - 1)...(allocated - 1)) ?? bitsStored - 1
        isSigned = header.number(.pixelRepresentation) == 1
        photometricInterpretation = header.string(.photometricInterpretation) ?? ""
    }

    /// Bytes of native pixel data, with chroma at every pixel or only where the photometric interpretation has it.
    var byteCounts: [Int] {
        let pixels = rows * columns
        let (allBits, isTooMuch) = pixels.multipliedReportingOverflow(by: frames * samples * bitsAllocated)
        guard !isTooMuch, allBits < 1 << 60 else { return [] }
        let bits = pixels * frames * bitsAllocated
        let whole = (bits * samples + 7) / 8
        if photometricInterpretation.hasSuffix("_422"), samples == 3 { return [(bits * 2 + 7) / 8, whole] }
        if photometricInterpretation.hasSuffix("_420"), samples == 3 { return [(bits * 3 / 2 + 7) / 8, whole] }
        return [whole]
    }
}

extension Tag {
    fileprivate static let samplesPerPixel = Tag(0x0028, 0x0002)
    fileprivate static let photometricInterpretation = Tag(0x0028, 0x0004)
    fileprivate static let numberOfFrames = Tag(0x0028, 0x0008)
    fileprivate static let rows = Tag(0x0028, 0x0010)
    fileprivate static let columns = Tag(0x0028, 0x0011)
    fileprivate static let bitsAllocated = Tag(0x0028, 0x0100)
    fileprivate static let bitsStored = Tag(0x0028, 0x0101)
    fileprivate static let highBit = Tag(0x0028, 0x0102)
    fileprivate static let pixelRepresentation = Tag(0x0028, 0x0103)
}
