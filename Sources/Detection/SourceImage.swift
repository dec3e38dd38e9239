import DCMTKBridge
import DICOMCore

/// One image of a file: what the scope and the preparation need of its header, and its pixels.
package struct SourceImage: Sendable {
    /// What the scope is judged by.
    package let scope: ScopeAttributes
    /// How stored values become display values.
    package let display: DisplayAttributes
    /// Which way the picture lies.
    package let orientation: ImageOrientation
    /// The stored pixels.
    package let pixels: GrayImage

    /// Reads a DICOM file: header, scope check, then pixels, so that what is out of scope costs no decoding. Blocks.
    ///
    /// - Parameters:
    ///   - file: A Part 10 file.
    ///   - accepts: Throws for a header that is out of scope.
    /// - Throws: ``ImageReason`` for the image's own faults, ``FileReadError`` for those of the machine.
    @available(*, noasync)
    package init(
        file path: String, accepts: (ScopeAttributes) throws(ImageReason) -> Void = { _ throws(ImageReason) in }
    ) throws {
        let file = try PartTenFile.open(path)
        let header: DataSet
        do {
            header = try DataSet(parsing: file.header, transferSyntax: file.transferSyntax)
        } catch {
            throw ImageReason.unreadableHeader
        }
        scope = ScopeAttributes(header)
        try accepts(scope)
        guard let element = file.pixelData, element.length != 0 else { throw ImageReason.noPixelData }
        orientation = ImageOrientation(header)
        let matrix = try PixelMatrix(header)
        display = try DisplayAttributes(header)
        pixels = try matrix.pixels(of: file, element)
    }
}

/// The Image Pixel module (PS3.3 C.7.6.3) of an image that can be prepared.
private struct PixelMatrix {
    let rows: Int
    let columns: Int
    let format: SampleFormat

    init(_ header: borrowing DataSet) throws(ImageReason) {
        func integer(_ tag: Tag) -> Int? { header.number(tag).flatMap { Int(exactly: $0) } }
        guard let rows = integer(.rows), let columns = integer(.columns), rows > 0, columns > 0,
            let allocated = integer(.bitsAllocated), let stored = integer(.bitsStored)
        else { throw .unreadableHeader }
        guard (integer(.samplesPerPixel) ?? 1) == 1 else { throw .colour }
        guard (integer(.numberOfFrames) ?? 1) == 1 else { throw .multiFrame }
        guard allocated == 8 || allocated == 16 else { throw .pixelFormat }
        guard rows * columns <= GrayImage.mostPixels else { throw .tooLarge }
        let highBit = integer(.highBit) ?? stored - 1
        let isSigned = integer(.pixelRepresentation) == 1
        guard
            let format = SampleFormat(
                bitsAllocated: allocated, bitsStored: stored, highBit: highBit, isSigned: isSigned)
        else { throw .unreadableHeader }
        (self.rows, self.columns, self.format) = (rows, columns, format)
    }

    func pixels(of file: borrowing PartTenFile, _ element: PixelDataElement) throws -> GrayImage {
        let storage =
            element.isEncapsulated ? try decoded(file, element) : try native(file, element)
        guard let image = GrayImage(rows: rows, columns: columns, format: format, storage: storage) else {
            throw ImageReason.truncatedPixelData
        }
        return image
    }

    private func native(_ file: borrowing PartTenFile, _ element: PixelDataElement) throws -> GrayImage.Storage {
        let count = rows * columns
        if format.bitsAllocated == 16 { return .words(try file.nativeWords(element, count: count)) }
        // In big endian OW, two 8 bit samples share a word, the first in its low byte (PS3.5 8.1.1, A.3).
        guard file.transferSyntax.isBigEndian, element.vr == .ow else {
            return .bytes(try file.nativePixels(element, count: count))
        }
        let words = try file.nativeWords(element, count: (count + 1) / 2)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(2 * words.count)
        for word in words {
            bytes.append(UInt8(truncatingIfNeeded: word))
            bytes.append(UInt8(truncatingIfNeeded: word >> 8))
        }
        return .bytes(Array(bytes.prefix(count)))
    }

    private func decoded(_ file: borrowing PartTenFile, _ element: PixelDataElement) throws -> GrayImage.Storage {
        let fragments = try file.fragments(element)
        let syntax = file.transferSyntax
        let pixelFormat = PixelDecoder.Format(rows: rows, columns: columns, bitsAllocated: format.bitsAllocated)
        do {
            let words = try fragments.withUnsafeBytes { bytes throws(PixelDecoderError) in
                try PixelDecoder.decode(bytes, format: pixelFormat, transferSyntax: syntax)
            }
            return format.bitsAllocated == 16 ? .words(words) : .bytes(words.map { UInt8(truncatingIfNeeded: $0) })
        } catch PixelDecoderError.unsupportedTransferSyntax {
            throw ImageReason.transferSyntax
        } catch {
            throw ImageReason.undecodablePixelData
        }
    }
}
