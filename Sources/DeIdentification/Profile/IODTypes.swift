import DICOMCore

/// Resolves the compound codes of table E.1-1 by the type of the attribute in the object's IOD (PS3.15 E.1.1, PS3.3).
///
/// Where the type is not known for sure (another IOD, or an item of a sequence) the answer is the code that is valid
/// for every
/// type: D before Z before X. It removes no less, and it never leaves a Type 1 attribute empty or a Type 2 attribute
/// absent.
enum IODTypes {
    /// IODs whose modules agree on the types below.
    enum Family: Sendable {
        /// Single-frame radiography, CT, MR, US, NM, SC, XA and RF: General Series, General Equipment and General
        /// Image modules,
        /// with nothing that makes one of the listed attributes Type 1.
        case image
        /// Positron Emission Tomography: its own series and image modules (PS3.3 C.8.9.1, C.8.9.4).
        case pet
        /// All others, enhanced multi-frame among them.
        case other

        /// The family of a SOP Class UID.
        init(sopClass: String) {
            self = Family.byClass[sopClass] ?? .other
        }

        private static let byClass: [String: Family] = {
            var families: [String: Family] = ["1.2.840.10008.5.1.4.1.1.128": .pet]
            for suffix in [
                "1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1", "2", "3", "3.1", "4", "6", "6.1", "7", "7.1",
                "7.2", "7.3", "7.4",
                "12.1", "12.2", "20",
            ] {
                families["1.2.840.10008.5.1.4.1.1.\(suffix)"] = .image
            }
            return families
        }()
    }

    /// Attributes with a compound code that are Type 3 in the General Series, General Study, General Equipment,
    /// General Image and
    /// SOP Common modules of the `image` family, and of no other type in its other modules: X.
    private static let optional: Set<UInt32> = [
        0x0008_0012, 0x0008_0013, 0x0008_0021, 0x0008_0022, 0x0008_002A, 0x0008_0031, 0x0008_0032, 0x0008_0080,
        0x0008_0082,
        0x0008_1010, 0x0008_1070, 0x0008_1072, 0x0008_1110, 0x0008_1111, 0x0018_1000, 0x0018_1030, 0x0018_1400,
        0x0032_1060,
    ]
    /// Type 2 or 2C there: Z. Content Date and Time (C.7.6.1), Contrast/Bolus Agent (C.7.6.4), Acquisition Context
    /// Sequence
    /// (C.7.6.14), Content Creator's Name, Patient's Sex Neutered (C.7.2.2).
    private static let type2: Set<UInt32> = [
        0x0008_0023, 0x0008_0033, 0x0018_0010, 0x0040_0555, 0x0070_0084, 0x0010_2203,
    ]
    /// Where PET differs from `image`: Series Date and Time are Type 1, Acquisition Date and Time Type 2.
    private static let petType1: Set<UInt32> = [0x0008_0021, 0x0008_0031]
    private static let petType2: Set<UInt32> = [0x0008_0022, 0x0008_0032]

    /// General Study is a module of every composite IOD, and this is Type 3 in it: an empty sequence would be an error.
    private static let referencedStudySequence: UInt32 = 0x0008_1110

    /// One of `.x`, `.z`, `.d`, `.u` for a row at a depth (0 is the top level) of an object of a family.
    static func resolve(_ action: ProfileAction, tag: UInt32, depth: Int, family: Family) -> ProfileAction {
        switch action {
        case .x, .z, .d, .u: return action
        // References to other instances stay, with their UIDs replaced: valid for every type.
        case .xzu: return .u
        case .xz, .xd, .zd, .xzd: break
        }
        if depth == 0, tag == referencedStudySequence { return .x }
        if depth == 0, family != .other, let known = known(tag, family), isAllowed(known, by: action) { return known }
        return action == .xz ? .z : .d
    }

    private static func known(_ tag: UInt32, _ family: Family) -> ProfileAction? {
        if family == .pet {
            if petType1.contains(tag) { return .d }
            if petType2.contains(tag) { return .z }
        }
        if optional.contains(tag) { return .x }
        return type2.contains(tag) ? .z : nil
    }

    private static func isAllowed(_ action: ProfileAction, by code: ProfileAction) -> Bool {
        switch (code, action) {
        case (.xz, .x), (.xz, .z), (.xd, .x), (.xd, .d), (.zd, .z), (.zd, .d), (.xzd, .x), (.xzd, .z), (.xzd, .d): true
        default: false
        }
    }
}
