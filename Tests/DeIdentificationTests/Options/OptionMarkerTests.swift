import DICOMCore
import Foundation
import Testing

@testable import DeIdentification

@Suite struct OptionMarkerTests {
    private static let codes: [ConfidentialityOption: String] = [
        .retainSafePrivate: "113111", .retainUIDs: "113110", .retainDeviceIdentity: "113109",
        .retainInstitutionIdentity: "113112", .retainPatientCharacteristics: "113108", .retainFullDates: "113106",
        .retainModifiedDates: "113107", .cleanDescriptors: "113105", .cleanStructuredContent: "113104",
        .cleanGraphics: "113103",
    ]

    private func codes(_ outcome: Outcome) throws -> [String] {
        try (0..<outcome.dataSet.itemCount(.deidentificationMethodCodeSequence)).map { index in
            let item = try outcome.dataSet.item(.deidentificationMethodCodeSequence, at: index)
            #expect(item.string(.codingSchemeDesignator) == "DCM" && item.string(.codeMeaning)?.isEmpty == false)
            return item.string(.codeValue) ?? ""
        }
    }

    /// All 2^10 choices that do not contradict themselves.
    @Test func theCodesAreThoseOfWhatWasDoneAndNoOthers() throws {
        let all = ConfidentialityOption.allCases
        var allowed = 0
        for bits in 0..<(1 << all.count) {
            let options = Set(all.indices.filter { bits >> $0 & 1 == 1 }.map { all[$0] })
            guard let profile = try? ConfidentialityProfile(options) else {
                #expect(options.isSuperset(of: [.retainFullDates, .retainModifiedDates]))
                continue
            }
            allowed += 1
            let values = Markers.codes(profile).map(\.value)
            #expect(values.first == "113100" && Set(values.dropFirst()) == Set(options.compactMap { Self.codes[$0] }))
            #expect(values.count == options.count + 1)
            let methods = Markers.methods(profile)
            #expect(methods.count == values.count)
            #expect(methods.allSatisfy { $0.utf8.count <= 64 && !$0.contains("\\") } && methods[0].contains("2026d"))
            #expect(!values.contains("113101") && !values.contains("113102"), "nothing cleans pixels")
        }
        #expect(allowed == 768)
    }

    @Test func theObjectSaysWhichOptionsWereCarriedOut() throws {
        let options = try profile(.retainModifiedDates, .cleanDescriptors)
        let outcome = try deidentified(
            TestElement.instance() + [
                .text(.deidentificationMethod, "LO", "An earlier tool"),
                .items(
                    .deidentificationMethodCodeSequence,
                    [
                        [
                            .text(.codeValue, "SH", "113111"), .text(.codingSchemeDesignator, "SH", "DCM"),
                            .text(.codeMeaning, "LO", "Earlier"),
                        ]
                    ]
                ),
            ], options)
        #expect(try codes(outcome) == ["113111", "113100", "113107", "113105"])
        #expect(
            outcome.dataSet.strings(.deidentificationMethod) == [
                "An earlier tool", "Overread: PS3.15 2026d Basic Profile, options:",
                "Retain Longitudinal Temporal Information Modified Dates Option", "Clean Descriptors Option",
            ])
        #expect(outcome.dataSet.string(.patientIdentityRemoved) == "YES")
        #expect(
            !outcome.dataSet.contains(.burnedInAnnotation) && !outcome.dataSet.contains(.recognizableVisualFeatures))
        let again = try deidentified(outcome.encoded, options)
        #expect(try codes(again) == codes(outcome))
        #expect(again.dataSet.strings(.deidentificationMethod).count == 4)
    }

    /// What the sender said of its pixels stays, and NO is never ours.
    @Test func whatTheSenderSaidOfItsPixelsStays() throws {
        for (value, tag) in [
            ("YES", Tag.burnedInAnnotation), ("NO", .burnedInAnnotation), ("YES", .recognizableVisualFeatures),
        ] {
            let outcome = try deidentified(TestElement.instance() + [.text(tag, "CS", value)], .basic)
            #expect(outcome.dataSet.string(tag) == value)
        }
    }
}
