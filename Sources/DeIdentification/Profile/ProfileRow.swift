/// What the Basic Profile asks for an attribute (PS3.15 E.1.1, table E.1-1, column "Basic Prof.").
///
/// A compound code leaves the choice to the type of the attribute in the object's IOD; ``IODTypes`` makes it.
package enum ProfileAction: String, Sendable, CaseIterable {
    /// Remove.
    case x = "X"
    /// Zero length, or a dummy.
    case z = "Z"
    /// A dummy of non-zero length.
    case d = "D"
    /// Another UID, the same for every occurrence.
    case u = "U"
    /// X, or Z where the attribute is Type 2.
    case xz = "X/Z"
    /// X, or D where the attribute is Type 1.
    case xd = "X/D"
    /// Z, or D where the attribute is Type 1.
    case zd = "Z/D"
    /// X, or Z where it is Type 2, or D where it is Type 1.
    case xzd = "X/Z/D"
    /// X, or Z where it is Type 2, or the UIDs inside are replaced where it is Type 1.
    case xzu = "X/Z/U*"
}

/// The option columns of a row, two bits each: nothing, K (retained) or C (cleaned).
package struct OptionActions: RawRepresentable, Hashable, Sendable {
    /// A column of table E.1-1, in the table's order.
    package enum Column: UInt32, Sendable, CaseIterable {
        /// Retain Safe Private.
        case retainSafePrivate
        /// Retain UIDs.
        case retainUIDs
        /// Retain Device Identity.
        case retainDeviceIdentity
        /// Retain Institution Identity.
        case retainInstitutionIdentity
        /// Retain Patient Characteristics.
        case retainPatientCharacteristics
        /// Retain Longitudinal Temporal Information with Full Dates.
        case retainFullDates
        /// Retain Longitudinal Temporal Information with Modified Dates.
        case retainModifiedDates
        /// Clean Descriptors.
        case cleanDescriptors
        /// Clean Structured Content.
        case cleanStructuredContent
        /// Clean Graphics.
        case cleanGraphics
    }

    /// What an option does with an attribute.
    package enum Action: UInt32, Sendable {
        /// The option does not name the attribute: the profile's own action stays.
        case none = 0
        /// K: retained as it is (a sequence: recursed).
        case keep = 1
        /// C: cleaned.
        case clean = 2
    }

    /// Two bits a column, the first column lowest.
    package let rawValue: UInt32
    /// The ten columns as the generator wrote them.
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    /// What `column` says.
    package subscript(column: Column) -> Action {
        Action(rawValue: rawValue >> (2 * column.rawValue) & 3) ?? .none
    }
}

/// A row of table E.1-1 that names one attribute.
package struct ProfileRow: Sendable {
    /// Group and element as one number.
    package let tag: UInt32
    /// The VR of PS3.6.
    package let vr: String
    /// The keyword of PS3.6.
    package let keyword: String
    /// The Basic Profile's action.
    package let basic: ProfileAction
    /// What the options do.
    package let options: OptionActions

    init(_ tag: UInt32, _ vr: String, _ keyword: String, _ basic: ProfileAction, _ options: UInt32) {
        self.tag = tag
        self.vr = vr
        self.keyword = keyword
        self.basic = basic
        self.options = OptionActions(rawValue: options)
    }
}

/// A row of table E.1-1 that stands for many tags.
package struct PatternRow: Sendable {
    /// Which tags.
    package enum Tags: Sendable, Hashable {
        /// (50xx,xxxx), even groups.
        case curves
        /// (60xx,element), even groups.
        case overlays(element: UInt16)
        /// Every odd group.
        case privateGroups
    }

    /// Which tags.
    package let tags: Tags
    /// The Basic Profile's action.
    package let basic: ProfileAction
    /// What the options do.
    package let options: OptionActions

    init(_ tags: Tags, _ basic: ProfileAction, _ options: UInt32) {
        self.tags = tags
        self.basic = basic
        self.options = OptionActions(rawValue: options)
    }
}

extension BasicProfile2026d {
    /// The rows by tag, built once.
    static let rowsByTag: [UInt32: ProfileRow] = Dictionary(
        rows.map { ($0.tag, $0) }, uniquingKeysWith: { first, _ in first })
}
