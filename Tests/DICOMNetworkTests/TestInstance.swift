import DICOMCore
import Foundation
import NodeTestSupport

/// A small image made here: Explicit VR Little Endian, with as many bytes of pixel data as a test wants.
struct TestInstance {
    let sopClass: String
    let sopInstance: String
    let dataSet: [UInt8]

    static let ctImageStorage = "1.2.840.10008.5.1.4.1.1.2"
    static let greyscalePresentationState = "1.2.840.10008.5.1.4.1.1.11.1"
    static let comprehensive3DSR = "1.2.840.10008.5.1.4.1.1.88.34"

    init(number: Int = 1, sopClass: String = ctImageStorage, rows: UInt16 = 64, columns: UInt16 = 64) {
        self.sopClass = sopClass
        self.sopInstance = "2.25.4711.\(number)"
        var bytes: [UInt8] = []
        func add(_ tag: UInt32, _ vr: String, _ value: [UInt8]) {
            bytes += [UInt8(tag >> 16 & 0xFF), UInt8(tag >> 24), UInt8(tag & 0xFF), UInt8(tag >> 8 & 0xFF)]
            bytes += Array(vr.utf8)
            let length = UInt32(value.count)
            let four = (0..<4).map { UInt8(length >> (8 * $0) & 0xFF) }
            bytes += vr == "OW" ? [0, 0] + four : Array(four.prefix(2))
            bytes += value
        }
        func text(_ value: String, padding: UInt8 = 0) -> [UInt8] {
            Array(value.utf8) + (value.utf8.count % 2 == 0 ? [] : [padding])
        }
        func short(_ value: UInt16) -> [UInt8] { [UInt8(value & 0xFF), UInt8(value >> 8)] }
        add(0x0008_0016, "UI", text(sopClass))
        add(0x0008_0018, "UI", text(sopInstance))
        add(0x0010_0020, "LO", text("SYNTHETIC", padding: 0x20))
        add(0x0020_000D, "UI", text("2.25.4711"))
        add(0x0020_000E, "UI", text("2.25.4712"))
        add(0x0028_0002, "US", short(1))
        add(0x0028_0004, "CS", text("MONOCHROME2", padding: 0x20))
        add(0x0028_0010, "US", short(rows))
        add(0x0028_0011, "US", short(columns))
        for (element, value): (UInt32, UInt16) in [(0x0100, 16), (0x0101, 16), (0x0102, 15), (0x0103, 0)] {
            add(0x0028_0000 | element, "US", short(value))
        }
        add(0x7FE0_0010, "OW", TestInstance.pixels(2 * Int(rows) * Int(columns), number))
        self.dataSet = bytes
    }

    /// Differs from place to place and from instance to instance. Made by doubling: a closure for each byte would keep the
    /// machine busy in a debug build.
    private static func pixels(_ count: Int, _ number: Int) -> [UInt8] {
        var bytes = (0..<251).map { UInt8(truncatingIfNeeded: $0 &* 31 + number) }
        while bytes.count < count { bytes += bytes }
        return Array(bytes.prefix(count))
    }

    /// With preamble and the file meta information that is needed.
    func write(to path: String) throws {
        var meta: [UInt8] = []
        for (element, value): (UInt8, String) in [
            (0x02, sopClass), (0x03, sopInstance), (0x10, TransferSyntax.explicitVRLittleEndian.uid),
            (0x12, "2.25.1"),
        ] {
            let padded = Array(value.utf8) + (value.utf8.count % 2 == 0 ? [] : [0])
            meta += [2, 0, element, 0] + Array("UI".utf8) + [UInt8(padded.count), 0] + padded
        }
        let length = UInt32(meta.count)
        let group = [2, 0, 0, 0] + Array("UL".utf8) + [4, 0] + (0..<4).map { UInt8(length >> (8 * $0) & 0xFF) }
        let file = [UInt8](repeating: 0, count: 128) + Array("DICM".utf8) + group + meta + dataSet
        try Data(file).write(to: URL(filePath: path))
    }

    /// Files of several instances, which differ in number.
    static func files(
        _ numbers: some Sequence<Int>, in folder: TemporaryFolder, rows: UInt16 = 64
    ) throws -> [String] {
        try numbers.map { number in
            let path = folder.path("\(number).dcm")
            try TestInstance(number: number, rows: rows, columns: rows).write(to: path)
            return path
        }
    }
}
