import DICOMCore

/// Encodes data sets byte by byte, independently of the code under test.
struct Encoder {
    var isExplicitVR = true
    var isBigEndian = false

    static let explicitLE = Encoder()
    static let implicitLE = Encoder(isExplicitVR: false)
    static let explicitBE = Encoder(isBigEndian: true)

    static func of(_ syntax: TransferSyntax) -> Encoder {
        Encoder(isExplicitVR: syntax.isExplicitVR, isBigEndian: syntax.isBigEndian)
    }

    static let undefined: UInt32 = .max

    func u16(_ number: UInt16) -> [UInt8] {
        let bytes = [UInt8(truncatingIfNeeded: number), UInt8(number >> 8)]
        return isBigEndian ? bytes.reversed() : bytes
    }

    func u32(_ number: UInt32) -> [UInt8] {
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        return isBigEndian ? bytes.reversed() : bytes
    }

    func tag(_ tag: UInt32) -> [UInt8] { u16(UInt16(tag >> 16)) + u16(UInt16(truncatingIfNeeded: tag)) }

    func header(_ tag: UInt32, _ vr: String, _ length: UInt32) -> [UInt8] {
        guard isExplicitVR, tag >> 16 != 0xFFFE else { return self.tag(tag) + u32(length) }
        let long = ["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"].contains(vr)
        return self.tag(tag) + Array(vr.utf8) + (long ? [0, 0] + u32(length) : u16(UInt16(length)))
    }

    func element(_ tag: UInt32, _ vr: String, _ value: [UInt8]) -> [UInt8] {
        header(tag, vr, UInt32(value.count)) + value
    }

    func text(_ tag: UInt32, _ vr: String, _ value: String) -> [UInt8] {
        let bytes = Array(value.utf8)
        return element(tag, vr, bytes.count % 2 == 0 ? bytes : bytes + [0x20])
    }

    func item(_ content: [UInt8], defined: Bool = true) -> [UInt8] {
        defined
            ? header(0xFFFE_E000, "", UInt32(content.count)) + content
            : header(0xFFFE_E000, "", Encoder.undefined) + content + header(0xFFFE_E00D, "", 0)
    }

    func sequence(
        _ tag: UInt32, _ items: [[UInt8]], defined: Bool = true, definedItems: Bool = true, vr: String = "SQ"
    ) -> [UInt8] {
        let content = items.flatMap { item($0, defined: definedItems) }
        return defined
            ? element(tag, vr, content)
            : header(tag, vr, Encoder.undefined) + content + header(0xFFFE_E0DD, "", 0)
    }

    /// Encapsulated pixel data or the like.
    func fragments(_ tag: UInt32, _ vr: String, _ fragments: [[UInt8]]) -> [UInt8] {
        header(tag, vr, Encoder.undefined) + fragments.flatMap { item($0) } + header(0xFFFE_E0DD, "", 0)
    }

    /// Sequences nested `depth` deep, as one element; those inside the first in the encoding `inner`.
    func nested(_ depth: Int, defined: Bool, vr: String = "SQ", inner: Encoder? = nil) -> [UInt8] {
        let inner = inner ?? self
        var headers: [[UInt8]] = []
        var length = 0
        var closing: [UInt8] = []
        for level in 1...depth {
            let (encoder, vr) = level == depth ? (self, vr) : (inner, "SQ")
            let item = inner.header(0xFFFE_E000, "", defined ? UInt32(length) : Encoder.undefined)
            let sequence = encoder.header(
                0x0008_1140, vr, defined ? UInt32(length + item.count) : Encoder.undefined)
            headers.append(sequence + item)
            length += sequence.count + item.count
            if !defined { closing += inner.header(0xFFFE_E00D, "", 0) + inner.header(0xFFFE_E0DD, "", 0) }
        }
        return headers.reversed().flatMap { $0 } + closing
    }
}

/// What the parser makes of a data set.
struct Split: Equatable {
    var header: [UInt8] = []
    var pixelData: [UInt8] = []
    var trailing: [UInt8] = []
    var element: PixelDataElement?

    /// Feeds `bytes` in fragments of the sizes that `size` answers for each position, each in memory of its own so that
    /// AddressSanitizer would see a read beyond it.
    init(
        _ bytes: [UInt8], _ syntax: TransferSyntax, limits: DataSetPreParser.Limits = .init(),
        fragments size: (Int) -> Int = { _ in .max }
    ) throws {
        var parser = DataSetPreParser(transferSyntax: syntax, limits: limits)
        var offset = 0
        while offset < bytes.count {
            let count = min(size(offset), bytes.count - offset)
            try Array(bytes[offset..<offset + count]).withUnsafeBytes { fragment in
                try parser.consume(fragment) { part, run in
                    switch part {
                    case .header: header += run
                    case .pixelData: pixelData += run
                    case .trailing: trailing += run
                    }
                }
            }
            offset += count
        }
        try parser.finish()
        element = parser.pixelData
    }

    /// Everything in the order of the data set.
    var whole: [UInt8] { header + (element?.encodedHeader ?? []) + pixelData + trailing }
}

/// The error a data set gets; nil if it is accepted.
func refusal(
    of bytes: [UInt8], _ syntax: TransferSyntax = .explicitVRLittleEndian, limits: DataSetPreParser.Limits = .init(),
    fragments size: (Int) -> Int = { _ in .max }
) throws -> PreParseError? {
    do {
        _ = try Split(bytes, syntax, limits: limits, fragments: size)
        return nil
    } catch let error as PreParseError {
        return error
    }
}

/// A small generator with a seed, so that a failing run can be repeated (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
