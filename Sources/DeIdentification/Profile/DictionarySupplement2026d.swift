import DCMTKBridge
import DICOMCore

/// The attributes of table E.1-1 (PS3.15 2026d) that the dictionary of DCMTK 3.6.7 lacks.
///
/// In Implicit VR a sequence whose tag the dictionary does not know is read as bytes, and what is nested in it is seen
/// by no
/// rule: so they are added at start, and what is still unknown after that is removed.
package enum DictionarySupplement2026d {
    /// For `DCMTKRuntime.initialize(adding:)`, once in a process and before the first thread that uses DCMTK.
    package static let entries: [DCMTKRuntime.DictionaryEntry] = BasicProfile2026d.rows.compactMap { row in
        guard missing.contains(row.tag) else { return nil }
        return DCMTKRuntime.DictionaryEntry(tag: Tag(row.tag), vr: row.vr, keyword: row.keyword)
    }

    static let missing: Set<UInt32> = [
        0x0008_1301, 0x0008_1302, 0x0008_1303, 0x0008_1304, 0x0010_0011, 0x0010_0012, 0x0010_0013, 0x0010_0014,
        0x0010_0015,
        0x0010_0016, 0x0010_0041, 0x0010_0042, 0x0010_0043, 0x0010_0044, 0x0010_0045, 0x0010_0046, 0x0010_0047,
        0x0010_2161,
        0x0010_2162, 0x0012_0022, 0x0012_0023, 0x0012_0032, 0x0012_0041, 0x0012_0043, 0x0012_0055, 0x0012_0073,
        0x0018_1204,
        0x0018_1205, 0x003A_0329, 0x003A_032B, 0x0040_A034, 0x0040_A035, 0x0040_B034, 0x0040_B036, 0x0040_B03B,
        0x0040_B03F,
        0x0040_E012, 0x3002_0121, 0x3002_0123, 0x3004_007F, 0x3006_002D, 0x3006_002E, 0x3006_004D, 0x3006_004E,
        0x300A_0054,
    ]
}
