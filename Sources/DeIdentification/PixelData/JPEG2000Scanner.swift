/// The markers of a JPEG 2000 codestream (ISO 15444-1 Annex A). Comments, unknown segments and what stands behind the end of
/// codestream are zeroed, so that no length changes.
struct JPEG2000Scanner {
    private var state = State.start
    /// Bytes left of the tile-part, counted from its SOT marker; nil outside one, and in the last one of unknown length.
    private var tilePart: Int?
    private var tileLength: UInt32 = 0

    private enum State {
        case start
        case startOfCodestream
        case marker
        case code
        case length(code: UInt8, high: UInt8?)
        case segment(code: UInt8, index: Int, length: Int)
        /// Packets, as many bytes as the tile-part has left.
        case packets(left: Int)
        /// Packets until EOC: a packet holds no FF followed by 90 or more.
        case packetsToEnd
        case packetsToEndFF
        case after
    }

    /// A frame may be in several fragments; a new one begins with a fragment.
    mutating func beginFragment() {
        guard case .after = state else { return }
        self = JPEG2000Scanner()
    }

    mutating func clean(_ bytes: UnsafeMutableRawBufferPointer) throws(DeIdentificationError) {
        var index = 0
        while index < bytes.count {
            switch state {
            case .packets(let left):
                let taken = min(left, bytes.count - index)
                index += taken
                state = taken == left ? .marker : .packets(left: left - taken)
            case .after:
                UnsafeMutableRawBufferPointer(rebasing: bytes[index...]).initializeMemory(as: UInt8.self, repeating: 0)
                return
            default:
                bytes[index] = try next(bytes[index])
                index += 1
            }
        }
    }

    private mutating func next(_ byte: UInt8) throws(DeIdentificationError) -> UInt8 {
        if let left = tilePart {
            guard left > 0 else { throw .pixelDataNotUnderstood }
            tilePart = left - 1
        }
        switch state {
        case .start:
            guard byte == 0xFF else { throw .pixelDataNotUnderstood }
            state = .startOfCodestream
        case .startOfCodestream:
            guard byte == 0x4F else { throw .pixelDataNotUnderstood }
            state = .marker
        case .marker:
            guard byte == 0xFF else { throw .pixelDataNotUnderstood }
            state = .code
        case .code: try enter(byte)
        case .length(let code, nil): state = .length(code: code, high: byte)
        case .length(let code, let high?):
            let length = Int(high) << 8 | Int(byte)
            guard length >= 2 else { throw .pixelDataNotUnderstood }
            state = .segment(code: code, index: 0, length: length - 2)
            try endSegment()
        case .segment(let code, let index, let length): return try segmentByte(byte, code, index, length)
        case .packetsToEnd: if byte == 0xFF { state = .packetsToEndFF }
        case .packetsToEndFF: state = byte == 0xD9 ? .after : byte == 0xFF ? .packetsToEndFF : .packetsToEnd
        case .packets, .after: break
        }
        return byte
    }

    private mutating func enter(_ code: UInt8) throws(DeIdentificationError) {
        switch code {
        case 0xD9: state = .after
        case 0x93:
            // Zero in Psot stands for "up to the end of the codestream".
            state = tilePart.map { $0 == 0 ? .marker : .packets(left: $0) } ?? .packetsToEnd
            tilePart = nil
        case 0x4F: throw .pixelDataNotUnderstood
        // In bit stream markers and those without a segment.
        case 0x30...0x3F: state = .marker
        default: state = .length(code: code, high: nil)
        }
    }

    /// SOT, SIZ, CAP, COD, COC, RGN, QCD, QCC, POC, TLM, PLM, PLT, PPM, PPT, CRG.
    private static let kept: Set<UInt8> = [
        0x90, 0x50, 0x51, 0x52, 0x53, 0x5E, 0x5C, 0x5D, 0x5F, 0x55, 0x57, 0x58, 0x60, 0x61, 0x63,
    ]

    private mutating func segmentByte(
        _ byte: UInt8, _ code: UInt8, _ index: Int, _ length: Int
    ) throws(DeIdentificationError) -> UInt8 {
        // Psot: bytes 2 to 5 of SOT (A.4.2).
        if code == 0x90, (2...5).contains(index) { tileLength = tileLength << 8 | UInt32(byte) }
        state = .segment(code: code, index: index + 1, length: length)
        try endSegment()
        return Self.kept.contains(code) ? byte : 0
    }

    private mutating func endSegment() throws(DeIdentificationError) {
        guard case .segment(let code, let index, let length) = state, index == length else { return }
        state = .marker
        guard code == 0x90 else { return }
        guard length == 8, tileLength == 0 || tileLength >= 14 else { throw .pixelDataNotUnderstood }
        // The marker, its length and its segment are behind us.
        tilePart = tileLength == 0 ? nil : Int(tileLength) - 12
        tileLength = 0
    }
}
