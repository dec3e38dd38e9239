import Foundation
import NodeTestSupport

/// A DICOM file made for a test, explicit VR little endian: a CR of a chest unless told otherwise.
struct PictureFile {
    private var elements: [UInt32: (vr: String, value: [UInt8])] = [:]
    var transferSyntax = "1.2.840.10008.1.2.1"
    /// (7FE0,0010) as OW; nil leaves it out.
    var pixels: [UInt8]?

    /// Stored values row by row, unsigned, 16 bits allocated.
    init(rows: Int, columns: Int, bits: Int = 12, values: [UInt16]) {
        self[0x0008_0060, "CS"] = "CR"
        self[0x0008_0016, "UI"] = "1.2.840.10008.5.1.4.1.1.1"
        self[0x0018_0015, "CS"] = "CHEST"
        self[0x0018_5101, "CS"] = "PA"
        self[0x0028_0004, "CS"] = "MONOCHROME2"
        set(0x0028_0002, 1)
        set(0x0028_0010, rows)
        set(0x0028_0011, columns)
        set(0x0028_0100, 16)
        set(0x0028_0101, bits)
        set(0x0028_0102, bits - 1)
        set(0x0028_0103, 0)
        pixels = values.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
    }

    /// A dark picture (about 0) with a bright square (about 1) at a place in it. The window is the whole range.
    static func square(
        rows: Int, columns: Int, left: Int, top: Int, size: Int, background: UInt16 = 0, foreground: UInt16 = 4095
    ) -> PictureFile {
        var values = [UInt16](repeating: background, count: rows * columns)
        for row in top..<top + size {
            for column in left..<left + size { values[row * columns + column] = foreground }
        }
        var file = PictureFile(rows: rows, columns: columns, values: values)
        file[0x0028_1050, "DS"] = "2048"
        file[0x0028_1051, "DS"] = "4096"
        return file
    }

    /// A text element; setting nil removes the element.
    subscript(tag: UInt32, vr: String) -> String? {
        get { elements[tag].map { String(decoding: $0.value, as: UTF8.self) } }
        set {
            elements[tag] = newValue.map { text in
                let bytes = Array(text.utf8)
                return (vr, bytes.count % 2 == 0 ? bytes : bytes + [vr == "UI" ? 0 : 0x20])
            }
        }
    }

    /// Sets a US element.
    mutating func set(_ tag: UInt32, _ number: Int) {
        elements[tag] = ("US", [UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: number >> 8)])
    }

    /// The file's bytes.
    var bytes: [UInt8] {
        var body: [UInt8] = []
        for (tag, element) in elements.sorted(by: { $0.key < $1.key }) {
            body += PictureFile.encode(tag, element.vr, element.value)
        }
        if let pixels { body += PictureFile.encode(0x7FE0_0010, "OW", pixels.count % 2 == 0 ? pixels : pixels + [0]) }
        let uid = Array(transferSyntax.utf8)
        let meta = PictureFile.encode(0x0002_0010, "UI", uid.count % 2 == 0 ? uid : uid + [0])
        return [UInt8](repeating: 0, count: 128) + Array("DICM".utf8) + meta + body
    }

    private static func encode(_ tag: UInt32, _ vr: String, _ value: [UInt8]) -> [UInt8] {
        func little(_ number: Int, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        }
        let head = little(Int(tag >> 16), 2) + little(Int(tag & 0xFFFF), 2) + Array(vr.utf8)
        let isLong = ["OB", "OW", "SQ", "UN"].contains(vr)
        return head + (isLong ? [0, 0] + little(value.count, 4) : little(value.count, 2)) + value
    }

    /// Writes the file and returns its path.
    func write(in folder: TemporaryFolder, _ name: String = "picture.dcm") throws -> String {
        let path = folder.path(name)
        try Data(bytes).write(to: URL(filePath: path))
        return path
    }
}
