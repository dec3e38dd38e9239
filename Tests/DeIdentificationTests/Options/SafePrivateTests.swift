import DICOMCore
import Testing

@testable import DeIdentification

@Suite struct SafePrivateTests {
    private let safe: ConfidentialityProfile

    init() throws { safe = try profile(.retainSafePrivate) }

    private func suv(block: UInt16, creator: String, vr: String = "DS") -> [TestElement] {
        [
            .text(Tag(0x7053, block), "LO", creator),
            .text(Tag(0x7053, block << 8), vr, "0.000123"),
            .text(Tag(0x7053, block << 8 | 0x09), vr, "1.5"),
            .text(Tag(0x7053, block << 8 | 0x01), vr, "77.7"),
        ]
    }

    /// Item 10 of the acceptance list: any block, the creator exactly, only what the table lists.
    @Test(arguments: [(UInt16(0x10), true), (0x11, true), (0xFF, true), (0x11, false)])
    func whatTheTableListsStaysWithItsCreatorInAnyBlock(_ block: UInt16, _ explicitVR: Bool) throws {
        for elements in [
            suv(block: block, creator: "Philips PET Private Group"),
            [nested(suv(block: block, creator: "Philips PET Private Group "))],
        ] {
            let outcome = try deidentified(TestElement.instance() + elements, safe, explicitVR: explicitVR)
            let header =
                elements.count == 1
                ? try nestingPath.reduce(outcome.dataSet) { try $0.item($1, at: 0) } : outcome.dataSet
            #expect(header.string(Tag(0x7053, block)) == "Philips PET Private Group")
            #expect(header.string(Tag(0x7053, block << 8)) == "0.000123")
            #expect(header.string(Tag(0x7053, block << 8 | 0x09)) == "1.5")
            #expect(!header.contains(Tag(0x7053, block << 8 | 0x01)), "of the same creator, and not in the table")
            let basic = try deidentified(TestElement.instance() + elements, .basic, explicitVR: explicitVR)
            #expect(!basic.encoded.contains("Philips") && !basic.encoded.contains("0.000123"))
        }
    }

    @Test(arguments: ["Philips PET Private Group 2", "philips PET Private Group", "Philips PET", "", "Sauerbruch"])
    func theSameTagOfAnotherCreatorGoes(_ creator: String) throws {
        let outcome = try deidentified(TestElement.instance() + suv(block: 0x11, creator: creator), safe)
        for tag in [Tag(0x7053, 0x11), Tag(0x7053, 0x1100), Tag(0x7053, 0x1109)] {
            #expect(!outcome.dataSet.contains(tag))
        }
    }

    @Test func aCreatorIsNotInheritedAndGoesWhenNothingOfItsBlockStays() throws {
        let creator = TestElement.text(Tag(0x7053, 0x0010), "LO", "Philips PET Private Group")
        let value = TestElement.text(Tag(0x7053, 0x1000), "DS", "0.000123")
        let inherited = try deidentified(TestElement.instance() + [creator, nested([value])], safe)
        #expect(!inherited.encoded.contains("0.000123") && !inherited.encoded.contains("Philips"))
        let orphan = try deidentified(TestElement.instance() + [value], safe)
        #expect(!orphan.encoded.contains("0.000123"))
    }

    /// (2001,xx1a) and others of the table are sequences: each attribute in them is treated on its own merits.
    @Test func aSafeSequenceIsEnteredAndWhatIsInItIsTreatedAsAnywhere() throws {
        let row = try #require(SafePrivate2026c.rows.first { $0.vr == "SQ" && $0.creator == "Philips Imaging DD 001" })
        let tag = Tag(row.group, 0x1000 | UInt16(row.element))
        let creator = TestElement.text(Tag(row.group, 0x0010), "LO", row.creator)
        let inside: [TestElement] = [
            .text(.patientName, "PN", "Sauerbruch^Amalie"), .text(Tag(0x0018, 0x0060), "DS", "120"),
            .text(Tag(0x0008, 0x1155), "UI", "1.2.3.77"), .text(Tag(row.group, 0x1011), "LO", "not of this item"),
        ]
        let outcome = try deidentified(TestElement.instance() + [creator, .items(tag, [inside])], safe)
        let item = try outcome.dataSet.item(tag, at: 0)
        #expect(item.string(Tag(0x0018, 0x0060)) == "120")
        #expect(item.string(Tag(0x0008, 0x1155))?.hasPrefix("2.25.") == true)
        for text in ["Sauerbruch", "1.2.3.77", "not of this"] { #expect(!outcome.encoded.contains(text)) }
        // Hidden as bytes it goes, unless DCMTK's own dictionary of private elements says that it is a sequence.
        let bytes = Array(TestElement.encode([.items(tag, [inside])], explicitVR: false).dropFirst(8))
        let hidden = try deidentified(TestElement.instance() + [creator, .value(tag, "UN", bytes)], safe)
        #expect(try !hidden.dataSet.contains(tag) || hidden.dataSet.item(tag).string(Tag(0x0018, 0x0060)) == "120")
        #expect(!hidden.encoded.contains("Sauerbruch") && !hidden.encoded.contains("1.2.3.77"))
        // As UN of undefined length it is a sequence for everybody.
        let parsed = try deidentified(TestElement.instance() + [creator, .unknownSequence(tag, [inside])], safe)
        #expect(try parsed.dataSet.item(tag, at: 0).string(Tag(0x0018, 0x0060)) == "120")
        #expect(!parsed.encoded.contains("Sauerbruch"))
    }

    @Test func aSafeValueThatRepeatsTheIdentityOrIsNotOfItsVRGoes() throws {
        let creator = TestElement.text(Tag(0x0019, 0x0010), "LO", "GEMS_ACQU_01")
        let name = Tag(0x0019, 0x109E)
        let kept = try deidentified(TestElement.instance() + [creator, .text(name, "LO", "efgre3d")], safe)
        #expect(kept.dataSet.string(name) == "efgre3d")
        for element: TestElement in [
            .text(name, "LO", "efgre3d Sauerbruch"), .text(name, "PN", "Other^Name"), .text(name, "LT", "efgre3d"),
            .value(name, "UN", Array("MRN7788123".utf8)), .value(name, "LO", Array("efgre\0Otto".utf8)),
        ] {
            let outcome = try deidentified(TestElement.instance() + [creator, element], safe)
            #expect(!outcome.dataSet.contains(name) && !outcome.encoded.contains("GEMS"))
        }
        let suv = try deidentified(
            TestElement.instance() + suv(block: 0x10, creator: "Philips PET Private Group", vr: "LO"), safe)
        #expect(!suv.encoded.contains("0.000123"))
        for value in ["7788123", "1.5 Otto"] {
            let number = try deidentified(
                TestElement.instance(patientID: "7788123") + [
                    .text(Tag(0x7053, 0x0010), "LO", "Philips PET Private Group"),
                    .text(Tag(0x7053, 0x1000), "DS", value),
                ], safe)
            #expect(!number.dataSet.contains(Tag(0x7053, 0x1000)))
        }
    }

    /// (0008,0300): what the sender calls identifying goes, though the table lists it; what it calls safe is not added.
    @Test(arguments: [("SAFE", true), ("UNSAFE", false), ("MIXED", false), ("", false)])
    func whatTheSenderSaysOfItsPrivateElementsIsHeeded(_ status: String, _ isKept: Bool) throws {
        func characteristics(_ more: TestElement...) -> TestElement {
            .items(
                Tag(0x0008, 0x0300),
                [
                    [
                        .numbers(Tag(0x0008, 0x0301), [0x7053]),
                        .text(Tag(0x0008, 0x0302), "LO", "Philips PET Private Group"),
                        .text(Tag(0x0008, 0x0303), "CS", status),
                    ] + more
                ])
        }
        let (suv, concentration, unlisted) = (Tag(0x7053, 0x1000), Tag(0x7053, 0x1009), Tag(0x7053, 0x1001))
        let elements = TestElement.instance() + self.suv(block: 0x10, creator: "Philips PET Private Group")
        let said = try deidentified(elements + [characteristics()], safe).dataSet
        #expect(said.contains(suv) == isKept && said.contains(concentration) == isKept && !said.contains(unlisted))
        let listed = try deidentified(
            elements + [characteristics(.numbers(Tag(0x0008, 0x0304), [0x00, 0x01]))], safe
        ).dataSet
        #expect(listed.contains(suv) && listed.contains(concentration) == isKept && !listed.contains(unlisted))
        let action: [TestElement] = [.numbers(Tag(0x0008, 0x0306), [0x00]), .text(Tag(0x0008, 0x0307), "CS", "X")]
        let identifying = try deidentified(
            elements + [characteristics(.items(Tag(0x0008, 0x0305), [action]))], safe
        ).dataSet
        #expect(!identifying.contains(suv) && identifying.contains(concentration) == isKept)
    }

    @Test func theRowsAreAllOfPrivateGroups() {
        #expect(SafePrivate2026c.rows.count == 479)
        #expect(SafePrivate2026c.rows.allSatisfy { $0.group & 1 == 1 && !$0.creator.isEmpty })
    }
}
