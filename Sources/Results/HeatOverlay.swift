/// Lays the heat over the display pixels: colour by value on a fixed scale, opacity by value, nothing below the floor.
struct HeatOverlay {
    /// Above no value is the overlay more opaque than this, so that the anatomy under it stays visible.
    static let maximumAlpha = 0.45
    /// Below it no heat is drawn, unless the decision level is near: see ``floor(decisionLevel:)``.
    static let highestFloor: Float = 0.2

    let display: DisplayPixels
    let heat: HeatGrid
    let horizontal: GridAxis
    let vertical: GridAxis
    let floor: Float

    init(display: DisplayPixels, heat: HeatGrid, image: SourceImage, decisionLevel: Double) {
        self.display = display
        self.heat = heat
        self.horizontal = GridAxis(
            pixels: display.width, source: image.columns, cells: heat.columns, low: heat.area.left,
            high: heat.area.right)
        self.vertical = GridAxis(
            pixels: display.height, source: image.rows, cells: heat.rows, low: heat.area.top, high: heat.area.bottom)
        self.floor = HeatOverlay.floor(decisionLevel: decisionLevel)
    }

    /// The value from which heat is drawn: 0.2, or four fifths of a decision level that is lower than 0.25.
    static func floor(decisionLevel: Double) -> Float { min(highestFloor, Float(decisionLevel) * 0.8) }

    /// Opacity of a value: 0 below the floor, then rising to ``maximumAlpha``, fast at first so that the edge of the
    /// heat is not lost in dark lung.
    static func alpha(_ value: Float, floor: Float) -> Double {
        guard value > floor, floor < 1 else { return 0 }
        return maximumAlpha * Double((value - floor) / (1 - floor)).squareRoot()
    }

    /// Writes the picture as 32-bit pixels (0x00RRGGBB, Cairo's RGB24) with its top left corner at `target`.
    ///
    /// Unchecked buffers: about a million pixels a picture, and every index is bounded by the axes above.
    func draw(into target: UnsafeMutablePointer<UInt32>, pixelsPerRow: Int) {
        let shades = HeatOverlay.shades(floor: floor)
        var line = [Float](repeating: 0, count: heat.columns)
        display.values.withUnsafeBufferPointer { grey in
            shades.withUnsafeBufferPointer { shades in
                for y in 0..<display.height {
                    let source = UnsafeBufferPointer(rebasing: grey[y * display.width..<(y + 1) * display.width])
                    let row = target + y * pixelsPerRow
                    for x in 0..<display.width { row[x] = UInt32(source[x]) &* 0x010101 }
                    if mix(row: y, into: &line) { shade(row, source, line, shades) }
                }
            }
        }
    }

    /// The grid's values at the middle of a display row. False when none is above the floor.
    private func mix(row y: Int, into line: inout [Float]) -> Bool {
        guard vertical.inside.contains(y) else { return false }
        let upper = Int(vertical.cell[y]) * heat.columns
        let lower = min(upper + heat.columns, (heat.rows - 1) * heat.columns)
        let share = vertical.share[y]
        var isHot = false
        for column in 0..<heat.columns {
            let value = heat.values[upper + column] * (1 - share) + heat.values[lower + column] * share
            line[column] = value
            isHot = isHot || value > floor
        }
        return isHot
    }

    private func shade(
        _ row: UnsafeMutablePointer<UInt32>, _ source: UnsafeBufferPointer<UInt8>, _ line: [Float],
        _ shades: UnsafeBufferPointer<Shade>
    ) {
        let last = heat.columns - 1
        line.withUnsafeBufferPointer { line in
            horizontal.cell.withUnsafeBufferPointer { cell in
                horizontal.share.withUnsafeBufferPointer { share in
                    for x in horizontal.inside {
                        let left = Int(cell[x])
                        let right = left < last ? left + 1 : last
                        let value = line[left] + (line[right] - line[left]) * share[x]
                        guard value > floor else { continue }
                        let shade = shades[Int(value * 255 + 0.5)]
                        let grey = UInt32(source[x]) &* shade.transparency
                        let red = (grey &+ shade.red) >> 16
                        let green = (grey &+ shade.green) >> 16
                        let blue = (grey &+ shade.blue) >> 16
                        row[x] = red << 16 | green << 8 | blue
                    }
                }
            }
        }
    }

    /// A colour already multiplied with its opacity, in 16.16 fixed point with the rounding half in it.
    private struct Shade {
        var transparency: UInt32
        var red: UInt32
        var green: UInt32
        var blue: UInt32
    }

    private static func shades(floor: Float) -> [Shade] {
        (0..<256).map { step in
            let alpha = alpha(Float(step) / 255, floor: floor)
            let share = UInt32(alpha * 65536)
            func channel(_ offset: Int) -> UInt32 { UInt32(ColourMap.bytes[step * 3 + offset]) &* share &+ 0x8000 }
            return Shade(transparency: 65536 - share, red: channel(0), green: channel(1), blue: channel(2))
        }
    }
}
