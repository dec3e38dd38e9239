import DCMTKBridge
import DICOMCore
import Foundation

/// The strings by which this patient would be recognised in text that the profile keeps: parts of names, identifiers, the
/// birth date as it is written, the instance's own UIDs.
///
/// They are decoded by the object's character set and compared without case, accents and width, with text that is decoded
/// by the set in force where it stands. Prints nothing.
struct IdentityTerms: Sendable, CustomReflectable {
    /// Folded UTF-8 by first byte; no term occurs twice.
    private var terms = [[Term]](repeating: [], count: 256)
    /// What is searched in bytes without structure besides: parts outside ASCII as the object encodes them.
    private var encoded = [[Term]](repeating: [], count: 256)

    private struct Term: Sendable {
        let bytes: [UInt8]
        /// Short words are found only where they stand alone: "Lee" is not in "sleep".
        let standsAlone: Bool
    }

    /// Parts of names shorter than this (in bytes of UTF-8) are not searched.
    static let shortestName = 3
    /// Shorter identifiers than this would be found in any number.
    static let shortestIdentifier = 3
    /// What is at least this long is found inside words, and in bytes without structure.
    static let shortestInside = 4
    /// Numbers are compared with what is at least this long.
    static let shortestNumber = 5

    var customMirror: Mirror { Mirror(self, children: []) }

    init() {}

    /// The terms of a header whose top level is under `set`.
    init(of header: borrowing DataSet, characterSet set: SpecificCharacterSet) throws(DCMTKError) {
        for tag in Self.names { add(names: header.bytes(tag) ?? [], set) }
        for tag in Self.identifiers {
            for value in Self.values(header.bytes(tag) ?? [], set) {
                add(identifier: value, shortest: Self.shortestIdentifier)
            }
        }
        for value in Self.values(header.bytes(.studyID) ?? [], set) {
            add(identifier: value, shortest: Self.shortestNumber)
        }
        for index in 0..<header.itemCount(.otherPatientIDsSequence) {
            let item = try header.item(.otherPatientIDsSequence, at: index)
            for value in Self.values(item.bytes(.patientID) ?? [], set) {
                add(identifier: value, shortest: Self.shortestIdentifier)
            }
        }
        for index in 0..<header.itemCount(.requestAttributesSequence) {
            let item = try header.item(.requestAttributesSequence, at: index)
            for value in Self.values(item.bytes(.accessionNumber) ?? [], set) {
                add(identifier: value, shortest: Self.shortestIdentifier)
            }
        }
        add(birthDate: (header.bytes(.patientBirthDate) ?? []).trimmedPadding)
        for tag: Tag in [.sopInstanceUID, .studyInstanceUID, .seriesInstanceUID, .frameOfReferenceUID] {
            let value = (header.bytes(tag) ?? []).trimmedPadding
            if !RegisteredUIDs.contains(value) {
                add(identifier: String(decoding: value, as: UTF8.self)[...], shortest: 8)
            }
        }
    }

    private static let names: [Tag] = [
        .patientName, .otherPatientNames, .patientBirthName, .patientMotherBirthName, .responsiblePerson,
        .referringPhysicianName, .performingPhysicianName, .physiciansOfRecord, .nameOfPhysiciansReadingStudy,
        .requestingPhysician, .operatorsName,
    ]
    private static let identifiers: [Tag] = [
        .patientID, .otherPatientIDs, .accessionNumber, .admissionID, .patientTelephoneNumbers, .patientAddress,
    ]

    // MARK: Building

    /// The values of an attribute as text; Latin-1 where the bytes are none under the set, since something must be searched.
    private static func values(_ bytes: [UInt8], _ set: SpecificCharacterSet) -> [Substring] {
        text(bytes, set, isPersonName: false).split(separator: "\\")
    }

    private static func text(_ bytes: [UInt8], _ set: SpecificCharacterSet, isPersonName: Bool) -> String {
        let bytes = bytes.trimmedPadding
        return set.decoded(bytes, isPersonName: isPersonName)
            ?? String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }

    /// Adds the parts of every component group of every value (PS3.5 6.2.1), and outside ASCII, where names are written
    /// without spaces, a group's parts in one, in both orders.
    mutating func add(names value: [UInt8], _ set: SpecificCharacterSet) {
        if !SpecificCharacterSet.isPlain(value) {
            let separators: [UInt8] = [0x5C, 0x3D, 0x5E, 0x20, 0x1B]
            for part in value.split(whereSeparator: { separators.contains($0) }) where part.count >= Self.shortestName {
                Self.insert(part.map(Self.folded), into: &encoded)
            }
        }
        let text = Self.text(value, set, isPersonName: true)
        for group in text.split(whereSeparator: { "\\=".contains($0) }) {
            let parts = group.split { Self.nameSeparators.contains($0) }
            for part in parts { add(part, shortest: Self.shortestName) }
            if !group.utf8.allSatisfy({ $0 < 0x80 }), parts.count > 1 {
                add(parts.joined()[...], shortest: Self.shortestInside)
                add(parts.reversed().joined()[...], shortest: Self.shortestInside)
            }
        }
    }

    private static let nameSeparators: Set<Character> = ["^", " ", "-", ",", "'", ".", "_", "\u{3000}"]

    private mutating func add(identifier value: Substring, shortest: Int) {
        let trimmed = value.trimmingPrefix { $0 == " " }
        add(trimmed, shortest: shortest)
        let significant = trimmed.drop { $0 == "0" }
        if significant.utf8.count < trimmed.utf8.count { add(significant, shortest: Self.shortestNumber) }
    }

    private mutating func add(_ value: Substring, shortest: Int) {
        let folded = Self.folded(value)
        guard folded.count >= shortest else { return }
        Self.insert(folded, into: &terms)
        guard value.utf8.contains(where: { $0 >= 0x80 }) else { return }
        // Accents are folded; what German writes for them is two letters.
        let spelled = value.lowercased().precomposedStringWithCanonicalMapping
            .replacing("ä", with: "ae").replacing("ö", with: "oe").replacing("ü", with: "ue").replacing("ß", with: "ss")
        Self.insert(Self.folded(spelled[...]), into: &terms)
    }

    private static func insert(_ folded: [UInt8], into terms: inout [[Term]]) {
        guard let first = folded.first, !terms[Int(first)].contains(where: { $0.bytes == folded }) else { return }
        terms[Int(first)].append(Term(bytes: folded, standsAlone: folded.count < shortestInside))
    }

    /// Without case, accents and the difference between full and half width.
    private static func folded(_ text: Substring) -> [UInt8] {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.map(folded) }
        let options: String.CompareOptions = [.caseInsensitive, .diacriticInsensitive, .widthInsensitive]
        return Array(String(text).folding(options: options, locale: nil).utf8)
    }

    // MARK: Searching

    /// Whether text of the object holds one of the terms. What is no text under its character set cannot be searched, and
    /// counts as if it did.
    func isEchoed(in text: UnsafeRawBufferPointer, _ set: SpecificCharacterSet) -> Bool {
        if SpecificCharacterSet.isPlain(text) { return Self.occurs(terms, in: text, shortest: 0) }
        guard let decoded = set.decoded(text) else { return true }
        return Self.folded(decoded[...]).withUnsafeBytes { Self.occurs(terms, in: $0, shortest: 0) }
    }

    /// Whether bytes without structure hold one of the terms that are long enough not to be there by chance: as UTF-8, as
    /// the object encodes them, or with zero bytes between, as UTF-16 has them.
    func isEchoed(inOpaque bytes: UnsafeRawBufferPointer) -> Bool {
        let shortest = Self.shortestNumber
        if Self.occurs(terms, in: bytes, shortest: shortest) || Self.occurs(encoded, in: bytes, shortest: shortest) {
            return true
        }
        guard bytes.contains(0) else { return false }
        return bytes.filter { $0 != 0 }.withUnsafeBytes { Self.occurs(terms, in: $0, shortest: shortest) }
    }

    /// Whether a number as text is one of the terms.
    func isEqual(toNumber text: some Collection<UInt8>) -> Bool {
        guard let first = text.first, text.count >= Self.shortestNumber else { return false }
        return terms[Int(Self.folded(first))].contains { $0.bytes.elementsEqual(text.lazy.map(Self.folded)) }
    }

    private static func occurs(_ terms: [[Term]], in bytes: UnsafeRawBufferPointer, shortest: Int) -> Bool {
        terms.withUnsafeBufferPointer { terms in
            for start in 0..<bytes.count {
                for term in terms[Int(folded(bytes[start]))]
                where term.bytes.count >= shortest && matches(term, in: bytes, at: start) {
                    return true
                }
            }
            return false
        }
    }

    private static func matches(_ term: Term, in bytes: UnsafeRawBufferPointer, at start: Int) -> Bool {
        let end = start + term.bytes.count
        guard end <= bytes.count else { return false }
        for offset in 0..<term.bytes.count where folded(bytes[start + offset]) != term.bytes[offset] { return false }
        guard term.standsAlone else { return true }
        return (start == 0 || !isWordByte(bytes[start - 1])) && (end == bytes.count || !isWordByte(bytes[end]))
    }

    private static func folded(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || byte >= 0x80
    }
}

extension IdentityTerms {
    /// Adds the ways in which a date is written: digits in the three orders, with and without leading zeros and century, and
    /// with the month's English name.
    mutating func add(birthDate value: ArraySlice<UInt8>) {
        guard value.count == 8, value.allSatisfy({ (0x30...0x39).contains($0) }) else { return }
        let (year, month, day) = (Array(value.prefix(4)), Array(value.dropFirst(4).prefix(2)), Array(value.suffix(2)))
        addDate([year, month, day], [])
        let months = [month, Array(month.drop { $0 == 0x30 })]
        let days = [day, Array(day.drop { $0 == 0x30 })]
        // - . / and space.
        for separator: UInt8 in [0x2D, 0x2E, 0x2F, 0x20] {
            addDate([year, month, day], [separator])
            for (month, day) in zip(months, days) {
                for year in [year, Array(year.suffix(2))] {
                    addDate([day, month, year], [separator])
                    addDate([month, day, year], [separator])
                }
            }
        }
        guard let number = Int(String(decoding: month, as: UTF8.self)), (1...12).contains(number) else { return }
        for name in [Self.months[number - 1], Array(Self.months[number - 1].prefix(3))] {
            for day in days {
                addDate([day, name, year], [0x20])
                addDate([day, name, year], [0x2D])
                addDate([name, day, year], [0x20])
                addDate([name, day + [0x2C], year], [0x20])
            }
        }
    }

    private mutating func addDate(_ parts: [[UInt8]], _ separator: [UInt8]) {
        // Some seventy of them an object: a loop, since the standard library's lazy join takes several times as long.
        var text: [UInt8] = []
        text.reserveCapacity(20)
        for (index, part) in parts.enumerated() {
            if index > 0 { text += separator }
            text += part
        }
        if text.count >= 8 { Self.insert(text, into: &terms) }
    }

    private static let months = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
        "december",
    ].map { Array($0.utf8) }
}
