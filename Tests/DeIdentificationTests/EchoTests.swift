import DICOMCore
import Testing

@testable import DeIdentification

private let manufacturer = Tag(0x0008, 0x0070)
private let kernel = Tag(0x0018, 0x1210)
private let codeMeaning = Tag(0x0008, 0x0104)

@Suite struct EchoTests {
    private let patient = [
        TestElement.text(.patientName, "PN", "Nguyễn-Müller^Lý Ann^^Dr=山田^太郎"), .text(.patientID, "LO", "0004711234"),
        .text(.otherPatientIDs, "LO", "ALT-99\\SSN 123456"), .text(.patientBirthDate, "DA", "19370509"),
        .text(.accessionNumber, "SH", "ACC20260042"), .text(.specificCharacterSet, "CS", "ISO_IR 192"),
    ]

    @Test(arguments: [
        "scan of MÜLLER", "xnguyễnx", "山田", "seen with Ann today", "id 0004711234!", "4711234", "alt-99", "ssn 123456",
        "born 1937-05-09", "09.05.1937", "05/09/1937", "19370509", "see acc20260042", "uid 1.2.3.4.1.1.1 x",
    ])
    func keptTextThatNamesThePatientIsReplaced(text: String) throws {
        let outcome = try deidentified(
            TestElement.instance() + patient + [
                .text(manufacturer, "LO", text),
                .items(Tag(0x0018, 0x9346), [[.text(codeMeaning, "LO", text)]]),
            ])
        #expect(outcome.dataSet.string(manufacturer) == "REMOVED")
        #expect(!outcome.encoded.contains(text))
    }

    @Test(arguments: ["announce", "Siemens", "1937", "channel 12345", "planning"])
    func otherTextStays(text: String) throws {
        let outcome = try deidentified(TestElement.instance() + patient + [.text(manufacturer, "LO", text)])
        #expect(outcome.dataSet.string(manufacturer) == text)
    }

    @Test func vocabularyThatIsAlsoAPatientNameStays() throws {
        let outcome = try deidentified(
            TestElement.instance(patientName: "Chest^Phantom", patientID: "PHANTOM") + [
                .text(.bodyPartExamined, "CS", "CHEST"), .text(Tag(0x0018, 0x1020), "LO", "phantom 3"),
                .text(Tag(0x0018, 0x1160), "SH", "NONE"), .text(Tag(0x0018, 0x1180), "SH", "CHEST"),
            ])
        #expect(outcome.dataSet.string(.bodyPartExamined) == "CHEST")
        #expect(!outcome.encoded.contains("hantom") && !outcome.encoded.contains("PHANTOM"))
    }

    @Test func ofACodedStringOnlyTheValueThatNamesThePatientIsReplaced() throws {
        let outcome = try deidentified(
            TestElement.instance() + [.text(.imageType, "CS", "DERIVED\\PRIMARY\\SAUERBRUCH\\AXIAL")])
        #expect(outcome.dataSet.string(.imageType) == "DERIVED\\PRIMARY\\REMOVED\\AXIAL")
    }

    @Test func bytesWithoutStructureAreSearchedToo() throws {
        let profile = Tag(0x0028, 0x2000)
        let echo = try deidentified(
            TestElement.instance() + [.value(profile, "OB", Array("xx profile made for mrn7788123 xx".utf8))])
        #expect(!echo.dataSet.contains(profile))
        let number = Tag(0x0028, 0x3002)
        let text = try deidentified(TestElement.instance() + [.value(number, "US", Array("MRN7788123".utf8))])
        #expect(!text.dataSet.contains(number))
        let clean = try deidentified(TestElement.instance() + [.value(profile, "OB", Array("a profile".utf8))])
        #expect(clean.dataSet.contains(profile))
    }

    @Test func numbersThatAreNotNumbersOrAreIdentifiersAreEmptied() throws {
        let outcome = try deidentified(
            TestElement.instance(patientID: "556677") + [
                .text(Tag(0x0018, 0x0060), "DS", "Mueller"), .text(Tag(0x0020, 0x0012), "IS", "556677"),
                .text(Tag(0x0018, 0x1151), "IS", "200"),
            ])
        #expect(outcome.dataSet.multiplicity(Tag(0x0018, 0x0060)) == 0)
        #expect(outcome.dataSet.multiplicity(Tag(0x0020, 0x0012)) == 0)
        #expect(outcome.dataSet.string(Tag(0x0018, 0x1151)) == "200")
    }

    @Test func textBehindANULIsCutOff() throws {
        let outcome = try deidentified(
            TestElement.instance() + [.value(kernel, "SH", Array("B70f\0SECRET".utf8))])
        #expect(outcome.dataSet.string(kernel) == "B70f")
        #expect(!outcome.encoded.contains("SECRET"))
    }
}
