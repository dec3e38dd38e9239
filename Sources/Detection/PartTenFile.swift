import DICOMCore
import Glibc

/// A file that could not be read at all, for a reason outside the image: try again, or mend the machine.
package struct FileReadError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The system's error number.
    package let errno: Int32

    /// The system's sentence. No path is in it: a path may have been typed with a name in it.
    package var description: String { "the image file cannot be read: \(String(cString: strerror(errno)))" }
}

/// A DICOM file (PS3.10 7.1): its header as encoded, and where its pixels are.
///
/// Pixels are read with pread and not mapped: a mapped file that someone cuts short while it is read would kill the node.
struct PartTenFile: ~Copyable {
    /// A codestream longer than this is refused.
    static let mostEncapsulatedBytes = 512 << 20

    /// Of the data set, from (0002,0010).
    let transferSyntax: TransferSyntax
    /// The data set up to Pixel Data, in `transferSyntax`.
    let header: [UInt8]
    /// Pixel Data of the top level, or nil.
    let pixelData: PixelDataElement?

    private let descriptor: FileDescriptor
    private let size: Int
    /// Where the data set begins.
    private let start: Int

    private init(
        _ descriptor: consuming FileDescriptor, size: Int, meta: FileMeta, header: [UInt8], pixelData: PixelDataElement?
    ) {
        self.descriptor = descriptor
        self.size = size
        self.header = header
        self.pixelData = pixelData
        transferSyntax = meta.transferSyntax
        start = meta.end
    }

    /// Opens a file and reads its header.
    ///
    /// - Throws: ``FileReadError``, or ``ImageReason`` for what is not a DICOM file that can be read.
    static func open(_ path: String) throws -> PartTenFile {
        let descriptor = try FileDescriptor.open(path)
        let size = try descriptor.size()
        let meta = try FileMeta(try descriptor.read(at: 0, count: min(size, 1 << 16)))
        let (header, pixelData) = try header(descriptor, from: meta.end, size: size, meta.transferSyntax)
        return PartTenFile(descriptor, size: size, meta: meta, header: header, pixelData: pixelData)
    }

    private static func header(
        _ descriptor: borrowing FileDescriptor, from start: Int, size: Int, _ transferSyntax: TransferSyntax
    ) throws -> ([UInt8], PixelDataElement?) {
        var parser = DataSetPreParser(transferSyntax: transferSyntax)
        var header: [UInt8] = []
        var offset = start
        do {
            while offset < size, parser.pixelData == nil {
                let piece = try descriptor.read(at: offset, count: min(1 << 16, size - offset))
                offset += piece.count
                try piece.withUnsafeBytes { bytes in
                    try parser.consume(bytes) { part, run in if part == .header { header.append(contentsOf: run) } }
                }
            }
            if parser.pixelData == nil { try parser.finish() }
        } catch is PreParseError {
            throw ImageReason.unreadableHeader
        }
        return (header, parser.pixelData)
    }

    /// `count` bytes of native Pixel Data; fewer if the file or the element is shorter.
    func nativePixels(_ element: PixelDataElement, count: Int) throws -> [UInt8] {
        let from = valueOffset(element)
        return try descriptor.read(at: from, count: max(0, min(count, Int(element.length ?? 0), size - from)))
    }

    /// `count` 16 bit words of native Pixel Data in host byte order; fewer if the file or the element is shorter.
    func nativeWords(_ element: PixelDataElement, count: Int) throws -> [UInt16] {
        let from = valueOffset(element)
        let bytes = max(0, min(2 * count, Int(element.length ?? 0), size - from))
        return try descriptor.readWords(at: from, count: bytes / 2, isBigEndian: transferSyntax.isBigEndian)
    }

    /// The items of encapsulated Pixel Data, and whatever follows them in the file.
    func fragments(_ element: PixelDataElement) throws -> [UInt8] {
        let from = valueOffset(element)
        guard size - from <= PartTenFile.mostEncapsulatedBytes else { throw ImageReason.tooLarge }
        return try descriptor.read(at: from, count: max(0, size - from))
    }

    private func valueOffset(_ element: PixelDataElement) -> Int {
        start + Int(element.offset) + element.encodedHeader.count
    }
}

/// The file meta information (PS3.10 7.1), as far as it is needed to read on.
private struct FileMeta {
    let transferSyntax: TransferSyntax
    /// Bytes from the start of the file to the data set.
    let end: Int

    init(_ bytes: [UInt8]) throws(ImageReason) {
        guard bytes.count >= 132, bytes[128..<132].elementsEqual("DICM".utf8) else { throw .unreadableHeader }
        var offset = 132
        var uid: String?
        while offset + 8 <= bytes.count, bytes[offset] == 2, bytes[offset + 1] == 0 {
            let vr = String(decoding: bytes[offset + 4..<offset + 6], as: UTF8.self)
            let isLong = ["OB", "OW", "UN", "UT", "SQ"].contains(vr)
            guard offset + (isLong ? 12 : 8) <= bytes.count else { throw .unreadableHeader }
            func number(_ at: Int, _ count: Int) -> Int {
                (0..<count).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
            }
            let length = isLong ? number(offset + 8, 4) : number(offset + 6, 2)
            let value = offset + (isLong ? 12 : 8)
            guard length <= bytes.count - value else { throw .unreadableHeader }
            if number(offset + 2, 2) == 0x0010 {
                uid = UID(String(decoding: bytes[value..<value + length], as: UTF8.self))?.value
            }
            offset = value + length
        }
        guard let uid else { throw .unreadableHeader }
        guard let known = TransferSyntax(uid: uid) else { throw .transferSyntax }
        transferSyntax = known
        end = offset
    }
}

/// An open file, closed when the value goes.
private struct FileDescriptor: ~Copyable {
    private let number: Int32

    private init(number: Int32) { self.number = number }

    static func open(_ path: String) throws(FileReadError) -> FileDescriptor {
        let number = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { throw FileReadError(errno: errno) }
        return FileDescriptor(number: number)
    }

    deinit { close(number) }

    func size() throws(FileReadError) -> Int {
        var status = stat()
        guard fstat(number, &status) == 0 else { throw FileReadError(errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw FileReadError(errno: EINVAL) }
        return Int(status.st_size)
    }

    func read(at offset: Int, count: Int) throws(FileReadError) -> [UInt8] {
        var failure: FileReadError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(FileReadError) {
                filled = try fill(UnsafeMutableRawBufferPointer(buffer), at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    func readWords(at offset: Int, count: Int, isBigEndian: Bool) throws(FileReadError) -> [UInt16] {
        var failure: FileReadError?
        let words = [UInt16](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(FileReadError) {
                filled = try fill(UnsafeMutableRawBufferPointer(buffer), at: offset) / 2
            } catch {
                failure = error
            }
            for index in 0..<filled where isBigEndian { buffer[index] = UInt16(bigEndian: buffer[index]) }
        }
        if let failure { throw failure }
        return words
    }

    /// Reads until the buffer is full or the file ends.
    private func fill(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileReadError) -> Int {
        var filled = 0
        while filled < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
            let count = pread(number, rest.baseAddress, rest.count, off_t(offset + filled))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileReadError(errno: errno) }
            if count == 0 { break }
            filled += count
        }
        return filled
    }
}
