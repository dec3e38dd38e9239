/// A frame of RLE Lossless (PS3.5 Annex G): one fragment with a header of 64 bytes and a segment for each byte of a sample.
/// Unused offsets and what stands behind a segment's last pixel are zeroed.
struct RLEScanner {
    private let segments: Int
    private let length: Int
    private var header: [UInt8] = []
    /// Where each segment ends, in bytes of the fragment.
    private var ends: [Int] = []
    private var fragmentLength = 0
    private var position = 0
    private var segment = 0
    /// Pixels of the segment so far.
    private var produced = 0
    private var run = Run.control

    private enum Run {
        case control
        case literal(left: Int)
        case replicated(count: Int)
    }

    /// - Parameters:
    ///   - segments: bytes of a pixel, all samples together.
    ///   - length: pixels of a frame.
    init(segments: Int, length: Int) {
        self.segments = segments
        self.length = length
    }

    mutating func beginFragment(length fragmentLength: Int) {
        self = RLEScanner(segments: segments, length: length)
        self.fragmentLength = fragmentLength
    }

    mutating func clean(_ bytes: UnsafeMutableRawBufferPointer) throws(DeIdentificationError) {
        guard fragmentLength > 64 else { throw .pixelDataNotUnderstood }
        var index = 0
        while index < bytes.count, position < 64 {
            header.append(bytes[index])
            // Offsets of segments that are not there.
            if position >= 4 * (segments + 1) { bytes[index] = 0 }
            index += 1
            position += 1
            if position == 64 { try readHeader() }
        }
        while index < bytes.count {
            bytes[index] = next(bytes[index])
            index += 1
            position += 1
            if segment < ends.count, position == ends[segment] {
                segment += 1
                produced = 0
                run = .control
            }
        }
    }

    private mutating func readHeader() throws(DeIdentificationError) {
        let numbers = header.withUnsafeBytes { bytes in
            (0..<16).map { Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self))) }
        }
        guard segments <= 15, numbers[0] == segments, numbers[1] == 64 else { throw .pixelDataNotUnderstood }
        ends = numbers[1...segments].dropFirst() + [fragmentLength]
        guard zip([64] + ends, ends).allSatisfy({ $0 < $1 }) else { throw .pixelDataNotUnderstood }
    }

    private mutating func next(_ byte: UInt8) -> UInt8 {
        switch run {
        case .control:
            guard produced < length else { return 0 }
            switch byte {
            case 0...127: run = .literal(left: Int(byte) + 1)
            case 128: break
            default: run = .replicated(count: 257 - Int(byte))
            }
            return byte
        case .literal(let left):
            run = left == 1 ? .control : .literal(left: left - 1)
            produced += 1
            return produced > length ? 0 : byte
        case .replicated(let count):
            run = .control
            produced += count
            return byte
        }
    }
}
