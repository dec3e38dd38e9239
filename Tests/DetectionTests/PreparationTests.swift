import DCMTKBridge
import Foundation
import NodeTestSupport
import Testing

@testable import Detection

/// The input that the reference's command line prepares.
let referenceInput = ModelManifest.Input(
    name: "image", width: 512, height: 512, channels: 1, low: 0, high: 1, mean: [0.5], std: [0.25], pad: 0, accepts: [])

/// Reads a file on the test's own thread: the library keeps blocking calls away from asynchronous functions.
func readImage(_ path: String) throws -> SourceImage {
    try DCMTKRuntime.initialize()
    return try SourceImage(file: path)
}

/// Numbers of a raw little endian file.
func numbers<Number>(_ path: String, as type: Number.Type) throws -> [Number] {
    let data = try Data(contentsOf: URL(filePath: path))
    return data.withUnsafeBytes { raw in
        (0..<raw.count / MemoryLayout<Number>.size).map {
            raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Number>.size, as: type)
        }
    }
}

@Suite struct PreparationTests {
    @Test(
        "The input equals the numpy reference pixel by pixel, for every kind of picture",
        .enabled(if: PeerTool.pythonAvailable, "needs the Python peers of Scripts/setup.sh"))
    func theInputEqualsTheReference() async throws {
        let folder = try TemporaryFolder()
        var real: [String] = []
        if let radiograph = try? Checkout.chestRadiograph() { real = [radiograph] }
        let finished = try await PeerTool.python(
            "detection_cases.py", ["prepare", folder.url.path] + real, upTo: .seconds(300))
        try #require(finished.succeeded, "\(finished.everything)")
        let names = finished.output.split(separator: "\n").map(String.init)
        #expect(names.count == 41 + real.count)
        let prepare = Preparation(referenceInput)
        var worst: Float = 0
        for name in names {
            let image = try readImage(folder.path("\(name).dcm"))
            let input = prepare(image.pixels, image.display)
            let reference = try numbers(folder.path("\(name).f32"), as: Float.self)
            try #require(input.values.count == reference.count)
            let difference = zip(input.values, reference).map { abs($0 - $1) }.max() ?? .infinity
            #expect(difference <= 1e-5, "\(name) differs by \(difference)")
            worst = max(worst, difference)
        }
        print("largest difference from the reference over \(names.count) pictures: \(worst)")
    }

    @Test("A display picture is the reference's display values in 8 bits, and whole where it is small enough")
    func aDisplayPictureKeepsTheMatrix() throws {
        let folder = try TemporaryFolder()
        let file = PictureFile.square(rows: 40, columns: 60, left: 10, top: 5, size: 8)
        let image = try readImage(try file.write(in: folder))
        let picture = DisplayPicture(image.pixels, image.display, longSide: 60)
        #expect((picture.rows, picture.columns) == (40, 60))
        for row in 0..<40 {
            for column in 0..<60 {
                let inside = (5..<13).contains(row) && (10..<18).contains(column)
                #expect(picture.pixels[row * 60 + column] == (inside ? 255 : 0))
            }
        }
        let small = DisplayPicture(image.pixels, image.display, longSide: 30)
        #expect((small.rows, small.columns, small.sourceRows, small.sourceColumns) == (20, 30, 40, 60))
        // The square's first row covers source rows 4 and 5, of which one is bright.
        #expect(small.pixels[2 * 30 + 5] == 128)
        #expect(small.pixels[3 * 30 + 5] == 255)
    }

    @Test("A canvas point goes to the source and back")
    func aCanvasPointGoesToTheSourceAndBack() {
        let where_ = Placement(sourceWidth: 2048, sourceHeight: 2500, canvasWidth: 512, canvasHeight: 512)
        #expect((where_.width, where_.height, where_.left, where_.top) == (419, 512, 46, 0))
        let corner = where_.toSource(x: 46 + 419, y: 512)
        #expect(abs(corner.x - 2048) < 1e-9 && abs(corner.y - 2500) < 1e-9)
        let back = where_.toCanvas(x: corner.x, y: corner.y)
        #expect(abs(back.x - 465) < 1e-9 && abs(back.y - 512) < 1e-9)
    }

    @Test("Bits below the stored ones and above the high bit are not part of a value")
    func unusedBitsAreNotPartOfAValue() throws {
        let format = try #require(SampleFormat(bitsAllocated: 16, bitsStored: 12, highBit: 15, isSigned: false))
        #expect(format.value(of: 0xFFF3) == 0xFFF)
        let signed = try #require(SampleFormat(bitsAllocated: 16, bitsStored: 12, highBit: 11, isSigned: true))
        #expect(signed.value(of: 0x0800) == -2048)
        #expect(SampleFormat(bitsAllocated: 8, bitsStored: 12, highBit: 11, isSigned: false) == nil)
        #expect(SampleFormat(bitsAllocated: 16, bitsStored: 12, highBit: 16, isSigned: false) == nil)
    }

    @Test("A model of colour pictures gets the grey value three times, each with its own scale")
    func threeChannelsAreScaledEachOnItsOwn() throws {
        let input = ModelManifest.Input(
            name: "image", width: 8, height: 8, channels: 3, low: 0, high: 255, mean: [10, 20, 30], std: [1, 2, 3],
            pad: 0, accepts: [])
        let folder = try TemporaryFolder()
        let image = try readImage(
            try PictureFile.square(rows: 8, columns: 8, left: 0, top: 0, size: 8).write(in: folder))
        let values = Preparation(input)(image.pixels, image.display).values
        #expect(values.count == 3 * 64)
        #expect((values[0], values[64], values[128]) == (245, 117.5, 75))
    }
}
