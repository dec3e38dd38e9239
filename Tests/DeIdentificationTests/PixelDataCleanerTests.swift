import DCMTKBridge
import Testing

@testable import DICOMCore
@testable import DeIdentification

@Suite struct PixelDataCleanerTests {
    private static let text = Array("Sauerbruch 1937".utf8)

    /// What is written of `value`, fed in pieces of any size.
    private func cleaned(
        _ value: [UInt8], length: Int?, _ syntax: TransferSyntax, pieces: Int = 7, rows: Int = 2, columns: Int = 2,
        allocated: Int = 16, stored: Int = 12, signed: Bool = false, frames: Int = 1
    ) throws -> [UInt8] {
        try startDCMTK()
        let header = try DataSet()
        for (element, number) in [
            (0x0002, 1), (0x0010, rows), (0x0011, columns), (0x0100, allocated), (0x0101, stored), (0x0102, stored - 1),
            (0x0103, signed ? 1 : 0),
        ] { try header.set(Tag(0x0028, UInt16(element)), numbers: [Double(number)]) }
        try header.set(Tag(0x0028, 0x0004), "MONOCHROME2")
        try header.set(Tag(0x0028, 0x0008), "\(frames)")
        let element = PixelDataElement(
            vr: .ow, length: length.map { UInt32($0) }, encodedHeader: [UInt8](repeating: 0, count: 12), offset: 0)
        let cleaner = try PixelDataCleaner(element, of: header, transferSyntax: syntax)
        var written: [UInt8] = []
        var rest = value[...]
        while !rest.isEmpty {
            try Array(rest.prefix(pieces)).withUnsafeBytes { try cleaner.clean($0) { written += $0 } }
            rest = rest.dropFirst(pieces)
        }
        try cleaner.finish { written += $0 }
        if length != nil {
            let said = cleaner.encodedHeader.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            if !syntax.isBigEndian { #expect(said == written.count) }
        }
        return written
    }

    // MARK: Native

    @Test(arguments: [1, 3, 64])
    func bitsThatHoldNoPixelAreCleared(pieces: Int) throws {
        let little = try cleaned(
            [0x34, 0xF2, 0xFF, 0x0F, 0x00, 0x80, 0x01, 0x10], length: 8, .explicitVRLittleEndian, pieces: pieces)
        #expect(little == [0x34, 0x02, 0xFF, 0x0F, 0x00, 0x00, 0x01, 0x00])
        let big = try cleaned(
            [0xF2, 0x34, 0x0F, 0xFF, 0x80, 0x00, 0x10, 0x01], length: 8, .explicitVRBigEndian, pieces: pieces)
        #expect(big == [0x02, 0x34, 0x0F, 0xFF, 0x00, 0x00, 0x00, 0x01])
    }

    @Test func theSignIsKeptAboveTheHighBit() throws {
        let bytes: [UInt8] = [0xFF, 0xFF, 0x00, 0x08, 0xFF, 0x77, 0x01, 0xF0]
        let written = try cleaned(bytes, length: 8, .explicitVRLittleEndian, signed: true)
        // -1 stays; 0x800 is negative; 0x7FF is not; 0x001 had text above it.
        #expect(written == [0xFF, 0xFF, 0x00, 0xF8, 0xFF, 0x07, 0x01, 0x00])
    }

    @Test func whatIsPassedOnUnchangedHadNothingToChange() throws {
        // Byte by byte everything is cleaned; in one piece, only what looks as if it had to be.
        for signed in [false, true] {
            for syntax in [TransferSyntax.explicitVRLittleEndian, .explicitVRBigEndian] {
                for stored in [1, 7, 12, 15] {
                    var clean = try cleaned(
                        (0..<22).map { _ in .random(in: 0...255) }, length: 22, syntax, pieces: 1, rows: 1, columns: 11,
                        stored: stored, signed: signed)
                    clean[.random(in: 0..<22)] ^= 1 << UInt8.random(in: 0..<8)
                    let pieces = try [1, 22].map {
                        try cleaned(
                            clean, length: 22, syntax, pieces: $0, rows: 1, columns: 11, stored: stored, signed: signed)
                    }
                    #expect(pieces[0] == pieces[1], "\(signed) \(syntax) \(stored) \(clean)")
                }
            }
        }
    }

    @Test func bytesBehindTheLastPixelAreDropped() throws {
        let pixels: [UInt8] = [1, 0, 2, 0, 3, 0, 4, 0]
        #expect(try cleaned(pixels + Self.text, length: 23, .explicitVRLittleEndian) == pixels)
        #expect(
            try cleaned(
                [1, 2, 3] + Self.text, length: 18, .explicitVRLittleEndian, columns: 1, allocated: 8, stored: 8)
                == [1, 2])
    }

    @Test(arguments: [1, 64])
    func inBigEndianWordsThePaddingStandsBeforeTheLastPixel(pieces: Int) throws {
        // Three bytes in two words: 2 1, and 3 behind its padding, which holds something.
        let written = try cleaned(
            [2, 1, 0x53, 3] + Self.text, length: 19, .explicitVRBigEndian, pieces: pieces, rows: 1, columns: 3,
            allocated: 8, stored: 8)
        #expect(written == [2, 1, 0, 3])
    }

    @Test func pixelDataWithoutADescriptionOfItsExtentAreRefused() throws {
        try startDCMTK()
        let header = try DataSet()
        try header.set(Tag(0x0028, 0x0010), numbers: [2])
        let element = PixelDataElement(vr: .ow, length: 8, encodedHeader: [], offset: 0)
        #expect(throws: DeIdentificationError.pixelDataNotUnderstood) {
            _ = try PixelDataCleaner(element, of: header, transferSyntax: .explicitVRLittleEndian).encodedHeader
        }
    }

    // MARK: Encapsulated

    private static func items(_ fragments: [[UInt8]], table: [UInt8] = []) -> [UInt8] {
        func item(_ tag: UInt8, _ bytes: [UInt8]) -> [UInt8] {
            [0xFE, 0xFF, tag, 0xE0, UInt8(bytes.count & 0xFF), UInt8(bytes.count >> 8), 0, 0] + bytes
        }
        return ([table] + fragments).flatMap { item(0x00, $0) } + item(0xDD, [])
    }

    private static func segment(_ code: UInt8, _ content: [UInt8]) -> [UInt8] {
        [0xFF, code, UInt8((content.count + 2) >> 8), UInt8((content.count + 2) & 0xFF)] + content
    }

    private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    @Test(arguments: [1, 5, 4096])
    func commentsAndApplicationDataOfJPEGAreZeroed(pieces: Int) throws {
        let scan = Self.segment(0xDA, [1, 1, 0, 0, 63, 0]) + [0x12, 0xFF, 0x00, 0x34, 0xFF, 0xD0, 0x56, 0xFF, 0xD9]
        let jfif = Self.segment(0xE0, Array("JFIF\0".utf8) + [1, 1, 0, 0, 1, 0, 1, 0, 0])
        let adobe = Self.segment(0xEE, Array("Adobe".utf8) + [0, 100, 0, 0, 0, 0, 1])
        func frame(_ hidden: [UInt8]) -> [UInt8] {
            [0xFF, 0xD8] + jfif + Self.segment(0xE1, hidden) + adobe + Self.segment(0xFE, hidden)
                + Self.segment(0xEE, hidden) + scan + hidden
        }
        let text = Self.text
        // A frame may be cut anywhere into fragments.
        let whole = frame(text)
        let written = try cleaned(
            Self.items([Array(whole.prefix(31)), Array(whole.dropFirst(31)) + [0]]), length: nil, .jpegBaseline,
            pieces: pieces)
        let clean = frame(Self.zeros(text.count))
        #expect(written == Self.items([Array(clean.prefix(31)), Array(clean.dropFirst(31)) + [0]]))
    }

    @Test func adobesTransformIsKeptAndNothingElseOfItsSegment() throws {
        let told = Self.segment(0xEE, Array("Adobe".utf8) + Array("SAUERB".utf8) + [2])
        let frame = [0xFF, 0xD8] + told + [0xFF, 0xD9]
        let written = try cleaned(Self.items([frame]), length: nil, .jpegBaseline)
        let clean = Self.segment(0xEE, Array("Adobe".utf8) + [0, 100, 0, 0, 0, 0, 2])
        #expect(written == Self.items([[0xFF, 0xD8] + clean + [0xFF, 0xD9]]))
    }

    @Test func commentsOfJPEG2000AreZeroed() throws {
        func code(_ hidden: [UInt8]) -> [UInt8] {
            let packets: [UInt8] = [0x11, 0xFF, 0x64, 0x22]
            let header = Self.segment(0x64, hidden) + [0xFF, 0x93]
            let length = 12 + header.count + packets.count
            return [0xFF, 0x4F] + Self.segment(0x51, [1, 2, 3, 4]) + Self.segment(0x64, hidden)
                + Self.segment(0x90, [0, 0, 0, 0, 0, UInt8(length), 0, 1]) + header + packets + [0xFF, 0xD9] + hidden
        }
        let text = Self.text + [0]
        let written = try cleaned(Self.items([code(text)]), length: nil, .jpeg2000)
        #expect(written == Self.items([code(Self.zeros(text.count))]))
    }

    @Test func whatStandsBehindTheLastPixelOfAnRLESegmentIsZeroed() throws {
        func frame(_ hidden: [UInt8]) -> [UInt8] {
            var header: [UInt8] = [1, 0, 0, 0, 64, 0, 0, 0] + hidden
            header += Self.zeros(64 - header.count)
            // Two literal pixels, then one repeated; a literal run may not carry more than there are pixels.
            return header + [0x01, 7, 8, 0xFF, 9] + [0x05] + hidden
        }
        let text = Self.text + [0]
        let written = try cleaned(
            Self.items([frame(text)]), length: nil, .rleLossless, allocated: 8, stored: 8)
        var clean = frame(Self.zeros(text.count))
        clean[69] = 0
        #expect(written == Self.items([clean]))
    }

    @Test func anOffsetTableThatIsNoneIsLeftOut() throws {
        let frame: [UInt8] = [0xFF, 0xD8, 0xFF, 0xD9]
        let written = try cleaned(Self.items([frame], table: Self.text + [0]), length: nil, .jpegBaseline)
        #expect(written == Self.items([frame]))
        let word = Self.items([frame], table: Array("Saue".utf8))
        #expect(try cleaned(word, length: nil, .jpegBaseline) == Self.items([frame]))
        let table: [UInt8] = [0, 0, 0, 0, 12, 0, 0, 0]
        let two = Self.items([frame, frame], table: table)
        #expect(try cleaned(two, length: nil, .jpegBaseline, frames: 2) == two)
        // Of as many offsets as there are frames: text, falling, odd, and larger than all frames together can be.
        let none: [[UInt8]] = [
            [0, 0, 0, 0] + Array("Saue".utf8), [0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 13, 0, 0, 0],
            [2, 0, 0, 0, 12, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1, 0],
        ]
        for table in none {
            let written = try cleaned(
                Self.items([frame, frame], table: table), length: nil, .jpegBaseline, frames: 2)
            #expect(written == Self.items([frame, frame]), "\(table)")
        }
        let three = Self.items([frame, frame, frame], table: [0, 0, 0, 0, 24, 0, 0, 0, 12, 0, 0, 0])
        #expect(try cleaned(three, length: nil, .jpegBaseline, frames: 3) == Self.items([frame, frame, frame]))
    }

    @Test(arguments: [TransferSyntax.jpegBaseline, .jpegLSLossless, .jpeg2000, .rleLossless])
    func whateverTheBytesAreTheyAreRefusedOrKeepTheirLength(syntax: TransferSyntax) throws {
        let rle: [UInt8] = [1, 0, 0, 0, 64, 0, 0, 0] + Self.zeros(56)
        let starts: [[UInt8]] = [[0xFF, 0xD8], [0xFF, 0x4F, 0xFF, 0x90, 0, 10], rle, Array(rle.prefix(8)), []]
        var kept = 0
        for _ in 0..<1500 {
            var fragment = starts.randomElement() ?? []
            for _ in 0..<Int.random(in: 0..<90) {
                // Markers and lengths are likelier than they would be.
                fragment +=
                    [[0xFF, .random(in: 0...255)], [0, .random(in: 0...9)], [.random(in: 0...255)]].randomElement()
                    ?? []
            }
            if fragment.count % 2 == 1 { fragment.append(0) }
            let value = Self.items([fragment, fragment])
            if let written = try? cleaned(
                value, length: nil, syntax, pieces: .random(in: 1...40), allocated: 8, stored: 8)
            {
                #expect(written.count == value.count)
                kept += 1
            }
        }
        #expect(kept > 0)
    }

    @Test func anRLEFragmentTooShortForItsHeaderIsRefused() throws {
        #expect(throws: DeIdentificationError.pixelDataNotUnderstood) {
            try cleaned(Self.items([[1, 0, 0, 0, 64, 0, 0, 0] + Self.text + [0]]), length: nil, .rleLossless)
        }
    }

    @Test(arguments: [TransferSyntax.jpegBaseline, .jpegLSLossless, .jpeg2000, .rleLossless])
    func aFragmentThatIsNoCodestreamIsRefused(syntax: TransferSyntax) throws {
        let fragment = Self.text + Self.zeros(65)
        #expect(throws: DeIdentificationError.pixelDataNotUnderstood) {
            try cleaned(Self.items([fragment]), length: nil, syntax)
        }
    }
}
