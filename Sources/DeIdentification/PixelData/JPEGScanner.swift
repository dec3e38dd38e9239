import Foundation

/// The marker segments of JPEG and JPEG-LS (ISO 10918-1 Annex B, ISO 14495-1 Annex C). What decodes stays; comments,
/// application data and what stands behind the end of image are zeroed, so that no length changes.
struct JPEGScanner {
    private let isJPEGLS: Bool
    private var state = State.start

    private enum State {
        /// Before SOI.
        case start
        /// The FF of SOI was seen.
        case startOfImage
        /// A marker's FF is next.
        case marker
        /// A marker's code is next; more FF may stand before it.
        case code
        /// The two bytes of a segment's length.
        case length(code: UInt8, high: UInt8?)
        /// Inside a segment.
        case segment(code: UInt8, index: Int, length: Int, isKept: Bool)
        /// Entropy-coded data.
        case entropy
        /// After an FF in entropy-coded data.
        case entropyFF
        /// Behind EOI.
        case after
    }

    init(isJPEGLS: Bool) { self.isJPEGLS = isJPEGLS }

    /// A frame may be in several fragments; a new one begins with a fragment.
    mutating func beginFragment() { if case .after = state { state = .start } }

    mutating func clean(_ bytes: UnsafeMutableRawBufferPointer) throws(DeIdentificationError) {
        var index = 0
        while index < bytes.count {
            switch state {
            case .entropy:
                // Most of an image: to the next FF at once.
                guard let base = bytes.baseAddress, let found = memchr(base + index, 0xFF, bytes.count - index) else {
                    return
                }
                index = base.distance(to: found) + 1
                state = .entropyFF
            case .after:
                UnsafeMutableRawBufferPointer(rebasing: bytes[index...]).initializeMemory(as: UInt8.self, repeating: 0)
                return
            default:
                bytes[index] = try next(bytes[index])
                index += 1
            }
        }
    }

    /// The byte that stands for `byte`.
    private mutating func next(_ byte: UInt8) throws(DeIdentificationError) -> UInt8 {
        switch state {
        case .start:
            guard byte == 0xFF else { throw .pixelDataNotUnderstood }
            state = .startOfImage
        case .startOfImage:
            guard byte == 0xD8 else { throw .pixelDataNotUnderstood }
            state = .marker
        case .marker:
            guard byte == 0xFF else { throw .pixelDataNotUnderstood }
            state = .code
        case .code: try enter(byte)
        case .length(let code, nil): state = .length(code: code, high: byte)
        case .length(let code, let high?):
            let length = Int(high) << 8 | Int(byte)
            guard length >= 2 else { throw .pixelDataNotUnderstood }
            state = .segment(code: code, index: 0, length: length - 2, isKept: Self.isKept(code, length - 2))
            endSegment()
        case .segment(let code, let index, let length, let isKept):
            return segmentByte(byte, code, index, length, isKept)
        case .entropyFF: try leaveEntropy(byte)
        case .entropy, .after: break
        }
        return byte
    }

    private mutating func enter(_ code: UInt8) throws(DeIdentificationError) {
        switch code {
        case 0xFF: break
        case 0xD9: state = .after
        case 0x01, 0xD0...0xD7: state = .marker
        case 0x00, 0xD8: throw .pixelDataNotUnderstood
        default: state = .length(code: code, high: nil)
        }
    }

    private mutating func leaveEntropy(_ byte: UInt8) throws(DeIdentificationError) {
        switch byte {
        case 0xFF: break
        case 0x00, 0x01, 0xD0...0xD7: state = .entropy
        // JPEG-LS stuffs a bit after FF, not a byte.
        case 0x01..<0x80 where isJPEGLS: state = .entropy
        default: try enter(byte)
        }
    }

    // MARK: Segments

    /// Tables, frame and scan headers (and in JPEG-LS, LSE). Application data only where decoders ask for it, and comments
    /// never.
    private static func isKept(_ code: UInt8, _ length: Int) -> Bool {
        switch code {
        case 0xC0...0xCF, 0xDA...0xDF, 0xF7, 0xF8: true
        default: constant(code, length) != nil
        }
    }

    /// What application segments may say: that it is JFIF, which colours Adobe transformed, which HP did in JPEG-LS. Nil
    /// stands for a byte that is kept.
    private static func constant(_ code: UInt8, _ length: Int) -> [UInt8?]? {
        switch (code, length) {
        case (0xE0, 14...): Array("JFIF\0".utf8) + [1, 1, 0, 0, 1, 0, 1, 0, 0]
        case (0xE8, 5): Array("mrfx".utf8) + [nil]
        case (0xEE, 12): Array("Adobe".utf8) + [0, 100, 0, 0, 0, 0, nil]
        default: nil
        }
    }

    /// How many bytes of an application segment must be as they are in ``constant(_:_:)`` for it to be one.
    private static func identifierLength(_ code: UInt8) -> Int { code == 0xE8 ? 4 : 5 }

    private mutating func segmentByte(_ byte: UInt8, _ code: UInt8, _ index: Int, _ length: Int, _ isKept: Bool)
        -> UInt8
    {
        var isKept = isKept
        var result = byte
        if let constant = Self.constant(code, length) {
            let expected = index < constant.count ? constant[index] : 0
            if index < Self.identifierLength(code), expected != byte { isKept = false }
            result = expected ?? byte
        }
        state = .segment(code: code, index: index + 1, length: length, isKept: isKept)
        endSegment()
        return isKept ? result : 0
    }

    private mutating func endSegment() {
        guard case .segment(let code, let index, let length, _) = state, index == length else { return }
        state = code == 0xDA ? .entropy : .marker
    }
}
