import DCMTKBridge
import DICOMCore
import Foundation
import Testing

@testable import DeIdentification

/// The committed tables beside the generated Swift files; found from this file's own place, so that nothing makes the
/// comparison skip.
private func table(_ name: String) throws -> [[String: String]] {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    let file = root.appending(path: "Sources/DeIdentification/Profile/Tables/\(name)")
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(fields)
    let names = try #require(lines.first)
    return lines.dropFirst().map { Dictionary(zip(names, $0), uniquingKeysWith: { first, _ in first }) }
}

/// The fields of a CSV line (RFC 4180, no line breaks inside).
private func fields(_ line: Substring) -> [String] {
    var fields = [""]
    var quoted = false
    for character in line {
        switch character {
        case "\"": quoted.toggle()
        case "," where !quoted: fields.append("")
        default: fields[fields.count - 1].append(character)
        }
    }
    return fields
}

private let columns: [(String, OptionActions.Column)] = [
    ("rtn_safe_priv", .retainSafePrivate), ("rtn_uids", .retainUIDs), ("rtn_dev_id", .retainDeviceIdentity),
    ("rtn_inst_id", .retainInstitutionIdentity), ("rtn_pat_chars", .retainPatientCharacteristics),
    ("rtn_long_full_dates", .retainFullDates), ("rtn_long_modif_dates", .retainModifiedDates),
    ("clean_desc", .cleanDescriptors), ("clean_struct_cont", .cleanStructuredContent), ("clean_graph", .cleanGraphics),
]

private func letters(_ options: OptionActions) -> [String] {
    columns.map { column in
        switch options[column.1] {
        case .none: ""
        case .keep: "K"
        case .clean: "C"
        }
    }
}

@Suite struct ProfileTableTests {
    @Test func theGeneratedProfileIsTheCommittedTableRowByRow() throws {
        let table = try table("ps315_e1_1_2026d.csv")
        #expect(table.count == 657)
        var generated: [String: (row: ProfileRow, seen: Bool)] = [:]
        for row in BasicProfile2026d.rows {
            #expect(generated.updateValue((row, false), forKey: Tag(row.tag).description) == nil, "twice in the file")
        }
        var patterns = 0
        for line in table {
            let tag = try #require(line["tag"])
            let options = columns.map { line[$0.0] ?? "?" }
            guard let row = generated[tag]?.row else {
                let many = try #require(
                    pattern(tag), "\(tag) is not in the generated file: run Scripts/generate-profile.py")
                #expect(many.basic.rawValue == line["basic_prof"])
                #expect(letters(many.options) == options)
                patterns += 1
                continue
            }
            #expect(row.vr == line["vr"], "\(tag)")
            #expect(row.keyword == line["keyword"], "\(tag)")
            #expect(row.basic.rawValue == line["basic_prof"], "\(tag)")
            #expect(letters(row.options) == options, "\(tag)")
            generated[tag]?.seen = true
        }
        #expect(generated.values.filter { !$0.seen }.map { $0.row.keyword } == [], "in the file and not in the table")
        #expect(patterns == BasicProfile2026d.patterns.count)
    }

    private func pattern(_ tag: String) -> PatternRow? {
        let tags: PatternRow.Tags
        switch tag {
        case "(gggg,eeee) where gggg is odd": tags = .privateGroups
        case "(50xx,xxxx)": tags = .curves
        case "(60xx,3000)": tags = .overlays(element: 0x3000)
        case "(60xx,4000)": tags = .overlays(element: 0x4000)
        default: return nil
        }
        return BasicProfile2026d.patterns.first { $0.tags == tags }
    }

    @Test func theGeneratedRegistryOfUIDsIsTheCommittedTable() throws {
        let table = Set(try table("ps36_a_uids.csv").compactMap { $0["uid"] })
        #expect(table == Set(RegisteredUIDs.suffixes.map { "1.2.840.10008.\($0)" }))
    }

    @Test func everyRowWithAPatternIsRemovedWhole() {
        for pattern in BasicProfile2026d.patterns {
            switch pattern.tags {
            case .curves: #expect(ElementRules.isRemovedWhole(Tag(0x5002, 0x3000)))
            case .overlays(let element): #expect(ElementRules.isRemovedWhole(Tag(0x601E, element)))
            case .privateGroups: #expect(ElementRules.isRemovedWhole(Tag(0x0029, 0x1010)))
            }
            #expect(pattern.basic == .x)
        }
    }

    @Test func theSupplementIsWhatTheInstalledDictionaryLacks() throws {
        try startDCMTK()
        #expect(DictionarySupplement2026d.entries.count == DictionarySupplement2026d.missing.count)
        for row in BasicProfile2026d.rows { #expect(DCMTKRuntime.dictionaryKnows(Tag(row.tag)), "\(row.keyword)") }
    }
}
