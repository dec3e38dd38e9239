/// How one axis is resized (step 8 of the preparation): for each target, the first source and the weights of it and the
/// following ones. The weights of a target sum to 1.
struct AxisWeights {
    let source: Int
    let first: [Int]
    /// `count[j]` weights from `start[j]` on belong to target j.
    let start: [Int]
    let count: [Int]
    let weights: [Float]

    /// `enlarge` chooses bilinear with half-pixel centres; the average over the covered sources otherwise.
    init(source: Int, target: Int, enlarge: Bool) {
        var first: [Int] = []
        var start: [Int] = []
        var count: [Int] = []
        var weights: [Float] = []
        for j in 0..<target {
            let (from, taps) =
                enlarge
                ? AxisWeights.bilinear(j, source: source, target: target)
                : AxisWeights.area(j, source: source, target: target)
            first.append(from)
            start.append(weights.count)
            count.append(taps.count)
            weights += taps.map { Float($0) }
        }
        (self.source, self.first, self.start, self.count, self.weights) = (source, first, start, count, weights)
    }

    private static func area(_ j: Int, source: Int, target: Int) -> (Int, [Double]) {
        let step = Double(source) / Double(target)
        let low = Double(j * source) / Double(target)
        let high = Double((j + 1) * source) / Double(target)
        let from = min(Int(low), source - 1)
        let to = max(from, min(Int(high.rounded(.up)), source) - 1)
        return (from, (from...to).map { max(0, min(Double($0 + 1), high) - max(Double($0), low)) / step })
    }

    private static func bilinear(_ j: Int, source: Int, target: Int) -> (Int, [Double]) {
        let u = (Double(j) + 0.5) * Double(source) / Double(target) - 0.5
        let i = u.rounded(.down)
        let f = u - i
        if i < 0 { return (0, [1]) }
        if Int(i) >= source - 1 { return (source - 1, [1]) }
        return (Int(i), [1 - f, f])
    }
}

extension GrayImage {
    /// The picture as display values, resized: columns and rows of the result are those of the weights.
    ///
    /// The columns are summed first and the rows of sums then, which reads each pixel about once and keeps the work in a
    /// few lines of memory. Sums are in single precision: weights add up to 1, so errors stay near 1e-7.
    func resized(_ table: DisplayTable, across: AxisWeights, down: AxisWeights) -> [Float] {
        let width = across.first.count
        let height = down.first.count
        return [Float](unsafeUninitializedCapacity: width * height) { out, count in
            var line = [Float](repeating: 0, count: columns)
            var sums = [Float](repeating: 0, count: columns)
            // Unsafe buffers, because these loops run once for each of millions of pixels. All indices come from the weights,
            // which were made for these rows and columns.
            line.withUnsafeMutableBufferPointer { line in
                sums.withUnsafeMutableBufferPointer { sums in
                    table.values.withUnsafeBufferPointer { values in
                        var loaded = -1
                        for j in 0..<height {
                            sums.update(repeating: 0)
                            for tap in 0..<down.count[j] {
                                let weight = down.weights[down.start[j] + tap]
                                if weight == 0 { continue }
                                let row = down.first[j] + tap
                                if row != loaded { load(row, values, into: line) }
                                loaded = row
                                for x in 0..<line.count { sums[x] += weight * line[x] }
                            }
                            GrayImage.reduce(sums, across, into: out.extracting(j * width..<(j + 1) * width))
                        }
                    }
                }
            }
            count = width * height
        }
    }

    /// Display values of one row.
    private func load(
        _ row: Int, _ values: UnsafeBufferPointer<Float>, into line: UnsafeMutableBufferPointer<Float>
    ) {
        let mask = format.patterns - 1
        let start = row * columns
        switch storage {
        case .bytes(let bytes):
            bytes.withUnsafeBufferPointer { bytes in
                for x in 0..<line.count { line[x] = values[Int(bytes[start &+ x]) & mask] }
            }
        case .words(let words):
            words.withUnsafeBufferPointer { words in
                for x in 0..<line.count { line[x] = values[Int(words[start &+ x]) & mask] }
            }
        }
    }

    private static func reduce(
        _ sums: UnsafeMutableBufferPointer<Float>, _ across: AxisWeights, into out: UnsafeMutableBufferPointer<Float>
    ) {
        across.weights.withUnsafeBufferPointer { weights in
            for x in 0..<out.count {
                let first = across.first[x]
                let start = across.start[x]
                var sum: Float = 0
                for tap in 0..<across.count[x] { sum += weights[start &+ tap] * sums[first &+ tap] }
                out[x] = sum
            }
        }
    }
}
