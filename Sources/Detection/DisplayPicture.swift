/// A picture to draw on: the whole stored matrix as a radiologist would see it first (VOI applied, bone white), 8 bits,
/// perhaps reduced.
package struct DisplayPicture: Sendable, Equatable {
    /// Rows of this picture.
    package let rows: Int
    /// Columns of this picture.
    package let columns: Int
    /// rows * columns grey values, 0 black.
    package let pixels: [UInt8]
    /// Rows of the stored matrix, which this picture covers exactly.
    package let sourceRows: Int
    /// Columns of the stored matrix.
    package let sourceColumns: Int

    /// - Parameter longSide: The longer side is reduced to this by averaging over area; nil or a smaller picture leaves the
    ///   matrix as it is, so that SpatialLocationsPreserved may be YES.
    package init(_ image: GrayImage, _ attributes: DisplayAttributes, longSide: Int? = nil) {
        let longest = max(image.rows, image.columns)
        let limit = min(longest, max(1, longSide ?? longest))
        rows = max(1, (image.rows * limit + longest / 2) / longest)
        columns = max(1, (image.columns * limit + longest / 2) / longest)
        sourceRows = image.rows
        sourceColumns = image.columns
        let table = DisplayTable(attributes, for: image)
        if (rows, columns) == (image.rows, image.columns) {
            pixels = image.mapped(table.values.map(DisplayPicture.grey))
        } else {
            pixels = image.resized(
                table,
                across: AxisWeights(source: image.columns, target: columns, enlarge: false),
                down: AxisWeights(source: image.rows, target: rows, enlarge: false)
            ).map(DisplayPicture.grey)
        }
    }

    private static func grey(_ value: Float) -> UInt8 { UInt8(min(255, max(0, (value * 255).rounded()))) }
}

extension GrayImage {
    /// Each sample replaced by the table's entry for its bit pattern; `table` has `format.patterns` entries.
    fileprivate func mapped(_ table: [UInt8]) -> [UInt8] {
        let mask = format.patterns - 1
        // Unsafe buffers: one look-up for each of millions of pixels. A masked index is below the table's count.
        return table.withUnsafeBufferPointer { table in
            switch storage {
            case .bytes(let bytes): bytes.withUnsafeBufferPointer { $0.map { table[Int($0) & mask] } }
            case .words(let words): words.withUnsafeBufferPointer { $0.map { table[Int($0) & mask] } }
            }
        }
    }
}
