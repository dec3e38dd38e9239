/// A connected area in which the heat reaches the contour level: its bounding box in the stored matrix of the source, in
/// the coordinates of SCOORD (PS3.3 C.18.6.1.1: the origin is the top left corner of the top left pixel).
package struct Region: Codable, Equatable, Sendable {
    /// Column of the left side, at least 0.
    package let left: Double
    /// Row of the upper side, at least 0.
    package let top: Double
    /// Column of the right side, at most Columns.
    package let right: Double
    /// Row of the lower side, at most Rows.
    package let bottom: Double
    /// Column of the centre of the hottest patch.
    package let peakX: Double
    /// Row of the centre of the hottest patch.
    package let peakY: Double
    /// Probability of the hottest patch.
    package let peak: Double
    /// Patches in the area.
    package let patches: Int
    /// The side of the patient where the box's centre is; nil near the middle or where the orientation is not known.
    package let laterality: Laterality?
}

/// Finds the regions of a heat grid.
struct RegionSearch {
    /// More regions than this say less, not more.
    static let most = 5

    let grid: HeatGrid
    let sourceRows: Int
    let sourceColumns: Int
    let orientation: ImageOrientation

    /// The largest regions, at most ``most``, by number of patches, then by peak; the one with the highest peak always
    /// among them.
    func regions() -> [Region] {
        let found = components().map(region)
        let ordered = found.enumerated().sorted { a, b in
            if a.element.patches != b.element.patches { return a.element.patches > b.element.patches }
            if a.element.peak != b.element.peak { return a.element.peak > b.element.peak }
            return a.offset < b.offset
        }.map(\.element)
        var kept = Array(ordered.prefix(RegionSearch.most))
        if let hottest = ordered.max(by: { $0.peak < $1.peak }), !kept.contains(where: { $0.peak >= hottest.peak }) {
            kept[kept.count - 1] = hottest
        }
        return kept
    }

    /// Patches at or above the level, joined with their eight neighbours: a contour between centres may join patches that
    /// touch at a corner.
    private func components() -> [[Int]] {
        var isOpen = grid.values.map { Double($0) >= grid.level }
        var components: [[Int]] = []
        for start in isOpen.indices where isOpen[start] {
            isOpen[start] = false
            var members = [start]
            var next = 0
            while next < members.count {
                for neighbour in neighbours(of: members[next]) where isOpen[neighbour] {
                    isOpen[neighbour] = false
                    members.append(neighbour)
                }
                next += 1
            }
            components.append(members)
        }
        return components
    }

    private func neighbours(of index: Int) -> [Int] {
        let (row, column) = (index / grid.columns, index % grid.columns)
        var found: [Int] = []
        for r in max(0, row - 1)...min(grid.rows - 1, row + 1) {
            for c in max(0, column - 1)...min(grid.columns - 1, column + 1) where r != row || c != column {
                found.append(r * grid.columns + c)
            }
        }
        return found
    }

    /// The box of the contour that ``HeatMap`` would have: bilinear interpolation has its extremes on the lines between
    /// neighbouring centres, so that it is enough to look for the crossings there. A patch at the border reaches to it.
    private func region(_ members: [Int]) -> Region {
        var (left, top, right, bottom) = (Double.infinity, Double.infinity, -Double.infinity, -Double.infinity)
        var peak = members[0]
        for index in members {
            let (row, column) = (index / grid.columns, index % grid.columns)
            left = min(left, reach(row, column, 0, -1))
            right = max(right, reach(row, column, 0, 1))
            top = min(top, reach(row, column, -1, 0))
            bottom = max(bottom, reach(row, column, 1, 0))
            if grid.values[index] > grid.values[peak] { peak = index }
        }
        let (width, height) = (Double(sourceColumns), Double(sourceRows))
        (left, right) = RegionSearch.clipped(left, right, 0.25 * grid.cellWidth, to: width)
        (top, bottom) = RegionSearch.clipped(top, bottom, 0.25 * grid.cellHeight, to: height)
        let (peakRow, peakColumn) = (peak / grid.columns, peak % grid.columns)
        return Region(
            left: left, top: top, right: right, bottom: bottom,
            peakX: min(max(grid.centerX(peakColumn), 0), width), peakY: min(max(grid.centerY(peakRow), 0), height),
            peak: Double(grid.values[peak]), patches: members.count,
            laterality: orientation.side(x: (left + right) / 2, columns: sourceColumns))
    }

    /// How far the contour reaches from a patch's centre towards a neighbour, in stored pixels.
    private func reach(_ row: Int, _ column: Int, _ down: Int, _ across: Int) -> Double {
        let here = across != 0 ? grid.centerX(column) : grid.centerY(row)
        let step = across != 0 ? Double(across) * grid.cellWidth : Double(down) * grid.cellHeight
        guard (0..<grid.rows).contains(row + down), (0..<grid.columns).contains(column + across) else {
            return across + down < 0 ? -.infinity : .infinity
        }
        let inside = grid.value(row, column)
        let outside = grid.value(row + down, column + across)
        if outside >= grid.level { return here }
        return here + step * (inside - grid.level) / (inside - outside)
    }

    /// Clips to the picture; a box thinner than `least` on each side of its middle is widened, so that it can be seen.
    private static func clipped(_ low: Double, _ high: Double, _ least: Double, to size: Double) -> (Double, Double) {
        var (low, high) = (max(low, 0), min(high, size))
        let middle = (low + high) / 2
        low = max(0, min(low, middle - least))
        high = min(size, max(high, middle + least))
        return (low, high)
    }
}
