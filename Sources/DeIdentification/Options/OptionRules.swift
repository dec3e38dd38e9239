import DICOMCore

/// What the chosen options make of the rows of tables E.1-1 and E.3.4-1.
struct OptionRules: Sendable {
    /// Which options were chosen.
    let profile: ConfidentialityProfile

    /// What becomes of a value.
    enum Treatment: Equatable, Sendable {
        /// No chosen option names it: the profile's own action.
        case basic
        /// K: it stays (a sequence is entered).
        case keep
        /// C of Modified Dates.
        case shift
        /// C of all others: cleaned in the way of its VR (a sequence is entered).
        case clean
    }

    init(_ profile: ConfidentialityProfile) { self.profile = profile }

    /// The treatment of an attribute. In an item of a sequence that is being cleaned, descriptions are cleaned with it.
    func treatment(of row: ProfileRow, inCleaned isInCleaned: Bool) -> Treatment {
        if isInCleaned, row.options[.cleanDescriptors] == .clean { return .clean }
        return treatment(
            row.options,
            isUnshifted: row.options[.retainDeviceIdentity] == .keep || Self.published.contains(row.tag))
    }

    /// The treatment of a content item by the row of its concept name.
    func treatment(of row: ContentItemRow) -> Treatment {
        treatment(row.options, isUnshifted: row.code == Self.calibrationDateTime)
    }

    private func treatment(_ actions: OptionActions, isUnshifted: Bool) -> Treatment {
        guard actions.rawValue != 0, !profile.options.isEmpty else { return .basic }
        if profile.contains(.retainModifiedDates), actions[.retainModifiedDates] == .clean {
            // Who knows the true date of a calibration or publication would read the patient's offset off a shifted one, and
            // the true date beside shifted ones narrows theirs down: neither K nor C, also with Retain Device Identity.
            return isUnshifted ? .basic : .shift
        }
        var treatment = Treatment.basic
        for option in profile.options {
            switch actions[option.column] {
            case .keep: return .keep
            case .clean: treatment = .clean
            case .none: break
            }
        }
        return treatment
    }

    /// Dates of what was published or approved for all patients, not of one: Context Group Version and Local Version, Template
    /// Version and Local Version, Hanging Protocol Creation and its selectors, Effective and Information Issue DateTime of
    /// implant templates, Product Expiration DateTime, the ethics committee's approval.
    private static let published: Set<UInt32> = [
        0x0008_0106, 0x0008_0107, 0x0040_DB06, 0x0040_DB07, 0x0072_000A, 0x0072_0061, 0x0072_0063, 0x0072_006B,
        0x0068_6226, 0x0068_6270, 0x0044_000B, 0x0012_0086, 0x0012_0087,
    ]
    /// (113723, DCM, "Calibration DateTime").
    private static let calibrationDateTime = "113723"
}
