import DCMTKBridge
import DICOMCore

/// A LUT of PS3.3 C.11.1.1 (Modality) or C.11.2.1.1 (VOI).
package struct LookUpTable: Equatable, Sendable {
    /// First value mapped.
    package let first: Int
    /// Bits of an entry, 1 to 16.
    package let bits: Int
    /// The entries, at least one.
    package let entries: [UInt16]

    /// Nil without entries or with an entry size out of range.
    package init?(first: Int, bits: Int, entries: [UInt16]) {
        guard (1...16).contains(bits), !entries.isEmpty else { return nil }
        self.first = first
        self.bits = bits
        self.entries = entries
    }

    /// The entry for a value, which is rounded half up; values outside take the first or last entry.
    package func callAsFunction(_ value: Double) -> Double {
        // Clamped before the conversion: a value may be too large for Int.
        let index = (value + 0.5).rounded(.down) - Double(first)
        return Double(entries[Int(min(max(index, 0), Double(entries.count - 1)))])
    }

    /// Reads an item of a LUT sequence. Descriptor and data are read as numbers whatever their VR says (US, SS or OW);
    /// `signed` says whether the first mapped value is.
    ///
    /// - Throws: ``ImageReason/unreadableHeader``.
    init(item: borrowing DataSet, signed: Bool) throws(ImageReason) {
        guard let descriptor = item.bytes(.lutDescriptor), descriptor.count >= 6, let data = item.bytes(.lutData) else {
            throw .unreadableHeader
        }
        let numbers = LookUpTable.words(descriptor)
        let count = numbers[0] == 0 ? 65536 : Int(numbers[0])
        let first = signed ? Int(Int16(bitPattern: numbers[1])) : Int(numbers[1])
        let bits = Int(numbers[2])
        // 8 bit entries may be packed two in a word (C.11.1.1.1); the length tells.
        let isNumbers = ["US", "SS"].contains(item.vr(.lutData) ?? "")
        let packed = bits <= 8 && data.count < 2 * count && !isNumbers
        let entries = packed ? data.map { UInt16($0) } : LookUpTable.words(data)
        guard let table = LookUpTable(first: first, bits: bits, entries: Array(entries.prefix(count))) else {
            throw .unreadableHeader
        }
        self = table
    }

    private static func words(_ bytes: [UInt8]) -> [UInt16] {
        bytes.withUnsafeBytes { raw in
            (0..<raw.count / 2).map { raw.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self) }
        }
    }
}
