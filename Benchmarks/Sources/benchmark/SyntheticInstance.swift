import Foundation

/// DICOM files made by our own code, explicit VR little endian: nothing of a patient's is in a benchmark.
struct SyntheticInstance {
    var modality = "CT"
    var sopClass = "1.2.840.10008.5.1.4.1.1.2"
    var rows = 512
    var columns = 512
    var bits = 12
    var study = 1
    var number = 1
    var extra: [(UInt32, String, String)] = []

    private static let root = "2.25.1718281828"

    /// A whole Part 10 file.
    func file() -> Data {
        let instance = "\(Self.root).\(study).2.\(number)"
        var meta = Data()
        Self.append(0x0002_0002, "UI", sopClass, to: &meta)
        Self.append(0x0002_0003, "UI", instance, to: &meta)
        Self.append(0x0002_0010, "UI", "1.2.840.10008.1.2.1", to: &meta)
        Self.append(0x0002_0012, "UI", Self.root, to: &meta)
        var bytes = Data(count: 128) + Data("DICM".utf8)
        bytes += [2, 0, 0, 0, 0x55, 0x4C, 4, 0]
        withUnsafeBytes(of: UInt32(meta.count).littleEndian) { bytes += $0 }
        bytes += meta
        for (tag, vr, value) in elements(instance).sorted(by: { $0.0 < $1.0 }) {
            Self.append(tag, vr, value, to: &bytes)
        }
        appendPixels(to: &bytes)
        return bytes
    }

    private func elements(_ instance: String) -> [(UInt32, String, String)] {
        [
            (0x0008_0005, "CS", "ISO_IR 100"), (0x0008_0008, "CS", "ORIGINAL\\PRIMARY\\AXIAL"),
            (0x0008_0016, "UI", sopClass), (0x0008_0018, "UI", instance), (0x0008_0020, "DA", "20260102"),
            (0x0008_0021, "DA", "20260102"), (0x0008_0022, "DA", "20260102"), (0x0008_0023, "DA", "20260102"),
            (0x0008_0030, "TM", "101112"), (0x0008_0031, "TM", "101113"), (0x0008_0032, "TM", "101114"),
            (0x0008_0033, "TM", "101115"), (0x0008_0050, "SH", "ACC\(study)"), (0x0008_0060, "CS", modality),
            (0x0008_0070, "LO", "Synthetic"), (0x0008_0080, "LO", "Nowhere General"),
            (0x0008_0081, "ST", "1 Road, Town"),
            (0x0008_0090, "PN", "Refer^Ann"), (0x0008_1010, "SH", "ROOM1"), (0x0008_1030, "LO", "Chest study"),
            (0x0008_103E, "LO", "Series one"), (0x0008_1040, "LO", "Radiology"), (0x0008_1050, "PN", "Perform^Bob"),
            (0x0008_1070, "PN", "Operate^Cy"), (0x0008_1090, "LO", "Model 1"),
            (0x0010_0010, "PN", "Bench^Mark^\(study)"),
            (0x0010_0020, "LO", "BM\(study)"), (0x0010_0030, "DA", "19500101"), (0x0010_0040, "CS", "O"),
            (0x0010_1010, "AS", "076Y"), (0x0010_1030, "DS", "70"), (0x0010_4000, "LT", "a comment"),
            (0x0018_0015, "CS", "CHEST"), (0x0018_0050, "DS", "1.25"), (0x0018_0060, "DS", "120"),
            (0x0018_1000, "LO", "SN1234"), (0x0018_1020, "LO", "v1"), (0x0018_1030, "LO", "Protocol"),
            (0x0018_1150, "IS", "500"), (0x0018_1151, "IS", "200"), (0x0018_1152, "IS", "100"),
            (0x0018_5100, "CS", "HFS"), (0x0020_000D, "UI", "\(Self.root).\(study).0"),
            (0x0020_000E, "UI", "\(Self.root).\(study).1"), (0x0020_0010, "SH", "S\(study)"), (0x0020_0011, "IS", "1"),
            (0x0020_0012, "IS", "1"), (0x0020_0013, "IS", "\(number)"),
            (0x0020_0032, "DS", "-250\\-250\\\(number)"), (0x0020_0037, "DS", "1\\0\\0\\0\\1\\0"),
            (0x0020_0052, "UI", "\(Self.root).\(study).3"), (0x0020_1041, "DS", "\(number)"),
            (0x0028_0002, "US", "1"), (0x0028_0004, "CS", "MONOCHROME2"), (0x0028_0010, "US", "\(rows)"),
            (0x0028_0011, "US", "\(columns)"), (0x0028_0030, "DS", "0.7\\0.7"), (0x0028_0100, "US", "16"),
            (0x0028_0101, "US", "\(bits)"), (0x0028_0102, "US", "\(bits - 1)"), (0x0028_0103, "US", "0"),
            (0x0028_1050, "DS", "\(1 << (bits - 1))"), (0x0028_1051, "DS", "\(1 << bits)"),
            (0x0028_1052, "DS", "0"), (0x0028_1053, "DS", "1"),
        ] + extra
    }

    /// A soft disc on a gradient, different in each instance.
    private func appendPixels(to bytes: inout Data) {
        let length = rows * columns * 2
        bytes += [0xE0, 0x7F, 0x10, 0x00, 0x4F, 0x57, 0, 0]
        withUnsafeBytes(of: UInt32(length).littleEndian) { bytes += $0 }
        var samples = [UInt16](repeating: 0, count: rows * columns)
        let (height, width, top) = (Double(rows), Double(columns), Double(1 << bits) - 1)
        for row in 0..<rows {
            for column in 0..<columns {
                let x = Double(column) / width - 0.5
                let y = Double(row) / height - 0.5
                let disc = max(0, 1 - (x * x + y * y) * 6)
                let noise = Double((row &* 31 &+ column &* 17 &+ number) & 63) / 64
                samples[row * columns + column] = UInt16(min(top, max(0, (disc * 0.8 + noise * 0.1) * top)))
            }
        }
        samples.withUnsafeBytes { bytes += $0 }
    }

    private static func append(_ tag: UInt32, _ vr: String, _ value: String, to bytes: inout Data) {
        for half in [UInt16(tag >> 16), UInt16(tag & 0xFFFF)] { withUnsafeBytes(of: half.littleEndian) { bytes += $0 } }
        bytes += Data(vr.utf8)
        var content = Data(value.utf8)
        if vr == "US" {
            content = withUnsafeBytes(of: (UInt16(value) ?? 0).littleEndian) { Data($0) }
        } else if content.count % 2 == 1 {
            content.append(vr == "UI" ? 0 : 0x20)
        }
        withUnsafeBytes(of: UInt16(content.count).littleEndian) { bytes += $0 }
        bytes += content
    }
}
