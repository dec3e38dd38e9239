import DICOMCore
import Testing

@testable import DeIdentification

@Suite struct CharacterSetEchoTests {
    private static let kernel = Tag(0x0018, 0x1210)
    private static let items = Tag(0x0018, 0x9346)

    private func patient(_ set: String, _ name: [UInt8]) -> [TestElement] {
        TestElement.instance() + [.text(.specificCharacterSet, "CS", set), .value(.patientName, "PN", name)]
    }

    /// The name in the object's set, and the echo as it is written in the set of the item that holds it.
    private static let echoes: [(set: String, name: [UInt8], itemSet: String?, echo: [UInt8])] = [
        // Müller in Latin-1; echoed in UTF-8, in capitals, without the accent, with its German spelling.
        ("ISO_IR 100", [0x4D, 0xFC, 0x6C, 0x6C, 0x65, 0x72], "ISO_IR 192", Array("bei Müller".utf8)),
        ("ISO_IR 100", [0x4D, 0xFC, 0x6C, 0x6C, 0x65, 0x72], nil, [0x4D, 0xDC, 0x4C, 0x4C, 0x45, 0x52]),
        ("ISO_IR 100", [0x4D, 0xFC, 0x6C, 0x6C, 0x65, 0x72], nil, Array("muller".utf8)),
        ("ISO_IR 100", [0x4D, 0xFC, 0x6C, 0x6C, 0x65, 0x72], nil, Array("Mueller".utf8)),
        // Люкс in ISO-IR 144; echoed in UTF-8 and small letters.
        ("ISO_IR 144", [0xBB, 0xEE, 0xDA, 0xE1], "ISO_IR 192", Array("тест люкс".utf8)),
        // 山田 in JIS X 0208 by ISO 2022; echoed in UTF-8 and GB18030.
        ("\\ISO 2022 IR 87", Array("=\u{1B}$B;3ED\u{1B}(B".utf8), "ISO_IR 192", Array("これは山田です".utf8)),
        ("\\ISO 2022 IR 87", Array("=\u{1B}$B;3ED\u{1B}(B".utf8), "GB18030", [0xC9, 0xBD, 0xCC, 0xEF]),
        // Half-width katakana in the name, full-width in the echo.
        ("ISO_IR 13", [0xD4, 0xCF, 0xD4, 0xCF], "ISO_IR 192", Array("ヤマヤマ".utf8)),
        // Components of one group in one, in either order.
        ("ISO_IR 192", Array("王^小东".utf8), nil, Array("患者王小东".utf8)),
        ("ISO_IR 192", Array("王^小东".utf8), nil, Array("小东王".utf8)),
        // What is no text under its set cannot be searched.
        ("ISO_IR 192", Array("Meier".utf8), nil, [0xE9, 0x20, 0x61]),
    ]

    @Test(arguments: echoes.indices)
    func anEchoIsFoundWhateverSetItIsWrittenIn(index: Int) throws {
        let (set, name, itemSet, echo) = Self.echoes[index]
        var item: [TestElement] = [.value(Self.kernel, "SH", echo)]
        if let itemSet { item.append(.text(.specificCharacterSet, "CS", itemSet)) }
        let outcome = try deidentified(patient(set, name) + [.items(Self.items, [[], item])])
        #expect(try outcome.dataSet.item(Self.items, at: 1).string(Self.kernel) == "REMOVED")
        #expect(!outcome.encoded.contains(bytes: echo))
    }

    @Test func textInOtherSetsThatNamesNobodyStaysByteByByte() throws {
        let kept: [(String, [UInt8])] = [
            ("ISO_IR 100", [0x48, 0xF4, 0x70, 0x69, 0x74, 0x61, 0x6C]),
            ("\\ISO 2022 IR 87", Array("\u{1B}$BB@O:\u{1B}(B".utf8)),
            ("GB18030", [0x81, 0x5C, 0x41]), ("ISO_IR 192", Array("Gerät 3".utf8)),
        ]
        for (set, text) in kept {
            let outcome = try deidentified(patient(set, Array("Sauerbruch".utf8)) + [.value(Self.kernel, "SH", text)])
            #expect(outcome.dataSet.bytes(Self.kernel)?.prefix(text.count).elementsEqual(text) == true, "\(set)")
        }
    }

    @Test func anItemsSetEndsWithTheItem() throws {
        // Under UTF-8 the byte is no text; under the data set's Latin-1 it is.
        let first: [TestElement] = [
            .text(.specificCharacterSet, "CS", "ISO_IR 192"), .value(Self.kernel, "SH", [0xE9]),
        ]
        let second: [TestElement] = [.value(Self.kernel, "SH", [0xE9])]
        let outcome = try deidentified(
            patient("ISO_IR 100", Array("Sauerbruch".utf8)) + [.items(Self.items, [first, second])])
        #expect(try outcome.dataSet.item(Self.items, at: 0).string(Self.kernel) == "REMOVED")
        #expect(try outcome.dataSet.item(Self.items, at: 1).bytes(Self.kernel)?.first == 0xE9)
    }

    @Test(arguments: [
        "born 9 May 1927", "May 9, 1927", "09-MAY-1927", "9.5.1927", "5/9/1927", "09.05.27", "1927 05 09", "19270509",
    ])
    func theBirthDateIsFoundAsPeopleWriteIt(text: String) throws {
        let outcome = try deidentified(
            TestElement.instance() + [.text(.patientBirthDate, "DA", "19270509"), .text(Self.kernel, "LO", text)])
        #expect(outcome.dataSet.string(Self.kernel) == "REMOVED")
    }

    @Test func theAccessionNumberOfARequestIsIdentityToo() throws {
        let request = TestElement.items(Tag(0x0040, 0x0275), [[.text(.accessionNumber, "SH", "RQ4477")]])
        let outcome = try deidentified(TestElement.instance() + [request, .text(Self.kernel, "LO", "see rq4477")])
        #expect(outcome.dataSet.string(Self.kernel) == "REMOVED")
    }

    @Test func bytesWithoutStructureAreSearchedInUTF16AndInTheObjectsOwnSet() throws {
        let profile = Tag(0x0028, 0x2000)
        for echo in [Array("x".utf8) + "Sauerbruch".utf8.flatMap { [$0, 0] }, [0x4D, 0xFC, 0x6C, 0x6C, 0x65, 0x72]] {
            let name = Array("Sauerbruch^M".utf8) + [0xFC, 0x6C, 0x6C, 0x65, 0x72]
            let outcome = try deidentified(patient("ISO_IR 100", name) + [.value(profile, "OB", echo)])
            #expect(!outcome.dataSet.contains(profile))
        }
    }
}
