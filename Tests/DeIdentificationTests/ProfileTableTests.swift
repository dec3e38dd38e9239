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

    @Test func theGeneratedSafePrivateAttributesAreTheCommittedTable() throws {
        let table = try table("ps315_e3_10_1_2026c.csv").map { line in
            [line["tag"]?.uppercased() ?? "", line["private_creator"] ?? "", line["vr"] ?? ""]
        }
        #expect(table.count == 479)
        let generated = SafePrivate2026c.rows.map { row in
            let tag = Tag(row.group, UInt16(row.element)).description
            return [tag.replacing(",00", with: ",XX"), row.creator, row.vr]
        }
        #expect(table == generated)
    }

    @Test func theGeneratedContentItemsAreTheCommittedTable() throws {
        let lines = try table("ps315_e3_4_1_2026c.csv")
        #expect(lines.count == 214)
        let srt = try table("ps316_srt_equivalents.csv")
        let expected = lines.flatMap { line -> [[String]] in
            let scheme = line["scheme"]?.split(separator: " ").first.map(String.init) ?? ""
            let rest = [line["value_type"] ?? "", line["basic_prof"] ?? ""] + columns.map { line[$0.0] ?? "" }
            let own = [[line["code_value"] ?? "", scheme] + rest]
            guard scheme == "SCT" else { return own }
            let retired = srt.first { $0["sct"] == line["code_value"] }?["srt"] ?? "no equivalent"
            return own + [[retired, "SRT"] + rest]
        }
        let generated = StructuredContent2026c.rows.map {
            [$0.code, $0.scheme, $0.valueType, $0.basic.rawValue] + letters($0.options)
        }
        #expect(expected == generated)
    }

    @Test func theGeneratedMethodCodesAreTheCommittedTable() throws {
        let table = try table("cid_7050_2026d.csv").map { [$0["scheme"], $0["code"], $0["meaning"]] }
        #expect(table == DeIdentificationMethods2026d.codes.map { ["DCM", $0.value, $0.meaning] })
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
