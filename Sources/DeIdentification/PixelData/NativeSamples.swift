import DICOMCore

/// Native pixel data: nothing behind the last pixel, nothing in the bits that hold no pixel (PS3.5 8.1.1).
struct NativeSamples {
    /// What the element's length field says: the value is padded to an even length.
    let writtenLength: UInt32

    private var left: Int
    private let isPadded: Bool
    private let cleaning: SampleCleaning?
    /// Where the padding byte stands in the value when it is not behind the last pixel: in big endian words of bytes it is
    /// before it.
    private var padding: Int?
    private var position = 0
    /// Bytes of a sample that the last run cut.
    private var cut: [UInt8] = []

    init(
        _ module: ImagePixelModule, length: UInt32, vr: VR, isBigEndian: Bool
    ) throws(DeIdentificationError) {
        let received = Int(length)
        let counts = module.byteCounts
        guard let smallest = counts.first else { throw .pixelDataNotUnderstood }
        // Some senders say that chroma is subsampled where it is not: then the length is that of whole samples.
        let image = counts.first { received == $0 + $0 % 2 || received == $0 } ?? smallest
        if isBigEndian, vr == .ow, image % 2 == 1, received > image {
            padding = image - 1
            left = image + 1
        } else {
            left = min(image, received)
        }
        isPadded = left % 2 == 1
        writtenLength = UInt32(left + left % 2)
        cleaning = try SampleCleaning(module, isBigEndian: isBigEndian)
    }

    mutating func clean(
        _ bytes: UnsafeRawBufferPointer, _ write: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let kept = UnsafeRawBufferPointer(rebasing: bytes.prefix(left))
        left -= kept.count
        defer { position += kept.count }
        if let padding, (position..<position + kept.count).contains(padding) {
            var run = Array(kept)
            run[padding - position] = 0
            self.padding = nil
            return try run.withUnsafeBytes { try clean(samples: $0, write) }
        }
        try clean(samples: kept, write)
    }

    private mutating func clean(
        samples kept: UnsafeRawBufferPointer, _ write: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard let cleaning else { return try write(kept) }
        if cut.isEmpty, kept.count % cleaning.bytesPerSample == 0, cleaning.isClean(kept) { return try write(kept) }
        var run = cut + kept
        let rest = run.count % cleaning.bytesPerSample
        cut = Array(run.suffix(rest))
        run.removeLast(rest)
        run.withUnsafeMutableBytes { cleaning.clean($0) }
        try run.withUnsafeBytes(write)
    }

    func finish(_ write: (UnsafeRawBufferPointer) throws -> Void) throws {
        // Part of a sample is no sample.
        let rest = [UInt8](repeating: 0, count: cut.count + (isPadded && left == 0 ? 1 : 0))
        try rest.withUnsafeBytes(write)
    }
}

/// Keeps the bits of a sample from High Bit down, Bits Stored of them, and extends the sign above where there is one.
private struct SampleCleaning {
    let bytesPerSample: Int
    private let isSigned: Bool
    private let isSwapped: Bool
    /// Bits above High Bit.
    private let above: Int
    /// Bits below the lowest stored one.
    private let below: Int
    /// For eight bytes of samples: bits that must be zero, and bits that must be as the one above them.
    private let mustBeZero: UInt64
    private let mustBeEqual: UInt64

    /// Nil where every bit of a sample is stored.
    init?(_ module: ImagePixelModule, isBigEndian: Bool) throws(DeIdentificationError) {
        guard module.bitsStored < module.bitsAllocated else { return nil }
        guard [8, 16, 32].contains(module.bitsAllocated) else { throw .pixelDataNotUnderstood }
        bytesPerSample = module.bitsAllocated / 8
        isSigned = module.isSigned
        // The samples are little endian in memory; in a big endian object words of them are not.
        isSwapped = isBigEndian
        above = module.bitsAllocated - 1 - module.highBit
        below = module.highBit + 1 - module.bitsStored
        let (high, low) = (UInt64(1) << module.highBit, UInt64(1) << below)
        let top = UInt64(1) << (module.bitsAllocated - 1)
        let (aboveBits, belowBits) = ((top - high) << 1, low - 1)
        let inAll = stride(from: 0, to: 64, by: module.bitsAllocated).reduce(UInt64(0)) { $0 | 1 << UInt64($1) }
        mustBeZero = (isSigned ? belowBits : aboveBits | belowBits) &* inAll
        mustBeEqual = isSigned ? (top - high) &* inAll : 0
    }

    /// Whether no bit has to change, eight bytes at a time: of unsigned samples the bits that hold no pixel are zero, of
    /// signed ones those above are equal to the sign.
    func isClean(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var (zero, equal) = (UInt64(0), UInt64(0))
        let whole = bytes.count & ~7
        var offset = 0
        while offset < whole {
            let stored = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let word = isSwapped ? stored.byteSwapped : stored
            zero |= word
            equal |= word ^ (word &>> 1)
            offset += 8
        }
        var rest: UInt64 = 0
        while offset < bytes.count {
            let place = isSwapped ? 7 - offset % 8 : offset % 8
            rest |= UInt64(bytes[offset]) &<< UInt64(8 * place)
            offset += 1
        }
        return (zero | rest) & mustBeZero == 0 && (equal | (rest ^ (rest &>> 1))) & mustBeEqual == 0
    }

    func clean(_ bytes: UnsafeMutableRawBufferPointer) {
        switch bytesPerSample {
        case 1: clean(bytes, as: UInt8.self, signed: Int8.self)
        case 2: clean(bytes, as: UInt16.self, signed: Int16.self)
        default: clean(bytes, as: UInt32.self, signed: Int32.self)
        }
    }

    @inline(__always)
    private func cleaned<Sample: FixedWidthInteger & UnsignedInteger, Signed: FixedWidthInteger & SignedInteger>(
        _ stored: Sample, signed: Signed.Type
    ) -> Sample {
        let value = isSwapped ? stored.byteSwapped : stored
        let high = value &<< Sample(truncatingIfNeeded: above)
        let extended =
            isSigned
            ? Sample(truncatingIfNeeded: Signed(truncatingIfNeeded: high) &>> Signed(truncatingIfNeeded: above))
            : high &>> Sample(truncatingIfNeeded: above)
        let mask = Sample.max &<< Sample(truncatingIfNeeded: below)
        let clean = extended & mask
        return isSwapped ? clean.byteSwapped : clean
    }

    @inline(__always)
    private func clean<Sample: FixedWidthInteger & UnsignedInteger, Signed: FixedWidthInteger & SignedInteger>(
        _ bytes: UnsafeMutableRawBufferPointer, as: Sample.Type, signed: Signed.Type
    ) {
        for offset in stride(from: 0, to: bytes.count, by: MemoryLayout<Sample>.size) {
            let sample = bytes.loadUnaligned(fromByteOffset: offset, as: Sample.self)
            bytes.storeBytes(of: cleaned(sample, signed: signed), toByteOffset: offset, as: Sample.self)
        }
    }
}
