import DICOMCore
import Foundation
import Testing

@testable import DeIdentification

/// Values for a row of table E.1-1, by which it can be seen whether the value stayed, was cleaned or went.
private struct Sample {
    let row: ProfileRow
    var tag: Tag { Tag(row.tag) }

    /// One element. A sequence holds a public code, a description, a name and a reference.
    var element: TestElement {
        switch row.vr {
        case "SQ":
            .items(
                tag,
                [
                    [
                        .text(.codeValue, "SH", "51185008"), .text(.codingSchemeDesignator, "SH", "SCT"),
                        .text(.codeMeaning, "LO", "Chest"), .text(.patientName, "PN", "Nested^Canary"),
                        .text(Tag(0x0008, 0x1155), "UI", "1.2.826.0.1.99.55.1"),
                    ]
                ])
        case "US": .numbers(tag, [4])
        default: .value(tag, row.vr, Array(value.utf8))
        }
    }

    var value: String {
        switch row.vr {
        case "AE": "CT_KEPT"
        case "AS": "077Y"
        case "CS": "KEPT_ONE"
        case "DA": "20260131"
        case "TM": "101112.5"
        case "DT": "20260131101112.123456+0100"
        case "DS": "-98.5"
        case "UI": "1.2.826.0.1.99.7.\(row.tag)"
        case "UR": "http://kept.example/\(row.tag)"
        case "SH": row.keyword == "TimezoneOffsetFromUTC" ? "+0100" : "Kept value"
        default: "Kept value \(row.tag)"
        }
    }

    /// The same for a text that is to be cleaned: harmless words around what nobody knows.
    var description: TestElement { .text(tag, row.vr, "CHEST Zorn-Xaver MRN123 LATERAL 55F") }

    func isKept(in header: Header) throws -> Bool {
        switch row.vr {
        case "SQ":
            guard header.itemCount(tag) == 1 else { return false }
            return try header.item(tag).string(.codeValue) == "51185008"
        case "US": return header.number(tag) == 4
        default: return header.bytes(tag).map { Array($0.trimmedPadding) } == Array(value.utf8)
        }
    }
}

/// Rows that a column names and that can be in a data set: groups 0000, 0002 and 0004 never are.
private func rows(_ option: ConfidentialityOption, _ action: OptionActions.Action) -> [Sample] {
    BasicProfile2026d.rows.filter {
        $0.options[option.column] == action && !ElementRules.isRemovedWhole(Tag($0.tag))
    }.map(Sample.init)
}

private func levels(_ outcome: Outcome) throws -> [Header] {
    [outcome.dataSet, try nestingPath.reduce(outcome.dataSet) { try $0.item($1, at: 0) }]
}

/// The instance's own attributes stay what they must be for an instance to be taken in.
private func instance(_ samples: [TestElement]) -> [TestElement] {
    let own = TestElement.instance(sopClass: enhancedCTClass)
    let tags = Set(own.map(\.tag))
    return own + samples.filter { !tags.contains($0.tag) } + [nested(samples)]
}

@Suite struct OptionTableTests {
    /// K of each column: how many rows there are, so that a table that lost some is seen.
    @Test(arguments: [
        (ConfidentialityOption.retainUIDs, 56), (.retainDeviceIdentity, 48), (.retainInstitutionIdentity, 10),
        (.retainPatientCharacteristics, 14), (.retainFullDates, 169),
    ])
    func whatAnOptionRetainsStaysAtEveryLevelAndGoesWithoutIt(_ option: ConfidentialityOption, _ count: Int) throws {
        let samples = rows(option, .keep)
        #expect(samples.count == count)
        let elements = instance(samples.map(\.element))
        for (profile, isKept) in [(try profile(option), true), (.basic, false)] {
            let outcome = try deidentified(elements, profile)
            for (level, header) in try levels(outcome).enumerated() {
                for sample in samples
                where level == 1 || !TestElement.instance().contains(where: { $0.tag == sample.tag }) {
                    // A reference to other instances stays in the Basic Profile, with its UIDs replaced.
                    if !isKept, sample.row.vr == "SQ", try sample.isKept(in: header), sample.row.basic != .x {
                        #expect(option == .retainUIDs, "\(sample.row.keyword)")
                        continue
                    }
                    #expect(try sample.isKept(in: header) == isKept, "\(sample.row.keyword) at level \(level)")
                }
            }
            #expect(!outcome.encoded.contains("Nested^Canary"))
            let keepsReferences = isKept && option == .retainUIDs
            #expect(outcome.encoded.contains("1.2.826.0.1.99.55.1") == keepsReferences)
        }
    }

    /// C of the columns that clean text.
    @Test(arguments: [
        (ConfidentialityOption.retainDeviceIdentity, 11), (.retainPatientCharacteristics, 5), (.cleanDescriptors, 141),
    ])
    func whatAnOptionCleansKeepsItsHarmlessWordsAndNoOthers(_ option: ConfidentialityOption, _ count: Int) throws {
        let samples = rows(option, .clean)
        #expect(samples.count == count)
        let elements = instance(samples.map { $0.row.vr == "SQ" ? $0.element : $0.description })
        for (profile, isCleaned) in [(try profile(option), true), (.basic, false)] {
            let outcome = try deidentified(elements, profile)
            for header in try levels(outcome) {
                for sample in samples {
                    switch sample.row.vr {
                    // Bytes without structure have no words: they go as in the Basic Profile.
                    case "OB": #expect(!header.contains(sample.tag), "\(sample.row.keyword)")
                    case "SQ": #expect(try sample.isKept(in: header) == isCleaned, "\(sample.row.keyword)")
                    default:
                        let words = sample.row.vr == "AE" ? "CHEST_LATERAL" : "CHEST LATERAL"
                        #expect((header.string(sample.tag) == words) == isCleaned, "\(sample.row.keyword)")
                    }
                }
            }
            for text in ["Zorn", "Xaver", "MRN123", "55F", "Nested", "1.2.826.0.1.99.55.1"] {
                #expect(!outcome.encoded.contains(text))
            }
        }
    }

    @Test func whatDatesAreModifiedIsShiftedButForDatesOfDevicesAndPublications() throws {
        let samples = rows(.retainModifiedDates, .clean)
        #expect(samples.count == 169)
        let outcome = try deidentified(instance(samples.map(\.element)), try profile(.retainModifiedDates))
        var unshifted: [String] = []
        for header in try levels(outcome) {
            for sample in samples {
                let shifted: [UInt8]
                switch sample.row.vr {
                case "DA": shifted = try #require(fixedOffset.shifted(date: Array("20260131".utf8)))
                case "DT": shifted = try #require(fixedOffset.shifted(dateTime: Array(sample.value.utf8)))
                default: shifted = Array(sample.value.utf8)
                }
                guard header.bytes(sample.tag).map({ Array($0.trimmedPadding) }) != shifted else { continue }
                unshifted.append(sample.row.keyword)
            }
        }
        // Rows that are K under Device Identity, publications, and two timestamps that are bytes.
        #expect(Set(unshifted) == unshiftedKeywords && unshifted.count == 2 * unshiftedKeywords.count)
        #expect(!outcome.encoded.contains("20260131"))
    }

    private let unshiftedKeywords: Set<String> = [
        "BeamHoldTransitionDateTime", "CalibrationDate", "CalibrationDateTime", "CalibrationTime", "DateOfInstallation",
        "DateOfLastCalibration", "DateOfLastDetectorCalibration", "DateOfManufacture", "DateTimeOfLastCalibration",
        "TimeOfLastCalibration", "TimeOfLastDetectorCalibration",
        "ContextGroupVersion", "ContextGroupLocalVersion", "TemplateVersion", "TemplateLocalVersion",
        "HangingProtocolCreationDateTime", "SelectorDAValue", "SelectorDTValue", "SelectorTMValue", "EffectiveDateTime",
        "InformationIssueDateTime", "ProductExpirationDateTime", "EthicsCommitteeApprovalEffectivenessStartDate",
        "EthicsCommitteeApprovalEffectivenessEndDate",
        "CertifiedTimestamp", "FrameOriginTimestamp",
    ]

    @Test func theRowsOfBothDeviceIdentityAndModifiedDatesAreNeitherKeptNorShifted() throws {
        let samples = rows(.retainModifiedDates, .clean).filter { $0.row.options[.retainDeviceIdentity] == .keep }
        #expect(samples.count == 11)
        let elements = instance(samples.map(\.element))
        let device = try deidentified(elements, try profile(.retainDeviceIdentity))
        let both = try deidentified(elements, try profile(.retainDeviceIdentity, .retainModifiedDates))
        let full = try deidentified(elements, try profile(.retainDeviceIdentity, .retainFullDates))
        for sample in samples {
            #expect(try sample.isKept(in: device.dataSet) && sample.isKept(in: full.dataSet), "\(sample.row.keyword)")
        }
        for text in ["20260131", "101112.5", "+0100"] { #expect(!both.encoded.contains(text)) }
    }

    @Test func aSequenceOfStructuredContentOrGraphicsIsEnteredWithItsOption() throws {
        for (option, count) in [(ConfidentialityOption.cleanStructuredContent, 4), (.cleanGraphics, 1)] {
            let samples = rows(option, .clean)
            #expect(samples.count == count)
            let elements = instance(samples.map(\.element))
            let cleaned = try deidentified(elements, try profile(option))
            let basic = try deidentified(elements, .basic)
            for sample in samples {
                for header in try levels(cleaned) { #expect(try sample.isKept(in: header), "\(sample.row.keyword)") }
                for header in try levels(basic) {
                    #expect(try !sample.isKept(in: header))
                }
            }
            #expect(!cleaned.encoded.contains("Nested^Canary") && !cleaned.encoded.contains("1.2.826.0.1.99.55.1"))
        }
    }

    /// Curves and overlays cannot be looked into, so Clean Graphics cleans them by taking them out.
    @Test func overlaysAndCurvesGoAlsoWithCleanGraphics() throws {
        let outcome = try deidentified(
            TestElement.instance() + [
                .text(Tag(0x6000, 0x4000), "LT", "CHEST overlay"), .value(Tag(0x6000, 0x3000), "OB", [1, 2]),
                .value(Tag(0x5000, 0x3000), "OB", [1, 2]),
            ], try profile(.cleanGraphics))
        for tag in [Tag(0x6000, 0x4000), Tag(0x6000, 0x3000), Tag(0x5000, 0x3000)] {
            #expect(!outcome.dataSet.contains(tag))
        }
    }

    @Test func aKeptValueThatRepeatsTheIdentityOrIsNotWhatItsVRSaysIsNotKept() throws {
        let outcome = try deidentified(
            TestElement.instance() + [
                .text(Tag(0x0008, 0x1010), "SH", "Sauerbruch CT"), .text(Tag(0x0018, 0x1002), "UI", "MRN7788123"),
                .text(.studyDate, "DA", "20260230"), .text(.studyTime, "TM", "Amalie"),
                .text(.acquisitionDateTime, "DT", "20260131Amalie"), .text(.patientAge, "AS", "Amal"),
            ], try profile(.retainDeviceIdentity, .retainFullDates, .retainPatientCharacteristics))
        for text in ["Sauerbruch", "MRN7788123", "20260230", "Amal"] { #expect(!outcome.encoded.contains(text)) }
        #expect(outcome.dataSet.multiplicity(.studyDate) == 0)
    }

    @Test func agesOver89AreNinety() throws {
        let characteristics = try profile(.retainPatientCharacteristics)
        for (age, kept) in [("089Y", "089Y"), ("090Y", "090Y"), ("091Y", "090Y"), ("103Y", "090Y"), ("999M", "999M")] {
            let outcome = try deidentified(
                TestElement.instance() + [
                    .text(.patientAge, "AS", age), .text(.patientBirthDate, "DA", "19200131"),
                    .text(.patientWeight, "DS", "71.5"),
                ], characteristics)
            #expect(outcome.dataSet.string(.patientAge) == kept)
            #expect(outcome.dataSet.multiplicity(.patientBirthDate) == 0, "no option keeps the birth date")
            #expect(outcome.dataSet.string(.patientWeight) == "71.5")
        }
    }

    @Test func underRetainUIDsTheInstanceIsNamedAsItWas() throws {
        let elements = TestElement.instance() + [.text(Tag(0x0008, 0x1167), "UI", "1.2.3.4.9.9")]
        let outcome = try deidentified(elements, try profile(.retainUIDs))
        #expect(outcome.instance.sopInstanceUID.uid.value == "1.2.3.4.1.1.1")
        #expect(outcome.instance.studyInstanceUID.uid.value == "1.2.3.4.1")
        #expect(outcome.dataSet.string(.sopInstanceUID) == "1.2.3.4.1.1.1")
        #expect(outcome.dataSet.string(Tag(0x0008, 0x1167)) == "1.2.3.4.9.9", "also what the table does not list")
    }
}
