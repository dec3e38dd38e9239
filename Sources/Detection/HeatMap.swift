/// A heat grid drawn out over the whole stored matrix: what a renderer lays over a ``DisplayPicture`` of the same size.
package struct HeatMap: Equatable, Sendable {
    /// Rows of the map.
    package let rows: Int
    /// Columns of the map.
    package let columns: Int
    /// Probabilities row by row; the map covers the stored matrix exactly.
    package let values: [Float]
    /// Where the contour is drawn: regions are where values are at least this.
    package let level: Double
    /// Stored pixels in a pixel of the map, across.
    package let pixelWidth: Double
    /// Stored pixels in a pixel of the map, down.
    package let pixelHeight: Double

    /// Interpolates bilinearly between the centres of the patches; outside the outer centres the nearest value goes on.
    ///
    /// - Parameters:
    ///   - grid: Patch probabilities.
    ///   - sourceRows: Rows of the stored matrix.
    ///   - sourceColumns: Columns of the stored matrix.
    ///   - rows: Rows wanted, as those of the picture below.
    ///   - columns: Columns wanted.
    package init(_ grid: HeatGrid, sourceRows: Int, sourceColumns: Int, rows: Int, columns: Int) {
        self.rows = max(1, rows)
        self.columns = max(1, columns)
        level = grid.level
        pixelWidth = Double(sourceColumns) / Double(self.columns)
        pixelHeight = Double(sourceRows) / Double(self.rows)
        let width = pixelWidth
        let height = pixelHeight
        let across = (0..<self.columns).map { column in
            HeatMap.tap((Double(column) + 0.5) * width, from: grid.left, cell: grid.cellWidth, count: grid.columns)
        }
        var values: [Float] = []
        values.reserveCapacity(self.rows * self.columns)
        for row in 0..<self.rows {
            let down = HeatMap.tap(
                (Double(row) + 0.5) * height, from: grid.top, cell: grid.cellHeight, count: grid.rows)
            let upper = grid.values[down.index * grid.columns..<(down.index + 1) * grid.columns]
            let lower = grid.values[down.next * grid.columns..<(down.next + 1) * grid.columns]
            let line = zip(upper, lower).map { $0 + ($1 - $0) * down.fraction }
            for tap in across { values.append(line[tap.index] + (line[tap.next] - line[tap.index]) * tap.fraction) }
        }
        self.values = values
    }

    private static func tap(
        _ position: Double, from: Double, cell: Double, count: Int
    ) -> (index: Int, next: Int, fraction: Float) {
        let u = min(max((position - from) / cell - 0.5, 0), Double(count - 1))
        let index = Int(u)
        return (index, min(index + 1, count - 1), Float(u - Double(index)))
    }
}
