import DCMTKBridge
import DICOMCore
import Foundation
import Testing

@testable import DeIdentification

private func code(_ value: String, _ scheme: String, _ meaning: String = "A concept") -> [TestElement] {
    [
        .text(.codeValue, "SH", value), .text(.codingSchemeDesignator, "SH", scheme),
        .text(.codeMeaning, "LO", meaning),
    ]
}

/// A content item with a value that can be found again.
private struct ContentItem {
    let row: ContentItemRow

    var elements: [TestElement] {
        [
            .text(.relationshipType, "CS", "CONTAINS"), .text(.valueType, "CS", row.valueType),
            .items(.conceptNameCodeSequence, [code(row.code, row.scheme)]),
        ] + value
    }

    var value: [TestElement] {
        switch row.valueType {
        case "TEXT": [.text(.textValue, "UT", "Chest Zornxaver lateral")]
        case "PNAME": [.text(Tag(0x0040, 0xA123), "PN", "Zornxaver^Otto")]
        case "DATE": [.text(.dateValue, "DA", "20260131")]
        case "TIME": [.text(.timeValue, "TM", "101112.5")]
        case "DATETIME": [.text(.dateTimeValue, "DT", "20260131101112.5")]
        case "UIDREF": [.text(.uidValue, "UI", "1.2.826.0.1.99.1")]
        case "IMAGE", "COMPOSITE", "WAVEFORM": [.items(Tag(0x0008, 0x1199), [reference])]
        case "NUM": [.items(Tag(0x0040, 0xA300), [number("77", unit: "a")])]
        case "CODE": [.items(Tag(0x0040, 0xA168), [code("248152002", "SCT", "Female")])]
        default: [.items(.contentSequence, [[.text(.valueType, "CS", "TEXT"), .text(.textValue, "UT", "Zornxaver")]])]
        }
    }

    private var reference: [TestElement] {
        [
            .text(Tag(0x0008, 0x1150), "UI", "1.2.840.10008.5.1.4.1.1.2"),
            .text(Tag(0x0008, 0x1155), "UI", "1.2.826.0.1.99.2"),
        ]
    }
}

private func number(_ value: String, unit: String) -> [TestElement] {
    [
        .text(.numericValue, "DS", value), .items(.measurementUnitsCodeSequence, [code(unit, "UCUM", unit)]),
        .value(.floatingPointValue, "FD", [0, 0, 0, 0, 0, 0x40, 0x53, 0x40]),
    ]
}

private func report(_ items: [[TestElement]]) -> [TestElement] {
    TestElement.instance(sopClass: "1.2.840.10008.5.1.4.1.1.88.33") + [
        .text(.valueType, "CS", "CONTAINER"), .items(.conceptNameCodeSequence, [code("126000", "DCM")]),
        .items(
            .contentSequence,
            [
                [
                    .text(.relationshipType, "CS", "CONTAINS"), .text(.valueType, "CS", "CONTAINER"),
                    .items(.conceptNameCodeSequence, [code("121070", "DCM", "Findings")]),
                    .items(.contentSequence, items),
                ]
            ]),
    ]
}

/// The items below the only item of the tree, by the code of their concept name.
private func content(_ outcome: Outcome) throws -> Header { try outcome.dataSet.item(.contentSequence, at: 0) }

@Suite struct StructuredContentTests {
    private let structured: ConfidentialityProfile

    init() throws { structured = try profile(.cleanStructuredContent) }

    /// Every row of table E.3.4-1 (and its SRT equivalent) as the table says, with each option that its columns have.
    @Test(
        arguments: [
            nil, .retainUIDs, .retainDeviceIdentity, .retainInstitutionIdentity, .retainPatientCharacteristics,
            .retainFullDates, .retainModifiedDates, .cleanDescriptors,
        ] as [ConfidentialityOption?])
    func everyConceptIsTreatedAsTheTableSays(_ option: ConfidentialityOption?) throws {
        let profile = try ConfidentialityProfile(Set([.cleanStructuredContent] + [option].compactMap { $0 }))
        var named = 0
        for row in StructuredContent2026c.rows {
            let outcome = try deidentified(report([ContentItem(row: row).elements]), profile)
            let tree = try content(outcome)
            let action = option.map { row.options[$0.column] } ?? .none
            if action != .none { named += 1 }
            let isShifted = option == .retainModifiedDates && action == .clean && row.code != "113723"
            if action == .none || action == .clean && !isShifted && option == .retainModifiedDates {
                #expect(tree.itemCount(.contentSequence) == (row.basic == .x ? 0 : 1), "\(row)")
            } else {
                #expect(tree.itemCount(.contentSequence) == 1, "\(row)")
            }
            #expect(!outcome.encoded.contains("Zornxaver") || action == .keep, "\(row)")
            #expect(!outcome.encoded.contains("1.2.826.0.1.99") || action == .keep, "\(row)")
            #expect(!outcome.encoded.contains("20260131") || action == .keep, "\(row)")
            guard tree.itemCount(.contentSequence) == 1 else { continue }
            try check(try tree.item(.contentSequence, at: 0), row, action, isShifted: isShifted)
        }
        #expect(option == nil || named > 0)
    }

    private func check(
        _ item: Header, _ row: ContentItemRow, _ action: OptionActions.Action, isShifted: Bool
    ) throws {
        switch (row.valueType, action) {
        case ("TEXT", .keep): #expect(item.string(.textValue) == "Chest Zornxaver lateral", "\(row)")
        case ("TEXT", .clean): #expect(item.string(.textValue) == "Chest lateral", "\(row)")
        case ("TEXT", .none): #expect(item.string(.textValue) == "REMOVED", "\(row)")
        case ("PNAME", _): #expect(item.string(Tag(0x0040, 0xA123)) == "DEID^REMOVED", "\(row)")
        case ("DATE", _):
            let shifted = fixedOffset.shifted(date: Array("20260131".utf8)).map { String(decoding: $0, as: UTF8.self) }
            let kept = action == .keep ? "20260131" : isShifted ? shifted : "19000101"
            #expect(item.string(.dateValue) == kept, "\(row)")
        case ("TIME", _):
            #expect(item.string(.timeValue) == (action == .keep || isShifted ? "101112.5" : "000000"), "\(row)")
        case ("DATETIME", .none): #expect(item.string(.dateTimeValue) == "19000101000000", "\(row)")
        case ("UIDREF", _):
            let uid = try #require(item.string(.uidValue))
            #expect(action == .keep ? uid == "1.2.826.0.1.99.1" : uid.hasPrefix("2.25."), "\(row)")
        case ("IMAGE", _), ("COMPOSITE", _), ("WAVEFORM", _):
            let reference = try item.item(Tag(0x0008, 0x1199), at: 0)
            let uid = try #require(reference.string(Tag(0x0008, 0x1155)))
            #expect(action == .keep ? uid == "1.2.826.0.1.99.2" : uid.hasPrefix("2.25."), "\(row)")
            #expect(reference.string(Tag(0x0008, 0x1150)) == "1.2.840.10008.5.1.4.1.1.2")
        case ("NUM", .keep):
            let value = try item.item(Tag(0x0040, 0xA300), at: 0)
            #expect(value.string(.numericValue) == "77" && !value.contains(.floatingPointValue))
        case ("CODE", .keep): #expect(try item.item(Tag(0x0040, 0xA168), at: 0).string(.codeValue) == "248152002")
        default: break
        }
    }

    @Test func aConceptIsKnownByItsRetiredCodeToo() throws {
        let srt = StructuredContent2026c.rows.filter { $0.scheme == "SRT" }
        #expect(srt.count == StructuredContent2026c.rows.filter { $0.scheme == "SCT" }.count && srt.count == 11)
        // (363698007, SCT, "Finding Site") is G-C0E3 of SRT, SNM3 and 99SDM; D, so a dummy and not a word of it.
        for scheme in ["SRT", "SNM3", "99SDM"] {
            let item: [TestElement] = [
                .text(.valueType, "CS", "TEXT"), .items(.conceptNameCodeSequence, [code("G-C0E3", scheme)]),
                .text(.textValue, "UT", "Chest"),
            ]
            let kept = try content(try deidentified(report([item]), structured)).item(.contentSequence, at: 0)
            #expect(kept.string(.textValue) == "REMOVED")
        }
    }

    @Test func whatTheTableDoesNotNameStaysAsFarAsItIdentifiesNobody() throws {
        func item(_ type: String, _ value: TestElement...) -> [TestElement] {
            [
                .text(.relationshipType, "CS", "CONTAINS"), .text(.valueType, "CS", type),
                .items(.conceptNameCodeSequence, [code("99999", "99PRIVATE", "Something")]),
            ] + value
        }
        let outcome = try deidentified(
            report([
                item("TEXT", .text(.textValue, "UT", "no pneumothorax, Dr. Zornxaver")),
                item("NUM", .items(Tag(0x0040, 0xA300), [number("95", unit: "mm")])),
                item("CODE", .items(Tag(0x0040, 0xA168), [code("39607008", "SCT", "Lung")])),
                item("CODE", .items(Tag(0x0040, 0xA168), [code("1", "99X", "Lung of Sauerbruch")])),
                item("UIDREF", .text(.uidValue, "UI", "1.2.826.0.1.99.1")),
                item("DATE", .text(.dateValue, "DA", "20260131")),
                item("SCOORD", .value(Tag(0x0070, 0x0022), "FL", [0, 0, 128, 63, 0, 0, 0, 64])),
                [.text(.relationshipType, "CS", "INFERRED FROM"), .value(Tag(0x0040, 0xDB73), "UL", [1, 0, 0, 0])],
            ]), structured)
        let tree = try content(outcome)
        #expect(tree.itemCount(.contentSequence) == 7, "a reference by position goes")
        #expect(try tree.item(.contentSequence, at: 0).string(.textValue) == "no pneumothorax")
        let value = try tree.item(.contentSequence, at: 1).item(Tag(0x0040, 0xA300), at: 0)
        #expect(value.string(.numericValue) == "95" && value.contains(.floatingPointValue), "no age")
        #expect(try tree.item(.contentSequence, at: 2).item(Tag(0x0040, 0xA168), at: 0).string(.codeMeaning) == "Lung")
        #expect(try tree.item(.contentSequence, at: 5).string(.dateValue) == "19000101")
        #expect(try tree.item(.contentSequence, at: 6).bytes(Tag(0x0070, 0x0022))?.count == 8)
        for text in ["Zornxaver", "Sauerbruch", "1.2.826.0.1.99.1"] { #expect(!outcome.encoded.contains(text)) }
    }

    @Test(arguments: [
        ("89", "a", "89"), ("91", "a", "90"), ("1081", "mo", "1080"), ("1079", "mo", "1079"), ("40000", "d", "32872"),
        ("5", "{unknown}", ""), ("old", "a", ""),
    ])
    func anAgeInAReportIsCapped(_ value: String, _ unit: String, _ kept: String) throws {
        let item: [TestElement] = [
            .text(.valueType, "CS", "NUM"), .items(.conceptNameCodeSequence, [code("121033", "DCM", "Subject Age")]),
            .items(Tag(0x0040, 0xA300), [number(value, unit: unit)]),
        ]
        let outcome = try deidentified(
            report([item]), try profile(.cleanStructuredContent, .retainPatientCharacteristics))
        let measured = try content(outcome).item(.contentSequence, Tag(0x0040, 0xA300))
        #expect(measured.string(.numericValue) == kept && !measured.contains(.floatingPointValue))
    }

    @Test func withoutTheOptionTheContentIsOneDummy() throws {
        let outcome = try deidentified(
            report([[.text(.valueType, "CS", "TEXT"), .text(.textValue, "UT", "Chest")]]), .basic)
        #expect(outcome.dataSet.itemCount(.contentSequence) == 1)
        #expect(try outcome.dataSet.item(.contentSequence, at: 0).string(.textValue) == "REMOVED")
    }

    @Test func acquisitionContextAndAnnotationsAreCleanedByTheSameRules() throws {
        let item = ContentItem(
            row: try #require(StructuredContent2026c.row(code: "109056", scheme: "DCM", valueType: "TEXT")))
        let elements =
            TestElement.instance() + [
                .items(Tag(0x0040, 0x0555), [item.elements]),
                .items(Tag(0x0040, 0xB020), [[.text(.unformattedTextValue, "ST", "Lead chest Zornxaver")]]),
            ]
        let outcome = try deidentified(elements, try profile(.cleanStructuredContent, .cleanDescriptors))
        #expect(try outcome.dataSet.item(Tag(0x0040, 0x0555)).string(.textValue) == "Chest lateral")
        #expect(try outcome.dataSet.item(Tag(0x0040, 0xB020)).string(.unformattedTextValue) == "chest")
        #expect(try deidentified(elements, structured).dataSet.itemCount(Tag(0x0040, 0x0555)) == 0, "X, all items gone")
    }

    /// Reports of other makers, where this machine has them: pydicom's own test files, and the public files.
    @Test(.enabled(if: !RealReports.paths.isEmpty))
    func realReportsKeepTheirTreeAndNothingOfTheirIdentity() throws {
        try startDCMTK()
        var items = 0
        for path in RealReports.paths {
            guard let file = TakenApart(path: path) else { continue }
            let strings = try identityStrings(
                of: try DataSet(parsing: file.header, transferSyntax: file.transferSyntax))
            let outcome = try deidentified(file.header, structured, transferSyntax: file.transferSyntax)
            let name = URL(fileURLWithPath: path).lastPathComponent
            for string in strings where outcome.encoded.contains(bytes: string) {
                Issue.record("\(name) still holds \(String(decoding: string, as: UTF8.self))")
            }
            items += outcome.dataSet.itemCount(.contentSequence)
        }
        #expect(items > 5)
    }
}

/// Structured reports that a machine may have.
private enum RealReports {
    static let paths: [String] = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let libraries = root.appending(path: ".deps/python/lib")
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: libraries.path)) ?? []
        let folders = versions.map { "\(libraries.path)/\($0)/site-packages/pydicom/data/test_files" }
        let own = folders.flatMap { folder in ["test-SR.dcm", "reportsi.dcm"].map { "\(folder)/\($0)" } }
        let found = (own + PublicFiles.paths.filter { $0.contains("SR") || $0.contains("report") }).filter {
            FileManager.default.fileExists(atPath: $0)
        }
        if found.isEmpty { print("skipped: no structured reports (pydicom in .deps, shared/data/dicom)") }
        return found
    }()
}
