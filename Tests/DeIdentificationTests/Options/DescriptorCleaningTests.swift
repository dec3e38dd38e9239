import DICOMCore
import Testing

@testable import DeIdentification

@Suite struct DescriptorCleaningTests {
    private let descriptors: ConfidentialityProfile

    init() throws { descriptors = try profile(.cleanDescriptors) }

    private func cleaned(_ text: String, name: String = "Sauerbruch^Amalie") throws -> String? {
        try deidentified(
            TestElement.instance(patientName: name) + [.text(.seriesDescription, "LO", text)], descriptors
        ).dataSet.string(.seriesDescription)
    }

    /// Item 19 of the acceptance list.
    @Test func onlyWordsOfTheListRemain() throws {
        #expect(try cleaned("CT chest 55F Dr. Smith MRN123") == "CT chest")
        #expect(try cleaned("Thorax a.p. liegend, Patientin Amalie S. *09.05.1937") == "Thorax")
        #expect(try cleaned("Abdomen/Pelvis_w_contrast 3mm 120kV") == "Abdomen Pelvis w contrast 3mm 120kV")
        #expect(try cleaned("AX T2 FLAIR POST-CONTRAST 1.5mm") == "AX T2 FLAIR POST-CONTRAST 1.5mm")
        #expect(try cleaned("LUNG\\SMITH\\lateral view") == "LUNG\\lateral view")
        #expect(try cleaned("Smith 31 12 1970 55") == nil, "X where nothing remains")
        #expect(try cleaned("chest Müller") == "chest")
        #expect(try cleaned("chéstMüller chest\u{301}") == nil)
    }

    @Test func aHarmlessWordThatIsThePatientsNameGoesToo() throws {
        #expect(try cleaned("CHEST lateral Smith", name: "Chest^Otto") == "lateral")
        #expect(try cleaned("hand foot", name: "Doe^Hand Foot") == nil)
        #expect(try cleaned("head MRN7788123 chest") == "head chest")
    }

    @Test func aWordHasToBeWhole() throws {
        #expect(try cleaned("chestnut chest1 xchest chest-Otto 3mmOtto 55mm5") == nil)
    }

    @Test func codesOfPublicSchemesStayAndOthersGo() throws {
        func code(_ value: String, _ scheme: String, _ meaning: String) -> [TestElement] {
            [
                .text(.codeValue, "SH", value), .text(.codingSchemeDesignator, "SH", scheme),
                .text(.codeMeaning, "LO", meaning),
            ]
        }
        let request = Tag(0x0040, 0x0275)
        let reasons = Tag(0x0040, 0x100A)
        let elements: [TestElement] = [
            .items(
                reasons,
                [
                    code("233604007", "SCT", "Pneumonia of Smith"), code("R05", "I10", "Wheeze"),
                    code("SMITH", "99HOSPITAL", "Pneumonia"),
                ]),
            .items(
                request,
                [
                    [
                        .text(Tag(0x0040, 0x0007), "LO", "Chest Smith"), .text(Tag(0x0040, 0x1001), "SH", "REQ77"),
                        .text(Tag(0x0040, 0x0009), "SH", "STEP88"),
                        .items(
                            Tag(0x0040, 0x0008), [code("SMITH", "L", "Smith"), code("RPID16", "RADLEX", "CT chest")]),
                    ]
                ]),
        ]
        let outcome = try deidentified(TestElement.instance() + elements, descriptors)
        #expect(outcome.dataSet.itemCount(reasons) == 2)
        let first = try outcome.dataSet.item(reasons, at: 0)
        #expect(first.string(.codeValue) == "233604007" && first.string(.codeMeaning) == "Pneumonia of")
        #expect(try outcome.dataSet.item(reasons, at: 1).string(.codeMeaning) == "REMOVED")
        let step = try outcome.dataSet.item(request, at: 0)
        #expect(step.string(Tag(0x0040, 0x0007)) == "Chest")
        #expect(step.itemCount(Tag(0x0040, 0x0008)) == 1)
        for text in ["Smith", "SMITH", "REQ77", "STEP88"] { #expect(!outcome.encoded.contains(text)) }
        let basic = try deidentified(TestElement.instance() + elements, .basic)
        #expect(!basic.dataSet.contains(reasons))
    }

    @Test func graphicsKeepTheirShapesAndHarmlessWords() throws {
        let object: [TestElement] = [
            .text(.unformattedTextValue, "ST", "lesion 12mm, Dr. Smith"), .text(Tag(0x0070, 0x0004), "CS", "PIXEL"),
        ]
        let annotation: [TestElement] = [
            .text(.graphicLayer, "CS", "LAYER1"), .items(.textObjectSequence, [object]),
            .items(Tag(0x0070, 0x0009), [[.value(Tag(0x0070, 0x0022), "FL", [0, 0, 128, 63, 0, 0, 0, 64])]]),
        ]
        let elements =
            TestElement.instance(sopClass: "1.2.840.10008.5.1.4.1.1.11.1") + [
                .items(.graphicAnnotationSequence, [annotation])
            ]
        let outcome = try deidentified(elements, try profile(.cleanGraphics))
        let kept = try outcome.dataSet.item(.graphicAnnotationSequence, at: 0)
        #expect(try kept.item(.textObjectSequence).string(.unformattedTextValue) == "lesion 12mm")
        #expect(try kept.item(Tag(0x0070, 0x0009)).bytes(Tag(0x0070, 0x0022))?.count == 8)
        #expect(!outcome.encoded.contains("Smith"))
        let basic = try deidentified(elements, .basic).dataSet.item(.graphicAnnotationSequence, at: 0)
        #expect(try basic.item(.textObjectSequence).string(.unformattedTextValue) == "REMOVED")
    }

    /// The most frequent names of several countries that are also terms were left out of the list.
    @Test func frequentNamesAreNotOnTheList() {
        for name in [
            "smith", "young", "long", "short", "cross", "ray", "white", "black", "brown", "green", "king", "hall",
            "may",
            "june", "april", "grace", "rose", "dean", "chase", "miles", "drew", "mark", "frank", "bill", "jack", "art",
            "gene", "heath", "cliff", "dale", "glen", "lane", "wells", "woods", "stone", "weiss", "gross", "klein",
            "lang",
            "kurz", "braun", "schwarz", "petit", "grand", "blanc", "li", "wang", "chen", "kim", "lee", "park", "singh",
            "kumar", "ali", "silva", "costa", "rossi", "cruz", "santos", "reyes", "martin", "bernard", "thomas",
            "major",
        ] {
            #expect(!DescriptorVocabulary.contains(name), "\(name)")
        }
    }
}
