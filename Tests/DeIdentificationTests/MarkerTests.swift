import DCMTKBridge
import DICOMCore
import Testing

@testable import DeIdentification

@Suite struct MarkerTests {
    @Test func theObjectSaysWhatWasDone() throws {
        let outcome = try deidentified(TestElement.instance() + [.text(.patientIdentityRemoved, "CS", "NO")])
        #expect(outcome.dataSet.string(.patientIdentityRemoved) == "YES")
        #expect(outcome.dataSet.string(.longitudinalTemporalInformationModified) == "REMOVED")
        #expect(outcome.dataSet.strings(.deidentificationMethod) == Markers.methods(.basic))
        #expect(Markers.methods(.basic)[0].count <= 64 && Markers.methods(.basic)[0].contains("2026d"))
        #expect(outcome.dataSet.itemCount(.deidentificationMethodCodeSequence) == 1)
        let code = try outcome.dataSet.item(.deidentificationMethodCodeSequence, at: 0)
        #expect(code.string(.codeValue) == "113100" && code.string(.codingSchemeDesignator) == "DCM")
        #expect(code.string(.codeMeaning) == "Basic Application Confidentiality Profile")
    }

    @Test func earlierPassesStayDocumentedAndAreNotTrusted() throws {
        let outcome = try deidentified(
            TestElement.instance() + [
                .text(.patientIdentityRemoved, "CS", "YES"),
                .text(.deidentificationMethod, "LO", "An earlier tool\\Another"),
                .items(
                    .deidentificationMethodCodeSequence,
                    [
                        [
                            .text(.codeValue, "SH", "113105"), .text(.codingSchemeDesignator, "SH", "DCM"),
                            .text(.codeMeaning, "LO", "Clean Descriptors Option"),
                        ]
                    ]),
            ])
        #expect(
            outcome.dataSet.strings(.deidentificationMethod) == ["An earlier tool", "Another"] + Markers.methods(.basic)
        )
        #expect(outcome.dataSet.itemCount(.deidentificationMethodCodeSequence) == 2)
        let earlier = try outcome.dataSet.item(.deidentificationMethodCodeSequence, at: 0)
        #expect(earlier.string(.codeValue) == "113105")
        #expect(outcome.dataSet.string(.patientID) == fixedPseudonym.value)
        #expect(!outcome.encoded.contains("Sauerbruch"))
    }

    @Test func nothingIsClaimedThatWasNotDone() throws {
        let outcome = try deidentified(TestElement.instance())
        #expect(!outcome.dataSet.contains(Tag(0x0028, 0x0301)) && !outcome.dataSet.contains(Tag(0x0028, 0x0302)))
    }

    @Test func aSecondPassOverOurOwnOutputAddsNothing() throws {
        let first = try deidentified(TestElement.instance())
        let second = try deidentified(first.encoded)
        #expect(second.dataSet.strings(.deidentificationMethod) == Markers.methods(.basic))
        #expect(second.dataSet.itemCount(.deidentificationMethodCodeSequence) == 1)
    }
}
