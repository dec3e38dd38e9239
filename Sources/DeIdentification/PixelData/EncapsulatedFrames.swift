import DICOMCore

/// The items of encapsulated pixel data (PS3.5 A.4). The pre-parser has made sure that they are well formed.
final class EncapsulatedFrames {
    /// A table with more frames than any object has is refused, since it is held in memory.
    private static let largestOffsetTable = 16 << 20

    private var scanner: FrameScanner
    private let frames: Int
    private let largestOffset: Int
    private var part = Part.header
    private var gathered: [UInt8] = []
    private var isFirstItem = true

    private enum Part {
        case header
        case offsetTable(length: Int)
        case fragment(left: Int)
        case ended
    }

    init(_ transferSyntax: TransferSyntax, _ module: ImagePixelModule) {
        scanner = FrameScanner(transferSyntax, module)
        frames = module.frames
        // Twice the size of the pixels and a page is more than any frame takes: four letters are a larger number.
        let frame = module.rows * module.columns * module.samples * ((module.bitsAllocated + 7) / 8)
        let (product, isTooLarge) = frames.multipliedReportingOverflow(by: 2 * frame + 4096)
        largestOffset = isTooLarge ? .max : product
    }

    func clean(_ bytes: UnsafeRawBufferPointer, _ write: (UnsafeRawBufferPointer) throws -> Void) throws {
        var rest = bytes
        while !rest.isEmpty {
            let taken: Int
            switch part {
            case .header: taken = try takeHeader(rest, write)
            case .offsetTable(let length): taken = try takeOffsetTable(rest, length, write)
            case .fragment(let left): taken = try takeFragment(rest, left, write)
            case .ended: return
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
        }
    }

    private func takeHeader(
        _ bytes: UnsafeRawBufferPointer, _ write: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Int {
        let taken = min(8 - gathered.count, bytes.count)
        gathered += bytes.prefix(taken)
        guard gathered.count == 8 else { return taken }
        let (tag, length) = gathered.withUnsafeBytes {
            (
                UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self)),
                Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
            )
        }
        guard tag == 0xE000_FFFE else {
            part = .ended
            try gathered.withUnsafeBytes(write)
            return taken
        }
        if isFirstItem {
            isFirstItem = false
            guard length <= Self.largestOffsetTable else { throw DeIdentificationError.pixelDataNotUnderstood }
            part = .offsetTable(length: length)
            gathered.removeAll()
            if length == 0 { try finishOffsetTable(write) }
        } else {
            try gathered.withUnsafeBytes(write)
            gathered.removeAll()
            scanner.beginFragment(length: length)
            part = length == 0 ? .header : .fragment(left: length)
        }
        return taken
    }

    private func takeOffsetTable(
        _ bytes: UnsafeRawBufferPointer, _ length: Int, _ write: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Int {
        let taken = min(length - gathered.count, bytes.count)
        gathered += bytes.prefix(taken)
        if gathered.count == length { try finishOffsetTable(write) }
        return taken
    }

    /// A table of something else than rising even offsets of as many frames, as far apart as frames can be, is left out,
    /// which a Basic Offset Table may be.
    private func finishOffsetTable(_ write: (UnsafeRawBufferPointer) throws -> Void) throws {
        let offsets = gathered.withUnsafeBytes { table in
            (0..<table.count / 4).map {
                UInt32(littleEndian: table.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self))
            }
        }
        let isRising = zip(offsets, offsets.dropFirst()).allSatisfy { $0 < $1 }
        let areOffsets = isRising && offsets.allSatisfy { $0 % 2 == 0 && $0 <= largestOffset }
        if gathered.count != 4 * frames || offsets.first != 0 || !areOffsets { gathered.removeAll() }
        var item: [UInt8] = [0xFE, 0xFF, 0x00, 0xE0]
        withUnsafeBytes(of: UInt32(gathered.count).littleEndian) { item += $0 }
        item += gathered
        gathered.removeAll()
        part = .header
        try item.withUnsafeBytes(write)
    }

    private func takeFragment(
        _ bytes: UnsafeRawBufferPointer, _ left: Int, _ write: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Int {
        let taken = min(left, bytes.count)
        var run = Array(bytes.prefix(taken))
        try run.withUnsafeMutableBytes { try scanner.clean($0) }
        try run.withUnsafeBytes(write)
        part = taken == left ? .header : .fragment(left: left - taken)
        return taken
    }
}

/// Follows a codestream and overwrites in place what carries no pixels.
enum FrameScanner {
    case jpeg(JPEGScanner)
    case jpeg2000(JPEG2000Scanner)
    case rle(RLEScanner)

    init(_ transferSyntax: TransferSyntax, _ module: ImagePixelModule) {
        switch transferSyntax {
        case .jpeg2000, .jpeg2000Lossless: self = .jpeg2000(JPEG2000Scanner())
        case .rleLossless:
            self = .rle(
                RLEScanner(
                    segments: module.samples * ((module.bitsAllocated + 7) / 8), length: module.rows * module.columns))
        case .jpegLSLossless, .jpegLSNearLossless: self = .jpeg(JPEGScanner(isJPEGLS: true))
        default: self = .jpeg(JPEGScanner(isJPEGLS: false))
        }
    }

    mutating func beginFragment(length: Int) {
        switch self {
        case .jpeg(var scanner):
            scanner.beginFragment()
            self = .jpeg(scanner)
        case .jpeg2000(var scanner):
            scanner.beginFragment()
            self = .jpeg2000(scanner)
        case .rle(var scanner):
            scanner.beginFragment(length: length)
            self = .rle(scanner)
        }
    }

    mutating func clean(_ bytes: UnsafeMutableRawBufferPointer) throws(DeIdentificationError) {
        switch self {
        case .jpeg(var scanner):
            try scanner.clean(bytes)
            self = .jpeg(scanner)
        case .jpeg2000(var scanner):
            try scanner.clean(bytes)
            self = .jpeg2000(scanner)
        case .rle(var scanner):
            try scanner.clean(bytes)
            self = .rle(scanner)
        }
    }
}
