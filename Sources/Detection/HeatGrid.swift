/// The calibrated patch probabilities of one class over the stored matrix of the source: the patches whose centre is on
/// the picture, without those of the canvas's padding.
package struct HeatGrid: Codable, Equatable, Sendable {
    /// Patches down.
    package let rows: Int
    /// Patches across.
    package let columns: Int
    /// Probabilities, 0 to 1, row by row.
    package let values: [Float]
    /// Column, in stored pixels, of the left edge of the first patch. Like `top` it may lie a little outside the picture.
    package let left: Double
    /// Row, in stored pixels, of the upper edge of the first patch.
    package let top: Double
    /// Width of a patch in stored pixels.
    package let cellWidth: Double
    /// Height of a patch in stored pixels.
    package let cellHeight: Double
    /// Where the contour is drawn.
    package let level: Double

    /// As given; `values` holds rows * columns numbers.
    package init?(
        rows: Int, columns: Int, values: [Float], left: Double, top: Double, cellWidth: Double, cellHeight: Double,
        level: Double
    ) {
        guard rows > 0, columns > 0, values.count == rows * columns, cellWidth > 0, cellHeight > 0 else { return nil }
        self.rows = rows
        self.columns = columns
        self.values = values
        self.left = left
        self.top = top
        self.cellWidth = cellWidth
        self.cellHeight = cellHeight
        self.level = level
    }

    /// The probability of a patch.
    func value(_ row: Int, _ column: Int) -> Double { Double(values[row * columns + column]) }

    /// Column of a patch's centre, in stored pixels.
    func centerX(_ column: Int) -> Double { left + (Double(column) + 0.5) * cellWidth }
    /// Row of a patch's centre, in stored pixels.
    func centerY(_ row: Int) -> Double { top + (Double(row) + 0.5) * cellHeight }

    /// The highest patch: the first of them row by row.
    var peak: (row: Int, column: Int, value: Double) {
        var best = 0
        for index in values.indices where values[index] > values[best] { best = index }
        return (best / columns, best % columns, Double(values[best]))
    }
}

/// Which patches of the canvas lie on the picture, and where in the source they are. One for all classes of an image.
struct PatchGeometry {
    let rows: Range<Int>
    let columns: Range<Int>
    let left: Double
    let top: Double
    let cellWidth: Double
    let cellHeight: Double
    private let stride: Int

    init(_ patch: ModelManifest.PatchLogits, _ placement: Placement) {
        let width = Double(placement.canvasWidth) / Double(patch.columns)
        let height = Double(placement.canvasHeight) / Double(patch.rows)
        columns = PatchGeometry.covered(patch.columns, size: width, from: placement.left, count: placement.width)
        rows = PatchGeometry.covered(patch.rows, size: height, from: placement.top, count: placement.height)
        (left, top) = placement.toSource(x: Double(columns.lowerBound) * width, y: Double(rows.lowerBound) * height)
        cellWidth = width * Double(placement.sourceWidth) / Double(placement.width)
        cellHeight = height * Double(placement.sourceHeight) / Double(placement.height)
        stride = patch.columns
    }

    /// The patches whose centre is on the picture; the one nearest to its middle if it is so thin that there is none.
    private static func covered(_ patches: Int, size: Double, from: Int, count: Int) -> Range<Int> {
        let inside = (0..<patches).filter { patch in
            let center = (Double(patch) + 0.5) * size
            return center >= Double(from) && center < Double(from + count)
        }
        if let first = inside.first, let last = inside.last { return first..<last + 1 }
        let nearest = min(patches - 1, max(0, Int((Double(from) + Double(count) / 2) / size)))
        return nearest..<nearest + 1
    }

    /// The grid of one class from [N, C] logits.
    func grid(_ logits: [Float], class index: Int, of classes: Int, temperature: Double, level: Double) -> HeatGrid? {
        var values: [Float] = []
        values.reserveCapacity(rows.count * columns.count)
        for row in rows {
            for column in columns {
                let logit = Double(logits[(row * stride + column) * classes + index])
                values.append(Float(sigmoid(logit / temperature)))
            }
        }
        return HeatGrid(
            rows: rows.count, columns: columns.count, values: values, left: left, top: top, cellWidth: cellWidth,
            cellHeight: cellHeight, level: level)
    }
}

/// 1 / (1 + e^-x).
func sigmoid(_ x: Double) -> Double { 1 / (1 + exponential(-x)) }
