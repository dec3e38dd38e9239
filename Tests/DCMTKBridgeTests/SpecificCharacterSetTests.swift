import DCMTKBridge
import DICOMCore
import Foundation
import NodeTestSupport
import Testing

@Suite struct SpecificCharacterSetTests {
    private func decoded(_ bytes: [UInt8], _ set: String, isPersonName: Bool = true) -> String? {
        SpecificCharacterSet(set.utf8)?.decoded(bytes, isPersonName: isPersonName)
    }

    /// PS3.5 Annexes H, I and J, byte by byte.
    @Test func theExamplesOfTheStandardAreRead() {
        let kanji = Array("\u{1B}$B;3ED\u{1B}(B^\u{1B}$BB@O:\u{1B}(B".utf8)
        let hiragana = Array("\u{1B}$B$d$^$@\u{1B}(B^\u{1B}$B$?$m$&\u{1B}(B".utf8)
        #expect(
            decoded(Array("Yamada^Tarou=".utf8) + kanji + [0x3D] + hiragana, "\\ISO 2022 IR 87")
                == "Yamada^Tarou=山田^太郎=やまだ^たろう")
        let katakana: [UInt8] = [0xD4, 0xCF, 0xC0, 0xDE, 0x5E, 0xC0, 0xDB, 0xB3]
        #expect(
            decoded(katakana + [0x3D] + kanji, "ISO 2022 IR 13\\ISO 2022 IR 87") == "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎")
        let korean = Array("Hong^Gildong=\u{1B}$)C".utf8) + [0xFB, 0xF3, 0x5E] + Array("\u{1B}$)C".utf8)
        #expect(decoded(korean + [0xD1, 0xCE, 0xD4, 0xD7], "\\ISO 2022 IR 149") == "Hong^Gildong=洪^吉洞")
        let chinese = Array("Zhang^XiaoDong=\u{1B}$)A".utf8) + [0xD5, 0xC5, 0x5E] + Array("\u{1B}$)A".utf8)
        #expect(decoded(chinese + [0xD0, 0xA1, 0xB6, 0xAB], "\\ISO 2022 IR 58") == "Zhang^XiaoDong=张^小东")
    }

    @Test func aDelimiterBringsTheFirstSetBack() {
        // Cyrillic in the first component, Latin-1 in the second, which designates nothing.
        let bytes = Array("\u{1B}-L".utf8) + [0xBB, 0xEE, 0x5E, 0xE9]
        #expect(decoded(bytes, "ISO 2022 IR 100\\ISO 2022 IR 144") == "Лю^é")
        // In text ^ is a character like others.
        #expect(decoded(bytes, "ISO 2022 IR 100\\ISO 2022 IR 144", isPersonName: false) == "Лю^щ")
    }

    @Test func aBackslashInsideACharacterSeparatesNothing() {
        // 乗 ends with 5C in GB18030.
        #expect(decoded([0x81, 0x5C], "GB18030") == "乗")
    }

    @Test func whatIsNoTextUnderItsSetIsNotGuessed() {
        #expect(decoded([0xE9], "") == nil)
        #expect(decoded([0xE9], "ISO_IR 192") == nil)
        #expect(decoded(Array("\u{1B}$Z;3".utf8), "\\ISO 2022 IR 87") == nil)
        #expect(decoded([0xE9], "ISO_IR 100") == "é")
    }

    @Test(arguments: ["ISO_IR 999", "ISO-8859-1", "latin1", "ISO 2022 IR 100\\WHATEVER", "ISO_IR 192 "])
    func onlyDefinedTermsAreSets(term: String) {
        // A trailing space is padding.
        #expect((SpecificCharacterSet(term.utf8) == nil) == (term != "ISO_IR 192 "))
    }

    @Test func aWholeObjectBecomesUTF8ItemsUnderTheirOwnSetsIncluded() throws {
        try DCMTKRuntime.initialize()
        let object = try DataSet()
        try object.set(Tag(0x0008, 0x0005), "ISO_IR 100")
        try object.set(Tag(0x0010, 0x0010), vr: "PN", bytes: [0x4D, 0xFC, 0x6C])
        let item = try DataSet()
        try item.set(Tag(0x0008, 0x0005), "ISO_IR 144")
        try item.set(Tag(0x0008, 0x0104), vr: "LO", bytes: [0xBB, 0xEE])
        let inherits = try DataSet()
        try inherits.set(Tag(0x0008, 0x0104), vr: "LO", bytes: [0xFC])
        try object.append(item, to: Tag(0x0008, 0x1032))
        try object.append(inherits, to: Tag(0x0008, 0x1032))
        try object.convertToUTF8()
        #expect(object.string(Tag(0x0010, 0x0010)) == "Mül")
        #expect(object.string(Tag(0x0008, 0x0005)) == "ISO_IR 192")
        let first = try object.item(Tag(0x0008, 0x1032), at: 0)
        #expect(first.string(Tag(0x0008, 0x0104)) == "Лю")
        #expect(first.string(Tag(0x0008, 0x0005)) == nil)
        let second = try object.item(Tag(0x0008, 0x1032), at: 1)
        #expect(second.string(Tag(0x0008, 0x0104)) == "ü")
    }
}

private typealias Tag = DICOMCore.Tag
