/// An option of the Basic Application Level Confidentiality Profile (PS3.15 E.3), in the order of table E.1-1's columns.
///
/// The raw value is the option's name in AETitles.conf and on the command line. The two options on pixels (Clean Pixel Data,
/// Clean Recognizable Visual Features) are not among them: nothing cleans pixels.
package enum ConfidentialityOption: String, CaseIterable, Comparable, Sendable {
    /// E.3.10: private elements that table E.3.10-1 lists stay.
    case retainSafePrivate = "safe-private"
    /// E.3.9: UIDs stay.
    case retainUIDs = "uids"
    /// E.3.8: what names devices stays.
    case retainDeviceIdentity = "device"
    /// E.3.11: what names institutions stays.
    case retainInstitutionIdentity = "institution"
    /// E.3.7: sex, age, size, weight and the like stay.
    case retainPatientCharacteristics = "patient-characteristics"
    /// E.3.6: dates and times stay.
    case retainFullDates = "full-dates"
    /// E.3.6: dates and times are shifted.
    case retainModifiedDates = "modified-dates"
    /// E.3.5: descriptions and comments keep the words that identify nobody.
    case cleanDescriptors = "descriptors"
    /// E.3.4: content trees stay, cleaned.
    case cleanStructuredContent = "structured-content"
    /// E.3.3: graphic annotations stay, cleaned.
    case cleanGraphics = "graphics"

    private static let order = Dictionary(
        uniqueKeysWithValues: allCases.enumerated().map { ($0.element, $0.offset) })

    /// Order of the table's columns.
    package static func < (a: Self, b: Self) -> Bool { order[a, default: 0] < order[b, default: 0] }

    /// Why a node that keeps de-identified copies at rest does not take the option for a source; nil where it does.
    /// Original UIDs and full dates find the study in any archive: on disk they are identity in clear.
    package var reasonNotAtRest: String? {
        switch self {
        case .retainUIDs:
            "Original UIDs name the study in every archive, and the node keeps no identity in clear on disk."
        case .retainFullDates:
            "Dates and times of a study find its patient in any archive, and the node keeps no identity in clear on disk."
        default: nil
        }
    }
}

/// The Basic Application Level Confidentiality Profile with the options that were chosen (PS3.15 Annex E).
package struct ConfidentialityProfile: Hashable, Sendable {
    /// In the order of the table's columns, without repeats.
    package let options: [ConfidentialityOption]

    /// The profile without an option.
    package static let basic = ConfidentialityProfile(unchecked: [])
    /// The word that every name begins with.
    package static let basicName = "basic"
    /// Between the words of a name.
    package static let separator: Character = "+"

    private init(unchecked options: [ConfidentialityOption]) { self.options = options }

    /// A profile of options that go together.
    package init(_ options: Set<ConfidentialityOption>) throws(ConfidentialityProfileError) {
        if options.contains(.retainFullDates), options.contains(.retainModifiedDates) {
            throw .contradiction(.retainFullDates, .retainModifiedDates)
        }
        self.options = options.sorted()
    }

    /// A profile by its name: `basic`, or `basic` and options with "+" between: `basic+modified-dates+device`.
    package init(named name: String) throws(ConfidentialityProfileError) {
        let words = name.split(separator: Self.separator, omittingEmptySubsequences: false).map(String.init)
        guard words.first == Self.basicName else { throw .notBasic(words.first ?? "") }
        var options: Set<ConfidentialityOption> = []
        for word in words.dropFirst() {
            guard let option = ConfidentialityOption(rawValue: word) else { throw .unknown(word) }
            guard options.insert(option).inserted else { throw .twice(option) }
        }
        try self.init(options)
    }

    /// Whether an option was chosen.
    package func contains(_ option: ConfidentialityOption) -> Bool { options.contains(option) }

    /// As ``init(named:)`` reads it.
    package var name: String {
        ([Self.basicName] + options.map(\.rawValue)).joined(separator: String(Self.separator))
    }
}

/// Why a name is no profile. The words are the operator's own.
package enum ConfidentialityProfileError: Error, Equatable, CustomStringConvertible {
    /// The name does not begin with `basic`.
    case notBasic(String)
    /// No option has this name.
    case unknown(String)
    /// The option is there twice.
    case twice(ConfidentialityOption)
    /// The two options ask for different things of the same attributes.
    case contradiction(ConfidentialityOption, ConfidentialityOption)

    /// One sentence.
    package var description: String {
        switch self {
        case .notBasic: "A profile begins with \"\(ConfidentialityProfile.basicName)\"."
        case .unknown(let word):
            "There is no option \"\(word)\"; options are "
                + ConfidentialityOption.allCases.map(\.rawValue).joined(separator: ", ") + "."
        case .twice(let option): "\"\(option.rawValue)\" is there twice."
        case .contradiction(let one, let other):
            "\"\(one.rawValue)\" and \"\(other.rawValue)\" exclude one another: dates either stay or are shifted."
        }
    }
}
