/// The header of an element, an item or a delimiter (PS3.5 7.1.2, 7.1.3, 7.5).
struct PreParserHeader {
    static let item: UInt32 = 0xFFFE_E000
    static let itemDelimitation: UInt32 = 0xFFFE_E00D
    static let sequenceDelimitation: UInt32 = 0xFFFE_E0DD
    static let pixelData: UInt32 = 0x7FE0_0010

    /// How the bytes are to be read.
    struct Form {
        var isExplicitVR: Bool
        var isBigEndian: Bool

        static let implicitLittleEndian = Form(isExplicitVR: false, isBigEndian: false)
    }

    /// Group in the high half.
    let tag: UInt32
    /// Nil in implicit VR, for items and delimiters, and where ``hasInvalidVR``.
    let vr: VR?
    let length: UInt32
    /// 8 or 12 bytes.
    let size: Int
    /// The form asks for a VR, and the bytes are not one.
    let hasInvalidVR: Bool
    /// The first four bytes as a little-endian number, whatever the form.
    let start: UInt32

    var hasUndefinedLength: Bool { length == .max }
    var group: UInt16 { UInt16(tag >> 16) }

    /// Nil if there are too few bytes.
    @inline(__always)
    init?(_ bytes: UnsafeRawBufferPointer, _ form: Form) {
        guard bytes.count >= 8 else { return nil }
        let start = UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self))
        self.start = start
        // Group and element are two 16-bit numbers, so little endian needs them swapped as a pair.
        tag = form.isBigEndian ? start.byteSwapped : start << 16 | start >> 16
        guard form.isExplicitVR, tag >> 16 != 0xFFFE else {
            (vr, hasInvalidVR, size) = (nil, false, 8)
            length = PreParserHeader.number(bytes, at: 4, form)
            return
        }
        vr = VR(code: UInt16(bytes[4]) << 8 | UInt16(bytes[5]))
        hasInvalidVR = vr == nil
        guard let vr, vr.hasLongLength else {
            let number = bytes.loadUnaligned(fromByteOffset: 6, as: UInt16.self)
            length = UInt32(form.isBigEndian ? UInt16(bigEndian: number) : UInt16(littleEndian: number))
            size = 8
            return
        }
        guard bytes.count >= 12 else { return nil }
        length = PreParserHeader.number(bytes, at: 8, form)
        size = 12
    }

    private static func number(_ bytes: UnsafeRawBufferPointer, at offset: Int, _ form: Form) -> UInt32 {
        let number = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        return form.isBigEndian ? UInt32(bigEndian: number) : UInt32(littleEndian: number)
    }
}

/// Counts item tags at every byte position, in both byte orders.
struct ItemTagCounter {
    private var window: UInt32 = 0
    private var found = 0

    /// Counts on in the bytes that follow. False once more than `limit` were found.
    mutating func count(_ bytes: UnsafeRawBufferPointer, upTo limit: Int) -> Bool {
        for byte in bytes {
            window = window << 8 | UInt32(byte)
            if window == 0xFEFF_00E0 || window == 0xFFFE_E000 { found += 1 }
        }
        return found <= limit
    }
}
