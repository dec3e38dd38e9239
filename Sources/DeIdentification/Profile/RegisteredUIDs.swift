/// The UID values that PS3.6 Annex A registers: they name classes and vocabularies, never a patient, and are kept.
enum RegisteredUIDs {
    private static let root: [UInt8] = Array("1.2.840.10008.".utf8)
    private static let contextGroups: [UInt8] = Array("6.1.".utf8)
    private static let storageClasses: [UInt8] = Array("5.1.4.".utf8)
    private static let externalCodeSystems: [UInt8] = Array("2.16.840.1.113883.6.".utf8)

    /// The longest SOP Class UID under 1.2.840.10008.5.1.4 has 33 characters; the margin leaves room for new classes.
    private static let longestClass = 36

    /// Whether `value` (without padding) is registered.
    ///
    /// A prefix of DICOM's root is not enough: devices are known that make instance UIDs by appending to a SOP Class
    /// UID.
    static func contains(_ value: some Collection<UInt8>) -> Bool {
        guard value.starts(with: root) else { return false }
        let suffix = value.dropFirst(root.count)
        if suffix.starts(with: contextGroups) { return isSmallNumber(suffix.dropFirst(contextGroups.count)) }
        return suffixes.contains(String(decoding: suffix, as: UTF8.self))
    }

    /// Whether `value` names a SOP Class of DICOM's own: registered in the table's edition, or of the shape of a class
    /// that a
    /// later edition may register. Asked only for attributes that hold classes.
    static func isStandardSOPClass(_ value: some Collection<UInt8>) -> Bool {
        if contains(value) { return true }
        guard value.starts(with: root), value.count <= longestClass else { return false }
        let suffix = value.dropFirst(root.count)
        guard suffix.starts(with: storageClasses) else { return false }
        for component in suffix.split(separator: 0x2E, omittingEmptySubsequences: false) where !isSmallNumber(component)
        {
            return false
        }
        return true
    }

    /// Whether `value` is of the arc under which HL7 registers code systems of others (SNOMED CT, LOINC, UCUM …; PS3.16
    /// table 8-1). Asked only for (0008,010C) Coding Scheme UID.
    static func isExternalCodeSystem(_ value: some Collection<UInt8>) -> Bool {
        value.starts(with: externalCodeSystems) && isSmallNumber(value.dropFirst(externalCodeSystems.count))
    }

    private static func isSmallNumber(_ digits: some Collection<UInt8>) -> Bool {
        (1...4).contains(digits.count) && digits.allSatisfy { (0x30...0x39).contains($0) }
    }
}
