import DCMTKBridge
import DICOMCore
import Foundation
import NodeTestSupport
import Testing

@testable import Detection

@Suite struct PixelDecodingTests {
    @Test(
        "Each transfer syntax that Python writes is decoded to what pydicom reads",
        .enabled(if: PeerTool.pythonAvailable, "needs the Python peers of Scripts/setup.sh"))
    func eachTransferSyntaxOfPydicom() async throws {
        let folder = try TemporaryFolder()
        for name in try await PixelDecodingTests.makeFiles(in: folder) {
            let image = try readImage(folder.path("\(name).dcm")).pixels
            let expected = try numbers(folder.path("\(name).i32"), as: Int32.self).map { Int($0) }
            // Lossy JPEG 2000 is computed in floating point: decoders may differ by a step.
            let tolerance = name.contains("lossy") ? 1 : 0
            #expect(image.worstDifference(from: expected) <= tolerance, "\(name)")
        }
    }

    @Test(
        "The compressed images that pydicom's packages carry are decoded to what pydicom reads",
        .enabled(if: PeerTool.pythonAvailable, "needs the Python peers of Scripts/setup.sh"))
    func publishedFiles() async throws {
        let folder = try TemporaryFolder()
        let names = try await PixelDecodingTests.cases("published", in: folder)
        #expect(names.count > 10)
        for name in names {
            let image = try #require(try? readImage(folder.path("\(name).dcm")).pixels, "\(name)")
            let expected = try numbers(folder.path("\(name).i32"), as: Int32.self).map { Int($0) }
            #expect(image.worstDifference(from: expected) <= (name.hasPrefix("lossy") ? 1 : 0), "\(name)")
        }
    }

    @Test(
        "Each transfer syntax that DCMTK writes is decoded to what DCMTK and pydicom read",
        .enabled(
            if: PeerTool.pythonAvailable && PeerTool.available("dcmcjpeg", "dcmdjpeg", "dcmcjpls", "dcmcrle"),
            "needs the Python peers and DCMTK's tools"),
        arguments: [
            ("dcmcjpeg", ["+e1"], "dcmdjpeg", "source"), ("dcmcjpeg", ["+el"], "dcmdjpeg", "source"),
            ("dcmcjpeg", ["+el"], "dcmdjpeg", "source16"), ("dcmcjpeg", ["+e1"], "dcmdjpeg", "source8"),
            ("dcmcjpeg", ["+eb"], "dcmdjpeg", "source8"), ("dcmcjpeg", ["+ee"], "dcmdjpeg", "source"),
            ("dcmcjpls", ["+el"], "dcmdjpls", "source"), ("dcmcjpls", ["+en"], "dcmdjpls", "source16"),
            ("dcmcjpls", ["+el"], "dcmdjpls", "source8"), ("dcmcrle", [], "dcmdrle", "source16"),
            ("dcmcrle", [], "dcmdrle", "source-signed"), ("dcmcjpeg", ["+e1"], "dcmdjpeg", "source-signed-16"),
            ("dcmcjpls", ["+el"], "dcmdjpls", "source-signed-16"), ("dcmcjpeg", ["+el"], "dcmdjpeg", "source8"),
            ("dcmcjpeg", ["+e1", "+fs", "1"], "dcmdjpeg", "source16"),
        ] as [(String, [String], String, String)])
    func eachTransferSyntaxOfDCMTK(encoder: String, options: [String], decoder: String, source: String) async throws {
        let folder = try TemporaryFolder()
        _ = try await PixelDecodingTests.makeFiles(in: folder)
        let (compressed, plain) = (folder.path("compressed.dcm"), folder.path("plain.dcm"))
        let encoding = try await run(
            try PeerTool.find(encoder), options + [folder.path("\(source).dcm"), compressed])
        try #require(encoding.succeeded, "\(encoding.everything)")
        let decoding = try await run(try PeerTool.find(decoder), [compressed, plain])
        try #require(decoding.succeeded, "\(decoding.everything)")
        let (ours, theirs) = (try readImage(compressed).pixels, try readImage(plain).pixels)
        #expect(ours.worstDifference(from: theirs.numbers) == 0)
        _ = try await PixelDecodingTests.cases("decode", in: folder, "compressed")
        let pydicoms = try numbers(folder.path("compressed.i32"), as: Int32.self).map { Int($0) }
        let isLossy = options.contains { ["+eb", "+ee"].contains($0) }
        #expect(ours.worstDifference(from: pydicoms) <= (isLossy ? 1 : 0))
    }

    @Test("An RLE segment of runs and literals is unpacked; one that ends early is refused")
    func rleSegments() throws {
        func decode(_ segments: [[UInt8]], samples: Int, bytes: Int) throws -> [UInt16] {
            var header = [UInt8](repeating: 0, count: 64)
            header[0] = UInt8(segments.count)
            var offset = 64
            for (index, segment) in segments.enumerated() {
                header[4 + 4 * index] = UInt8(offset)
                offset += segment.count
            }
            return try decodePixels(
                fragments(header + segments.joined()), rows: 1, columns: samples, allocated: 8 * bytes,
                syntax: .rleLossless)
        }
        #expect(try decode([[2, 1, 2, 3, 0xFE, 9, 0x80, 0, 4]], samples: 7, bytes: 1) == [1, 2, 3, 9, 9, 9, 4])
        #expect(try decode([[0xFF, 1], [1, 5, 6]], samples: 2, bytes: 2) == [0x105, 0x106])
        #expect(throws: PixelDecoderError.codecFailed) { try decode([[2, 1, 2]], samples: 7, bytes: 1) }
        #expect(throws: PixelDecoderError.differsFromDataSet) { try decode([[0xFF, 1]], samples: 2, bytes: 2) }
        var wild = [UInt8](repeating: 0, count: 66)
        (wild[0], wild[4], wild[5]) = (1, 0xFF, 0xFF)
        #expect(throws: PixelDecoderError.malformedCodestream) {
            try decodePixels(fragments(wild), rows: 1, columns: 2, allocated: 8, syntax: .rleLossless)
        }
    }

    @Test(
        "A codestream of another size than the data set says is refused before it is decoded",
        .enabled(if: PeerTool.pythonAvailable, "needs the Python peers of Scripts/setup.sh"),
        arguments: ["jpeg-2000-16", "jpeg-2000-boxed", "jpeg-ls-12"])
    func anotherSizeIsRefused(name: String) async throws {
        let folder = try TemporaryFolder()
        _ = try await PixelDecodingTests.makeFiles(in: folder)
        let bytes = Array(try Data(contentsOf: URL(filePath: folder.path("\(name).dcm"))))
        // (7FE0,0010) OB of undefined length; its items follow.
        let element = try #require(bytes.firstRange(of: [0xE0, 0x7F, 0x10, 0, 0x4F, 0x42, 0, 0, 255, 255, 255, 255]))
        let items = Array(bytes[element.upperBound...])
        let syntax: TransferSyntax = name.hasPrefix("jpeg-2000") ? .jpeg2000Lossless : .jpegLSLossless
        let allocated = name == "jpeg-2000-boxed" ? 8 : 16
        #expect(
            try decodePixels(items, rows: 203, columns: 155, allocated: allocated, syntax: syntax).count == 203 * 155)
        for (rows, columns) in [(204, 155), (203, 156), (60203, 155), (1, 1)] {
            #expect(throws: PixelDecoderError.differsFromDataSet) {
                try decodePixels(items, rows: rows, columns: columns, allocated: allocated, syntax: syntax)
            }
        }
        // The data set may not allocate less than the codestream's precision either.
        if allocated == 16 {
            #expect(throws: PixelDecoderError.differsFromDataSet) {
                try decodePixels(items, rows: 203, columns: 155, allocated: 8, syntax: syntax)
            }
        }
    }

    @Test(
        "A codestream cut short is refused, whether the fragment says so or not",
        .enabled(if: PeerTool.pythonAvailable, "needs the Python peers of Scripts/setup.sh"),
        arguments: [
            ("jpeg-2000-16", TransferSyntax.jpeg2000Lossless), ("jpeg-ls-12", .jpegLSLossless),
            ("rle-12", .rleLossless),
        ])
    func aCutCodestreamIsRefused(name: String, syntax: TransferSyntax) async throws {
        let folder = try TemporaryFolder()
        _ = try await PixelDecodingTests.makeFiles(in: folder)
        let whole = Array(try Data(contentsOf: URL(filePath: folder.path("\(name).dcm"))))
        let path = folder.path("cut.dcm")
        try Data(whole.prefix(whole.count * 2 / 3)).write(to: URL(filePath: path))
        #expect(throws: ImageReason.undecodablePixelData) { try readImage(path) }
        // The offset table's item, which may hold an offset, then the frame's.
        let element = try #require(whole.firstRange(of: [0x4F, 0x42, 0, 0, 255, 255, 255, 255]))
        let table = Int(whole[element.upperBound + 4])
        let frame = Array(whole[(element.upperBound + 16 + table)...])
        func decode(_ frame: [UInt8]) throws -> [UInt16] {
            try decodePixels(fragments(frame), rows: 203, columns: 155, allocated: 16, syntax: syntax)
        }
        #expect(try decode(frame).count == 203 * 155)
        #expect(throws: PixelDecoderError.codecFailed) { try decode(Array(frame.prefix(frame.count * 2 / 3))) }
    }

    @Test(
        "Damaged codestreams end in a picture or an error, never in a trap",
        .enabled(if: PeerTool.pythonAvailable, "needs the Python peers of Scripts/setup.sh"))
    func damagedCodestreams() async throws {
        let folder = try TemporaryFolder()
        let names = try await PixelDecodingTests.makeFiles(in: folder).filter { !$0.hasPrefix("source") }
        var random = SeededGenerator(state: 7)
        let path = folder.path("damaged.dcm")
        var refused = 0
        for name in names {
            let whole = Array(try Data(contentsOf: URL(filePath: folder.path("\(name).dcm"))))
            for _ in 0..<12 {
                var bytes = whole
                for _ in 0..<Int.random(in: 1...12, using: &random) {
                    bytes[Int.random(in: 132..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                try Data(bytes).write(to: URL(filePath: path))
                do { _ = try readImage(path) } catch is ImageReason { refused += 1 }
            }
        }
        #expect(refused > 0)
    }

    /// Makes the files of detection_cases.py and gives their names.
    static func makeFiles(in folder: TemporaryFolder) async throws -> [String] {
        try await cases("compress", in: folder)
    }

    /// Runs a command of detection_cases.py and gives the names that it prints.
    static func cases(_ command: String, in folder: TemporaryFolder, _ names: String...) async throws -> [String] {
        let finished = try await PeerTool.python("detection_cases.py", [command, folder.url.path] + names)
        guard finished.succeeded else { throw TestSupportError(finished.everything) }
        return finished.output.split(separator: "\n").map(String.init)
    }
}

/// An offset table and one fragment.
private func fragments(_ frame: [UInt8]) -> [UInt8] {
    let length = (0..<4).map { UInt8(truncatingIfNeeded: frame.count >> (8 * $0)) }
    return [0xFE, 0xFF, 0x00, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0x00, 0xE0] + length + frame
}

private func decodePixels(
    _ bytes: [UInt8], rows: Int, columns: Int, allocated: Int, syntax: TransferSyntax
) throws -> [UInt16] {
    try bytes.withUnsafeBytes {
        try PixelDecoder.decode(
            $0, format: .init(rows: rows, columns: columns, bitsAllocated: allocated), transferSyntax: syntax)
    }
}

/// The same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension GrayImage {
    /// All stored values.
    var numbers: [Int] {
        (0..<rows * columns).map { value(row: $0 / columns, column: $0 % columns) }
    }

    func worstDifference(from expected: [Int]) -> Int {
        guard expected.count == rows * columns else { return .max }
        return zip(numbers, expected).map { abs($0 - $1) }.max() ?? .max
    }
}
