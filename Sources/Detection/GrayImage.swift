/// The pixels of one frame of one sample per pixel, as stored.
package struct GrayImage: Sendable, Equatable {
    /// More pixels than this are refused: 2 bytes each in memory, so 128 MB at most.
    package static let mostPixels = 64 << 20

    /// The samples row by row, as bit patterns: what they are as numbers, ``SampleFormat`` says.
    package enum Storage: Sendable, Equatable {
        /// Bits Allocated 8.
        case bytes([UInt8])
        /// Bits Allocated 16, host byte order.
        case words([UInt16])
    }

    /// (0028,0010).
    package let rows: Int
    /// (0028,0011).
    package let columns: Int
    /// How a bit pattern is read as a number.
    package let format: SampleFormat
    /// rows * columns samples.
    package let storage: Storage

    /// Nil unless the storage holds rows * columns samples of the format's size.
    package init?(rows: Int, columns: Int, format: SampleFormat, storage: Storage) {
        let count: Int
        switch storage {
        case .bytes(let bytes):
            guard format.bitsAllocated == 8 else { return nil }
            count = bytes.count
        case .words(let words):
            guard format.bitsAllocated == 16 else { return nil }
            count = words.count
        }
        guard rows > 0, columns > 0, count == rows * columns else { return nil }
        self.rows = rows
        self.columns = columns
        self.format = format
        self.storage = storage
    }

    /// The stored value at a place. For tests and single pixels; whole pictures go through ``DisplayTable``.
    package func value(row: Int, column: Int) -> Int {
        switch storage {
        case .bytes(let bytes): format.value(of: Int(bytes[row * columns + column]))
        case .words(let words): format.value(of: Int(words[row * columns + column]))
        }
    }
}

/// How a sample's bit pattern is read (PS3.5 8.1.1).
package struct SampleFormat: Sendable, Equatable {
    /// (0028,0100): 8 or 16.
    package let bitsAllocated: Int
    /// (0028,0101).
    package let bitsStored: Int
    /// (0028,0102). One less than Bits Stored in today's standard; older objects kept overlays below.
    package let highBit: Int
    /// (0028,0103) is 1.
    package let isSigned: Bool

    /// Nil for what cannot be: more bits stored than allocated, a high bit outside.
    package init?(bitsAllocated: Int, bitsStored: Int, highBit: Int, isSigned: Bool) {
        guard bitsAllocated == 8 || bitsAllocated == 16, (1...bitsAllocated).contains(bitsStored),
            (bitsStored - 1..<bitsAllocated).contains(highBit)
        else { return nil }
        self.bitsAllocated = bitsAllocated
        self.bitsStored = bitsStored
        self.highBit = highBit
        self.isSigned = isSigned
    }

    /// Number of bit patterns up to High Bit: what is above is masked off.
    package var patterns: Int { 1 << (highBit + 1) }

    /// The number that a bit pattern stands for: bits above High Bit and below the stored ones are not part of it.
    package func value(of pattern: Int) -> Int {
        let value = (pattern >> (highBit + 1 - bitsStored)) & ((1 << bitsStored) - 1)
        return isSigned && value >= 1 << (bitsStored - 1) ? value - (1 << bitsStored) : value
    }
}
