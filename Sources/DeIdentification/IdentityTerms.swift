import DCMTKBridge
import DICOMCore
import Foundation

/// The strings by which this patient would be recognised in text that the profile keeps: parts of names, identifiers,
/// the
/// birth date as it is written, the instance's own UIDs.
///
/// Compared as bytes in the object's own character set, ASCII letters without case. Prints nothing.
struct IdentityTerms: Sendable, CustomReflectable {
    /// Lower-cased, none empty, none a part of another that is searched in the same way.
    private var terms: [Term] = []
    private var firstBytes = ByteSet()

    private struct Term: Sendable {
        let bytes: [UInt8]
        /// Short words are found only where they stand alone: "Lee" is not in "sleep".
        let standsAlone: Bool
    }

    /// Parts of names shorter than this are not searched.
    static let shortestName = 3
    /// Shorter identifiers than this would be found in any number.
    static let shortestIdentifier = 3
    /// What is at least this long is found inside words, and in bytes without structure.
    static let shortestInside = 4
    /// Numbers are compared with what is at least this long.
    static let shortestNumber = 5

    var customMirror: Mirror { Mirror(self, children: []) }

    init() {}

    init(of header: borrowing DataSet) throws(DCMTKError) {
        for tag in Self.names {
            add(names: header.bytes(tag) ?? [])
        }
        for tag in Self.identifiers {
            for value in (header.bytes(tag) ?? []).split(separator: 0x5C) {
                add(identifier: value, shortest: Self.shortestIdentifier)
            }
        }
        add(identifier: (header.bytes(.studyID) ?? [])[...], shortest: Self.shortestNumber)
        for index in 0..<header.itemCount(.otherPatientIDsSequence) {
            let item = try header.item(.otherPatientIDsSequence, at: index)
            add(identifier: (item.bytes(.patientID) ?? [])[...], shortest: Self.shortestIdentifier)
        }
        add(birthDate: (header.bytes(.patientBirthDate) ?? []).trimmedPadding)
        for tag: Tag in [.sopInstanceUID, .studyInstanceUID, .seriesInstanceUID, .frameOfReferenceUID] {
            let value = (header.bytes(tag) ?? []).trimmedPadding
            if !RegisteredUIDs.contains(value) { add(identifier: value, shortest: 8) }
        }
    }

    private static let names: [Tag] = [
        .patientName, .otherPatientNames, .patientBirthName, .patientMotherBirthName, .responsiblePerson,
        .referringPhysicianName,
        .performingPhysicianName, .physiciansOfRecord, .nameOfPhysiciansReadingStudy, .requestingPhysician,
        .operatorsName,
    ]
    private static let identifiers: [Tag] = [
        .patientID, .otherPatientIDs, .accessionNumber, .admissionID, .patientTelephoneNumbers, .patientAddress,
    ]

    // MARK: Building

    /// Adds the parts of every component group of every value (PS3.5 6.2.1).
    mutating func add(names value: [UInt8]) {
        // With code extensions (ESC) a double-byte character may hold the bytes of a separator: the group is taken
        // whole,
        // and so is each run between escape sequences.
        let separators: [UInt8] =
            value.contains(0x1B) ? [0x5C, 0x3D, 0x1B] : [0x5C, 0x3D, 0x5E, 0x20, 0x2D, 0x2C, 0x27, 0x2E, 0x5F]
        for part in value.split(whereSeparator: { separators.contains($0) }) {
            add(part.trimmedPadding, shortest: Self.shortestName)
        }
    }

    mutating func add(identifier value: ArraySlice<UInt8>, shortest: Int) {
        let trimmed = value.trimmedPadding
        add(trimmed, shortest: shortest)
        let significant = trimmed.drop { $0 == 0x30 }
        if significant.count < trimmed.count { add(significant, shortest: Self.shortestNumber) }
    }

    /// Adds the ways in which a date is written with digits.
    mutating func add(birthDate value: ArraySlice<UInt8>) {
        guard value.count == 8, value.allSatisfy({ (0x30...0x39).contains($0) }) else { return }
        let year = String(decoding: value.prefix(4), as: UTF8.self)
        let month = String(decoding: value.dropFirst(4).prefix(2), as: UTF8.self)
        let day = String(decoding: value.suffix(2), as: UTF8.self)
        add(value, shortest: 8)
        for separator in ["-", ".", "/"] {
            for order in [[year, month, day], [day, month, year], [month, day, year]] {
                add(Array(order.joined(separator: separator).utf8)[...], shortest: 8)
            }
        }
    }

    private mutating func add(_ value: ArraySlice<UInt8>, shortest: Int) {
        guard value.count >= shortest, let first = value.first else { return }
        insert(value.map(Self.folded), first: first)
        guard value.contains(where: { $0 >= 0x80 }) else { return }
        for variant in Self.variants(of: value) where variant.count >= shortest {
            insert(variant.map(Self.folded), first: variant[0])
        }
    }

    private mutating func insert(_ folded: [UInt8], first: UInt8) {
        guard !terms.contains(where: { $0.bytes == folded }) else { return }
        terms.append(Term(bytes: folded, standsAlone: folded.count < Self.shortestInside))
        firstBytes.insert(Self.folded(first))
    }

    /// How text outside ASCII is also written: in capitals, in small letters, without marks (é as e). UTF-8 where the
    /// bytes are
    /// UTF-8, else the single-byte letters of Latin-1.
    private static func variants(of value: ArraySlice<UInt8>) -> [[UInt8]] {
        if let text = String(validating: value, as: UTF8.self) {
            let plain = text.folding(options: .diacriticInsensitive, locale: nil)
            return [text.uppercased(), text.lowercased(), plain].map { Array($0.utf8) }.filter { !$0.isEmpty }
        }
        let isLetter = { (byte: UInt8) in byte & 0x1F != 0x17 && byte & 0x1F != 0x1F }
        return [
            value.map { (0xE0...0xFE).contains($0) && isLetter($0) ? $0 & 0xDF : $0 },
            value.map { (0xC0...0xDE).contains($0) && isLetter($0) ? $0 | 0x20 : $0 },
        ]
    }

    // MARK: Searching

    /// Whether text of the object holds one of the terms.
    func isEchoed(in text: UnsafeRawBufferPointer) -> Bool {
        occurs(in: text) { _ in true }
    }

    /// Whether bytes without structure hold one of the terms that are long enough not to be there by chance.
    func isEchoed(inOpaque bytes: UnsafeRawBufferPointer) -> Bool {
        occurs(in: bytes) { $0.bytes.count >= Self.shortestNumber }
    }

    /// Whether a number as text is one of the terms.
    func isEqual(toNumber text: some Collection<UInt8>) -> Bool {
        guard text.count >= Self.shortestNumber else { return false }
        return terms.contains { $0.bytes.elementsEqual(text) }
    }

    private func occurs(in bytes: UnsafeRawBufferPointer, where isSearched: (Term) -> Bool) -> Bool {
        guard !terms.isEmpty else { return false }
        for start in 0..<bytes.count where firstBytes.contains(Self.folded(bytes[start])) {
            for term in terms where isSearched(term) && matches(term, in: bytes, at: start) { return true }
        }
        return false
    }

    private func matches(_ term: Term, in bytes: UnsafeRawBufferPointer, at start: Int) -> Bool {
        let end = start + term.bytes.count
        guard end <= bytes.count else { return false }
        for offset in 0..<term.bytes.count where Self.folded(bytes[start + offset]) != term.bytes[offset] {
            return false
        }
        guard term.standsAlone else { return true }
        return (start == 0 || !Self.isWordByte(bytes[start - 1]))
            && (end == bytes.count || !Self.isWordByte(bytes[end]))
    }

    private static func folded(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || byte >= 0x80
    }
}

/// A set of bytes.
private struct ByteSet: Sendable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    mutating func insert(_ byte: UInt8) {
        let bit = UInt64(1) << UInt64(byte & 63)
        switch byte >> 6 {
        case 0: words.0 |= bit
        case 1: words.1 |= bit
        case 2: words.2 |= bit
        default: words.3 |= bit
        }
    }

    func contains(_ byte: UInt8) -> Bool {
        let bit = UInt64(1) << UInt64(byte & 63)
        switch byte >> 6 {
        case 0: return words.0 & bit != 0
        case 1: return words.1 & bit != 0
        case 2: return words.2 & bit != 0
        default: return words.3 & bit != 0
        }
    }
}
