/// What the model says of each part of an image: a grid of values in 0...1 over an area of the source.
package struct HeatGrid: Sendable {
    /// Number of columns.
    package let columns: Int
    /// Number of rows.
    package let rows: Int
    /// Row by row, in 0...1. A value stands for the middle of its cell.
    package let values: [Float]
    /// The area of the grid in the source's stored pixels: left, top, right, bottom. It may go beyond the image, where
    /// the model was given padding. Outside it the nearest value goes on for half a cell, then nothing is known.
    package let area: ReportedRegion

    /// - Throws: ``ResultError/picture(_:)`` when the parts do not fit or a value is not in 0...1.
    package init(columns: Int, rows: Int, values: [Float], area: ReportedRegion) throws(ResultError) {
        guard (1...4096).contains(columns), (1...4096).contains(rows), values.count == columns * rows else {
            throw .picture("the heat has not as many values as cells")
        }
        guard values.allSatisfy({ (0...1).contains($0) }) else { throw .picture("a heat value is not in 0...1") }
        let edges = [area.left, area.top, area.right, area.bottom]
        guard edges.allSatisfy(\.isFinite), area.right > area.left, area.bottom > area.top else {
            throw .picture("the heat covers no area")
        }
        self.columns = columns
        self.rows = rows
        self.values = values
        self.area = area
    }
}

/// An image as a reader would see it: window applied, MONOCHROME1 inverted, 8 bit, white high.
package struct DisplayPixels: Sendable {
    /// Columns of the display matrix; the aspect is the source's.
    package let width: Int
    /// Rows of the display matrix.
    package let height: Int
    /// Row by row.
    package let values: [UInt8]

    /// The longest side that a heatmap may have: an uncompressed RGB object costs a PACS three bytes a pixel.
    package static let maximumSide = 2048

    /// - Throws: ``ResultError/picture(_:)`` for a matrix that is empty, too large, or does not fit the values.
    package init(width: Int, height: Int, values: [UInt8]) throws(ResultError) {
        guard (16...DisplayPixels.maximumSide).contains(width), (16...DisplayPixels.maximumSide).contains(height),
            values.count == width * height
        else { throw .picture("the matrix has no size between 16 and \(DisplayPixels.maximumSide)") }
        self.width = width
        self.height = height
        self.values = values
    }
}

/// A finished picture, 8 bit RGB.
package struct RGBImage: Sendable, Hashable {
    /// Columns.
    package let width: Int
    /// Rows.
    package let height: Int
    /// Row by row, red, green and blue of each pixel.
    package let pixels: [UInt8]
}

/// One axis of the bilinear interpolation from grid to display: for each display pixel the lower cell and the share of
/// the upper one.
struct GridAxis {
    /// Display pixels whose middle lies in the grid's area, or not farther than half a cell from it.
    let inside: Range<Int>
    /// Lower cell of each display pixel.
    let cell: [Int32]
    /// Share of the next cell, 0...1.
    let share: [Float]

    /// - Parameters: `pixels` display pixels show `source` stored pixels; `cells` cells cover `low..<high` of those.
    init(pixels: Int, source: Int, cells: Int, low: Double, high: Double) {
        let position = { (pixel: Double) in
            ((pixel + 0.5) * Double(source) / Double(pixels) - low) / (high - low) * Double(cells)
        }
        var inside = 0..<0
        var cell = [Int32](repeating: 0, count: pixels)
        var share = [Float](repeating: 0, count: pixels)
        for pixel in 0..<pixels {
            let place = position(Double(pixel))
            guard place >= -0.5, place < Double(cells) + 0.5 else { continue }
            inside = inside.isEmpty ? pixel..<pixel + 1 : inside.lowerBound..<pixel + 1
            let middle = min(max(place - 0.5, 0), Double(cells - 1))
            let lower = min(Int(middle), max(cells - 2, 0))
            cell[pixel] = Int32(lower)
            share[pixel] = cells > 1 ? Float(middle - Double(lower)) : 0
        }
        self.inside = inside
        self.cell = cell
        self.share = share
    }
}
