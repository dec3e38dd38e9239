import DICOMCore

extension ConfidentialityOption {
    /// The option's column of table E.1-1.
    var column: OptionActions.Column {
        switch self {
        case .retainSafePrivate: .retainSafePrivate
        case .retainUIDs: .retainUIDs
        case .retainDeviceIdentity: .retainDeviceIdentity
        case .retainInstitutionIdentity: .retainInstitutionIdentity
        case .retainPatientCharacteristics: .retainPatientCharacteristics
        case .retainFullDates: .retainFullDates
        case .retainModifiedDates: .retainModifiedDates
        case .cleanDescriptors: .cleanDescriptors
        case .cleanStructuredContent: .cleanStructuredContent
        case .cleanGraphics: .cleanGraphics
        }
    }
}

/// A row of table E.3.10-1: a private element that is known to be safe, in any block of its group.
struct SafePrivateRow: Sendable {
    let group: UInt16
    /// The low byte of the element number.
    let element: UInt8
    /// Compared byte for byte, without spaces at the ends.
    let creator: String
    /// Empty where the table names none; "OW/OB" for either.
    let vr: String

    init(_ group: UInt16, _ element: UInt8, _ creator: String, _ vr: String) {
        self.group = group
        self.element = element
        self.creator = creator
        self.vr = vr
    }
}

extension SafePrivate2026c {
    private struct Key: Hashable {
        let group: UInt16
        let element: UInt8
        let creator: String
    }

    private static let rowsByKey: [Key: SafePrivateRow] = Dictionary(
        rows.map { (Key(group: $0.group, element: $0.element, creator: $0.creator), $0) },
        uniquingKeysWith: { first, _ in first })
    private static let creatorsByGroup: [UInt16: Set<String>] = rows.reduce(into: [:]) {
        $0[$1.group, default: []].insert($1.creator)
    }

    /// The row of an element whose block `creator` reserved.
    static func row(_ tag: Tag, creator: String) -> SafePrivateRow? {
        rowsByKey[Key(group: tag.group, element: UInt8(truncatingIfNeeded: tag.element), creator: creator)]
    }

    /// Whether the table has an element of `creator` in a group.
    static func hasCreator(_ creator: String, group: UInt16) -> Bool {
        creatorsByGroup[group]?.contains(creator) ?? false
    }
}

/// A row of table E.3.4-1: what becomes of a content item with this concept name and value type.
struct ContentItemRow: Sendable {
    let code: String
    /// Coding Scheme Designator; a concept of SNOMED CT has a row for its retired SRT code as well.
    let scheme: String
    let valueType: String
    let basic: ProfileAction
    let options: OptionActions

    init(_ code: String, _ scheme: String, _ valueType: String, _ basic: ProfileAction, _ options: UInt32) {
        self.code = code
        self.scheme = scheme
        self.valueType = valueType
        self.basic = basic
        self.options = OptionActions(rawValue: options)
    }
}

extension StructuredContent2026c {
    private static let rowsByKey: [[String]: ContentItemRow] = Dictionary(
        rows.map { ([$0.code, $0.scheme, $0.valueType], $0) }, uniquingKeysWith: { first, _ in first })

    /// The row of a concept name. The designators SNM3 and 99SDM are older ones of the same SRT codes (PS3.16 8.1).
    static func row(code: String, scheme: String, valueType: String) -> ContentItemRow? {
        rowsByKey[[code, ["SNM3", "99SDM"].contains(scheme) ? "SRT" : scheme, valueType]]
    }
}

/// A code of CID 7050; its scheme is DCM.
struct DeIdentificationMethodCode: Sendable, Hashable {
    let value: String
    let meaning: String

    init(_ value: String, _ meaning: String) {
        self.value = value
        self.meaning = meaning
    }
}
