import Crypto
import DICOMCore
import Foundation
import NodeTestSupport
import Testing

@testable import Results

@Suite("Heatmap picture")
struct HeatmapPictureTests {
    private func picture(
        width: Int = 500, height: Int = 600, finding: ReportedFinding = Fixture.mass, peak: Float = 0.9
    ) throws -> HeatmapPicture {
        HeatmapPicture(
            display: try Fixture.display(width: width, height: height),
            heat: try Fixture.heat(peak: peak, over: Fixture.image()), finding: finding, image: Fixture.image(),
            algorithm: Fixture.input().algorithm, time: Fixture.input().analysisTime)
    }

    private func pixel(_ image: RGBImage, _ x: Int, _ y: Int) -> [UInt8] {
        Array(image.pixels[(y * image.width + x) * 3..<(y * image.width + x) * 3 + 3])
    }

    @Test("The colour map is the computed one, and lightness rises over all of it")
    func colourMap() throws {
        #expect(ColourMap.bytes.count == 768)
        let digest = SHA256.hash(data: ColourMap.bytes).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
        #expect(digest.joined() == "e0c1447add18928d451362b5aa1fb4ea89c621c1771330427f41489fcdda96ee")
        func linear(_ value: UInt8) -> Double {
            let share = Double(value) / 255
            return share <= 0.04045 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4)
        }
        let luminance = stride(from: 0, to: 768, by: 3).map { at in
            0.2126 * linear(ColourMap.bytes[at]) + 0.7152 * linear(ColourMap.bytes[at + 1])
                + 0.0722 * linear(ColourMap.bytes[at + 2])
        }
        #expect(zip(luminance, luminance.dropFirst(4)).allSatisfy { $0 < $1 })
    }

    @Test("The committed colour map is what the script computes", .enabled(if: PeerTool.pythonAvailable))
    func colourMapScript() async throws {
        let finished = try await PeerTool.python("colour_map.py")
        #expect(finished.succeeded)
        let digits = ColourMap.bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        #expect(finished.output.split(separator: "\n").joined() == digits)
    }

    @Test("Where the heat is below the floor the picture is the windowed source, grey for grey")
    func sourceIsUntouched() throws {
        let picture = try picture()
        let drawn = try picture.draw()
        let layout = try PictureLayout(picture, measuringOn: try Canvas(width: 1, height: 1))
        let overlay = HeatOverlay(
            display: picture.display, heat: picture.heat, image: picture.image, decisionLevel: picture.level)
        var untouched = 0
        for y in 0..<600 {
            for x in 0..<500 where overlay.value(x: x, y: y) <= overlay.floor {
                let grey = picture.display.values[y * 500 + x]
                guard pixel(drawn, x, y + layout.top) == [grey, grey, grey] else {
                    Issue.record("pixel \(x),\(y) is not the source's")
                    return
                }
                untouched += 1
            }
        }
        #expect(untouched > 150_000)
    }

    @Test("Heat is the colour map's entry at the opacity of its value, and hottest inside the region")
    func colourAndPlace() throws {
        let picture = try picture()
        let drawn = try picture.draw()
        let layout = try PictureLayout(picture, measuringOn: try Canvas(width: 1, height: 1))
        let overlay = HeatOverlay(
            display: picture.display, heat: picture.heat, image: picture.image, decisionLevel: picture.level)
        var hottest = (value: Float(0), x: 0, y: 0)
        for y in 0..<600 {
            for x in 0..<500 where overlay.value(x: x, y: y) > hottest.value {
                hottest = (overlay.value(x: x, y: y), x, y)
            }
        }
        let region = Fixture.mass.regions[0]
        #expect((region.left...region.right).contains(Double(hottest.x)))
        #expect((region.top...region.bottom).contains(Double(hottest.y)))
        let entry = Int(hottest.value * 255 + 0.5)
        let alpha = HeatOverlay.alpha(Float(entry) / 255, floor: overlay.floor)
        #expect(alpha > 0.3 && alpha <= HeatOverlay.maximumAlpha)
        let grey = Double(picture.display.values[hottest.y * 500 + hottest.x])
        let shown = pixel(drawn, hottest.x, hottest.y + layout.top)
        for channel in 0..<3 {
            let wanted = grey * (1 - alpha) + Double(ColourMap.bytes[entry * 3 + channel]) * alpha
            #expect(abs(Double(shown[channel]) - wanted) <= 1)
        }
    }

    @Test("The line lies where the heat crosses the decision level, closed, and is drawn in its colour")
    func contour() throws {
        let picture = try picture()
        let overlay = HeatOverlay(
            display: picture.display, heat: picture.heat, image: picture.image, decisionLevel: picture.level)
        let contour = Contour(overlay, level: Float(picture.level), step: 2)
        #expect(contour.segments.count > 40)
        var ends: [String: Int] = [:]
        for segment in contour.segments {
            let value = overlay.value(x: Int(segment.from.x), y: Int(segment.from.y))
            #expect(abs(Double(value) - picture.level) < 0.03)
            for end in [segment.from, segment.to] { ends["\(end.x) \(end.y)", default: 0] += 1 }
        }
        #expect(ends.values.allSatisfy { $0 == 2 })
        let layout = try PictureLayout(picture, measuringOn: try Canvas(width: 1, height: 1))
        let drawn = try picture.draw()
        let cyan = contour.segments.count { segment in
            let shown = pixel(drawn, Int(segment.from.x), Int(segment.from.y) + layout.top)
            return shown[2] > shown[0] &+ 40
        }
        #expect(cyan > contour.segments.count / 2)
    }

    @Test("Saddles are cut as their middle says")
    func saddle() throws {
        let image = Fixture.image(rows: 32, columns: 32)
        for (values, isJoined) in [([1, 0, 0, 1] as [Float], true), ([0.9, 0, 0, 0.9], false)] {
            let heat = try HeatGrid(
                columns: 2, rows: 2, values: values, area: ReportedRegion(left: 0, top: 0, right: 32, bottom: 32))
            let overlay = HeatOverlay(
                display: try Fixture.display(width: 32, height: 32), heat: heat, image: image, decisionLevel: 0.48)
            let contour = Contour(overlay, level: 0.48, step: 31)
            #expect(contour.segments.count == 2)
            // Joined: both lines cut off a cold corner, so one of them touches top and right.
            let cutsTopRight = contour.segments.contains { $0.from.y == 0.5 && $0.to.x == 31.5 }
            #expect(cutsTopRight == isJoined)
        }
    }

    @Test("The banner is above the image and the bar beside it")
    func margins() throws {
        for (width, height) in [(500, 600), (600, 250), (120, 400)] {
            var picture = try picture(width: width, height: height)
            picture.image = Fixture.image(rows: height * 4, columns: width * 4)
            let layout = try PictureLayout(picture, measuringOn: try Canvas(width: 1, height: 1))
            let drawn = try picture.draw()
            #expect(drawn.width > width && drawn.height == height + layout.top)
            let lit = (0..<layout.top).contains { y in (0..<drawn.width).contains { pixel(drawn, $0, y)[0] > 150 } }
            #expect(lit)
            let beside = (layout.top..<drawn.height).contains { y in
                (width..<drawn.width).contains { pixel(drawn, $0, y)[0] > 200 }
            }
            #expect(beside)
        }
    }

    @Test("A square of known place is found in the picture within a pixel, whatever the matrix")
    func mapping() throws {
        // A 40 x 24 grid over an image of 400 x 240 stored pixels: cells of 10; one cell is hot.
        let image = Fixture.image(rows: 240, columns: 400)
        var values = [Float](repeating: 0, count: 960)
        values[10 * 40 + 30] = 1
        let heat = try HeatGrid(
            columns: 40, rows: 24, values: values, area: ReportedRegion(left: 0, top: 0, right: 400, bottom: 240))
        for (width, height) in [(400, 240), (200, 120), (800, 480), (300, 200)] {
            let overlay = HeatOverlay(
                display: try DisplayPixels(
                    width: width, height: height, values: [UInt8](repeating: 9, count: width * height)),
                heat: heat, image: image, decisionLevel: 0.5)
            let (x, y) = (305.0 * Double(width) / 400, 105.0 * Double(height) / 240)
            var hottest = (value: Float(0), x: 0, y: 0)
            for row in 0..<height {
                for column in 0..<width where overlay.value(x: column, y: row) > hottest.value {
                    hottest = (overlay.value(x: column, y: row), column, row)
                }
            }
            #expect(abs(Double(hottest.x) + 0.5 - x) <= 1 && abs(Double(hottest.y) + 0.5 - y) <= 1)
        }
    }

    @Test("No picture of a finding that is not present, nor of heat that is no number")
    func refusals() throws {
        var absent = Fixture.mass
        absent.isPresent = false
        absent.regions = []
        #expect(throws: ResultError.contradictoryFinding(key: "mass")) { try picture(finding: absent).draw() }
        for bad in [Float.nan, -0.1, 1.1] {
            #expect(throws: ResultError.self) {
                try HeatGrid(
                    columns: 1, rows: 1, values: [bad], area: ReportedRegion(left: 0, top: 0, right: 1, bottom: 1))
            }
        }
        #expect(throws: ResultError.self) { try DisplayPixels(width: 4000, height: 20, values: []) }
        var sideways = try picture()
        sideways.display = try Fixture.display(width: 600, height: 200)
        #expect(throws: ResultError.self) { try sideways.draw() }
    }

    @Test("A banner that the fonts cannot write is refused")
    func unknownGlyph() throws {
        var finding = Fixture.mass
        finding.code = CodedConcept("1", "99X", "Mass \u{10FFFD}")
        #expect(throws: ResultError.rendering("a character without a glyph")) { try picture(finding: finding).draw() }
    }

    @Test("Equal inputs give equal pixels, and the PNG file is one")
    func determinism() throws {
        let first = try picture().draw()
        #expect(try picture().draw() == first)
        let folder = try TemporaryFolder()
        try HeatmapPNG.write(first, to: folder.path("heat.png"))
        let bytes = try Data(contentsOf: URL(filePath: folder.path("heat.png")))
        #expect(bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]))
        #expect(throws: ResultError.rendering("the PNG file")) {
            try HeatmapPNG.write(first, to: folder.path("no/heat.png"))
        }
    }
}
