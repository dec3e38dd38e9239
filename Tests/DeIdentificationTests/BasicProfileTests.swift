import DCMTKBridge
import DICOMCore
import Testing

@testable import DeIdentification

private let enhancedCT = "1.2.840.10008.5.1.4.1.1.2.1"

/// A torture object: every row of table E.1-1 at the top level and three levels deep in three ways, private elements,
/// curves, overlays, signatures, padding.
private struct Torture {
    var canaries = Canaries()
    var elements: [TestElement] = []

    init(sopClass: String, hasUnknownSequence: Bool) {
        elements = canaries.everyRow(at: "top")
        elements.append(.text(.sopClassUID, "UI", sopClass))
        // Shared functional groups > referenced series > an unlisted code sequence, with defined and undefined lengths.
        for (outer, undefinedLength) in [(Tag(0x5200, 0x9229), false), (Tag(0x5200, 0x9230), true)] {
            let deepest = canaries.everyRow(at: "under \(outer)")
            elements.append(
                .sequence(
                    outer,
                    [
                        [
                            .sequence(
                                Tag(0x0008, 0x1115),
                                [[.sequence(Tag(0x0008, 0x114A), [deepest], undefinedLength: undefinedLength)]],
                                undefinedLength: undefinedLength)
                        ]
                    ], undefinedLength: undefinedLength))
        }
        if hasUnknownSequence {
            elements.append(.unknownSequence(Tag(0x0008, 0x1250), [canaries.everyRow(at: "in UN")]))
        }
        addWhatHasNoRow()
    }

    private mutating func addWhatHasNoRow() {
        for (group, element) in [(0x0009, 0x1001), (0x0029, 0x1010), (0x7FE1, 0x1001)] as [(UInt16, UInt16)] {
            elements.append(.text(Tag(group, 0x0010), "LO", "CREATOR HERE"))
            canaries.plant("CREATOR HERE", at: "creator")
            elements.append(canaries.element(tag: Tag(group, element), vr: "LO", at: "private"))
            elements.append(canaries.element(tag: Tag(group, element + 1), vr: "OB", at: "private"))
            elements.append(canaries.element(tag: Tag(group, element + 2), vr: "SQ", at: "private"))
            elements.append(canaries.element(tag: Tag(group, 0x2201), vr: "UN", at: "private without creator"))
        }
        for group: UInt16 in [0x5000, 0x501E, 0x6000, 0x601E, 0x60FE] {
            elements.append(canaries.element(tag: Tag(group, 0x0022), vr: "LO", at: "curve or overlay"))
            elements.append(canaries.element(tag: Tag(group, 0x1500), vr: "LO", at: "curve or overlay"))
            elements.append(canaries.element(tag: Tag(group, 0x3000), vr: "OB", at: "curve or overlay"))
            elements.append(canaries.element(tag: Tag(group, 0x4000), vr: "LT", at: "curve or overlay"))
        }
        elements.append(canaries.element(tag: Tag(0x0008, 0xFFF0), vr: "LO", at: "unknown tag"))
    }
}

@Suite struct BasicProfileTests {
    @Test(arguments: [enhancedCT, "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.128"])
    func noCanaryOfAnyRowSurvivesInExplicitVR(sopClass: String) throws {
        let torture = Torture(sopClass: sopClass, hasUnknownSequence: true)
        let input = TestElement.encode(torture.elements, explicitVR: true)
        #expect(
            torture.canaries.survivors(in: input).count == torture.canaries.planted.count, "the oracle sees the input")
        #expect(torture.canaries.planted.count > 2400)
        let outcome = try deidentified(input)
        #expect(torture.canaries.survivors(in: outcome.encoded) == [])
        let again = Header(try DataSet(parsing: outcome.encoded, transferSyntax: .explicitVRLittleEndian))
        #expect(again.string(.patientID) == fixedPseudonym.value)
    }

    @Test func noCanaryOfAnyRowSurvivesInImplicitVR() throws {
        let torture = Torture(sopClass: enhancedCT, hasUnknownSequence: false)
        let input = TestElement.encode(torture.elements, explicitVR: false)
        let outcome = try deidentified(input, transferSyntax: .implicitVRLittleEndian)
        #expect(torture.canaries.survivors(in: outcome.encoded) == [])
    }

    @Test func rowsWithADummyAreFilledWithAValueThatFitsTheirVR() throws {
        let torture = Torture(sopClass: enhancedCT, hasUnknownSequence: false)
        let outcome = try deidentified(torture.elements)
        var filled = 0
        for row in BasicProfile2026d.rows where !ElementRules.isRemovedWhole(Tag(row.tag)) {
            guard IODTypes.resolve(row.basic, tag: row.tag, depth: 0, family: .other) == .d else { continue }
            filled += 1
            let tag = Tag(row.tag)
            if row.vr == "SQ" {
                #expect(outcome.dataSet.itemCount(tag) == 1, "\(row.keyword)")
                continue
            }
            let value = try #require(outcome.dataSet.string(tag), "\(row.keyword)")
            #expect(!value.isEmpty || row.vr == "OB" || row.vr == "UN", "\(row.keyword)")
            #expect(outcome.dataSet.multiplicity(tag) == 1, "\(row.keyword)")
            #expect(isValid(value, row.vr), "\(row.keyword)")
        }
        // D 93, X/D 23, Z/D 6, X/Z/D 8 of the table.
        #expect(filled == 130)
    }

    private func isValid(_ value: String, _ vr: String) -> Bool {
        switch vr {
        case "DA": value.wholeMatch(of: #/\d{8}/#) != nil
        case "TM": value.wholeMatch(of: #/\d{6}/#) != nil
        case "DT": value.wholeMatch(of: #/\d{14}/#) != nil
        case "AS": value.wholeMatch(of: #/\d{3}[DWMY]/#) != nil
        case "UI": UID(value) != nil
        case "CS": value.wholeMatch(of: #/[A-Z0-9 _]{1,16}/#) != nil
        case "AE", "SH": value.count <= 16
        case "LO", "PN": value.count <= 64
        default: true
        }
    }

    @Test func aDummyDiffersFromAnOriginalThatLooksLikeIt() throws {
        let outcome = try deidentified(
            TestElement.instance(sopClass: enhancedCT) + [
                .text(.contentDate, "DA", "19000101"), .text(.contentTime, "TM", "000000 "),
                .text(Tag(0x0018, 0x9074), "DT", "19000101000000"), .text(Tag(0x0040, 0xA027), "LO", "REMOVED"),
            ])
        #expect(outcome.dataSet.string(.contentDate) == "19010101")
        #expect(outcome.dataSet.string(.contentTime) == "000001")
        #expect(outcome.dataSet.string(Tag(0x0018, 0x9074)) == "19010101000000")
        #expect(outcome.dataSet.string(Tag(0x0040, 0xA027)) == "DEID")
    }

    @Test func namesToUseAsASequenceOfDefinedLengthInImplicitVRAreRemoved() throws {
        let outcome = try deidentified(
            TestElement.instance() + [
                .items(
                    Tag(0x0010, 0x0011),
                    [[.text(.patientName, "PN", "Nested^Identity"), .text(Tag(0x0010, 0x0012), "LT", "Nesty")]])
            ], explicitVR: false)
        #expect(!outcome.dataSet.contains(Tag(0x0010, 0x0011)))
        #expect(!outcome.encoded.contains("Nest"))
    }

    @Test func aKnownAttributeSentAsUNIsTreatedAsWhatItIs() throws {
        let name = Array("Hidden^Identity".utf8)
        let outcome = try deidentified(
            TestElement.instance() + [
                .value(.patientName, "UN", name), .value(Tag(0x0010, 0x1001), "UN", name),
                .value(Tag(0x0008, 0x1050), "UN", name),
                .value(Tag(0x0018, 0x9074), "UN", Array("20260102030405".utf8)),
                .value(Tag(0x0008, 0x9999), "UN", name),
            ])
        #expect(!outcome.encoded.contains("Hidden") && !outcome.encoded.contains("20260102"))
        #expect(outcome.dataSet.string(.patientName) == fixedPseudonym.personName)
    }

    @Test func datesNamesAndURLsThatTheTableDoesNotListAreDummiesToo() throws {
        let outcome = try deidentified(
            TestElement.instance() + [
                .text(Tag(0x0014, 0x4076), "DA", "20260131"), .text(Tag(0x0014, 0x407C), "TM", "101112.5"),
                .text(Tag(0x0008, 0x1190), "UR", "http://pacs.hospital/x"),
                .items(Tag(0x0008, 0x1115), [[.text(Tag(0x0018, 0x9701), "DT", "20260131101112")]]),
            ])
        for text in ["20260131", "1011", "hospital"] { #expect(!outcome.encoded.contains(text)) }
        #expect(outcome.dataSet.string(Tag(0x0014, 0x4076)) == "19000101")
        #expect(outcome.dataSet.string(Tag(0x0008, 0x1190)) == "http://deid.invalid/")
    }

    @Test func whatTheProfileDoesNotNameStays() throws {
        let outcome = try deidentified(
            TestElement.instance() + [
                .text(.modality, "CS", "CT"), .text(.imageType, "CS", "ORIGINAL\\PRIMARY\\AXIAL"),
                .text(.bodyPartExamined, "CS", "CHEST"), .text(Tag(0x0008, 0x0070), "LO", "ACME Imaging"),
                .text(Tag(0x0018, 0x0060), "DS", "120"), .text(Tag(0x0028, 0x0030), "DS", "0.7\\0.7"),
                .numbers(Tag(0x0028, 0x0010), [512]), .text(Tag(0x0018, 0x1210), "SH", "B70f"),
                .text(Tag(0x0020, 0x0013), "IS", "17"), .text(Tag(0x0020, 0x0037), "DS", "1\\0\\0\\0\\1\\0"),
            ])
        #expect(outcome.dataSet.string(.modality) == "CT")
        #expect(outcome.dataSet.string(.imageType) == "ORIGINAL\\PRIMARY\\AXIAL")
        #expect(outcome.dataSet.string(.bodyPartExamined) == "CHEST")
        #expect(outcome.dataSet.string(Tag(0x0008, 0x0070)) == "ACME Imaging")
        #expect(outcome.dataSet.string(Tag(0x0018, 0x0060)) == "120")
        #expect(outcome.dataSet.number(Tag(0x0028, 0x0030), at: 1) == 0.7)
        #expect(outcome.dataSet.number(Tag(0x0028, 0x0010)) == 512)
        #expect(outcome.dataSet.string(Tag(0x0018, 0x1210)) == "B70f")
        #expect(outcome.dataSet.string(.instanceNumber) == "17")
        #expect(outcome.dataSet.strings(Tag(0x0020, 0x0037)).count == 6)
    }

    @Test func compoundCodesFollowTheTypeInTheIOD() throws {
        let dates: [TestElement] = [
            .text(.seriesDate, "DA", "20260131"), .text(.acquisitionDate, "DA", "20260131"),
            .text(.contentDate, "DA", "20260131"),
        ]
        let ct = try deidentified(TestElement.instance() + dates)
        #expect(!ct.dataSet.contains(.seriesDate) && !ct.dataSet.contains(.acquisitionDate))
        #expect(ct.dataSet.multiplicity(.contentDate) == 0)
        let pet = try deidentified(TestElement.instance(sopClass: "1.2.840.10008.5.1.4.1.1.128") + dates)
        #expect(pet.dataSet.string(.seriesDate) == "19000101")
        #expect(pet.dataSet.multiplicity(.acquisitionDate) == 0)
        let enhanced = try deidentified(TestElement.instance(sopClass: enhancedCT) + dates)
        #expect(enhanced.dataSet.string(.contentDate) == "19000101")
    }
}
