/// The line where the heat crosses the decision level, by marching squares on the interpolated heat.
struct Contour {
    /// A piece of the line in display pixels, 0 at the outer edge of the first.
    struct Segment: Equatable {
        var from: (x: Double, y: Double)
        var to: (x: Double, y: Double)
        static func == (a: Segment, b: Segment) -> Bool { a.from == b.from && a.to == b.to }
    }

    let segments: [Segment]

    /// - Parameter step: distance of the lattice's points in display pixels.
    init(_ overlay: HeatOverlay, level: Float, step: Int) {
        let xs = Contour.lattice(overlay.horizontal.inside, step)
        let ys = Contour.lattice(overlay.vertical.inside, step)
        var segments: [Segment] = []
        guard xs.count > 1, ys.count > 1 else {
            self.segments = []
            return
        }
        var above = xs.map { overlay.value(x: $0, y: ys[0]) }
        for j in 1..<ys.count {
            let below = xs.map { overlay.value(x: $0, y: ys[j]) }
            for i in 1..<xs.count {
                let cell = Cell(
                    left: Double(xs[i - 1]) + 0.5, right: Double(xs[i]) + 0.5, top: Double(ys[j - 1]) + 0.5,
                    bottom: Double(ys[j]) + 0.5, values: (above[i - 1], above[i], below[i], below[i - 1]))
                cell.cross(level, into: &segments)
            }
            above = below
        }
        self.segments = segments
    }

    /// Every `step`-th pixel of a range and its last.
    private static func lattice(_ range: Range<Int>, _ step: Int) -> [Int] {
        guard let last = range.last else { return [] }
        var points = Array(stride(from: range.lowerBound, to: last, by: step))
        points.append(last)
        return points
    }

    /// A square of the lattice, its corners clockwise from the top left.
    private struct Cell {
        let left: Double
        let right: Double
        let top: Double
        let bottom: Double
        let values: (Float, Float, Float, Float)

        func cross(_ level: Float, into segments: inout [Segment]) {
            let (a, b, c, d) = values
            let kind = (a >= level ? 8 : 0) | (b >= level ? 4 : 0) | (c >= level ? 2 : 0) | (d >= level ? 1 : 0)
            guard kind != 0, kind != 15 else { return }
            let up = (x: between(left, right, a, b, level), y: top)
            let east = (x: right, y: between(top, bottom, b, c, level))
            let down = (x: between(left, right, d, c, level), y: bottom)
            let west = (x: left, y: between(top, bottom, a, d, level))
            func add(_ from: (x: Double, y: Double), _ to: (x: Double, y: Double)) {
                segments.append(Segment(from: from, to: to))
            }
            switch kind {
            case 1, 14: add(west, down)
            case 2, 13: add(down, east)
            case 3, 12: add(west, east)
            case 4, 11: add(up, east)
            case 6, 9: add(up, down)
            case 7, 8: add(west, up)
            default:
                // A saddle: the middle decides which corners belong together.
                let joins = (a + b + c + d) / 4 >= level
                if (kind == 5) == joins {
                    add(west, up)
                    add(down, east)
                } else {
                    add(up, east)
                    add(west, down)
                }
            }
        }

        private func between(_ low: Double, _ high: Double, _ a: Float, _ b: Float, _ level: Float) -> Double {
            a == b ? (low + high) / 2 : low + (high - low) * Double((level - a) / (b - a))
        }
    }
}

extension HeatOverlay {
    /// The interpolated heat at the middle of a display pixel.
    func value(x: Int, y: Int) -> Float {
        let (column, row) = (Int(horizontal.cell[x]), Int(vertical.cell[y]))
        let (right, below) = (min(column + 1, heat.columns - 1), min(row + 1, heat.rows - 1))
        func at(_ c: Int, _ r: Int) -> Float { heat.values[r * heat.columns + c] }
        let share = vertical.share[y]
        let left = at(column, row) * (1 - share) + at(column, below) * share
        return left + (at(right, row) * (1 - share) + at(right, below) * share - left) * horizontal.share[x]
    }
}
