import Glibc

/// `exp` of the C library, of double precision.
func exponential(_ x: Double) -> Double { exp(x) }
/// `log` of the C library, of double precision.
func logarithm(_ x: Double) -> Double { log(x) }

/// Steps 2 to 6 of the preparation as a table: a display value, 0 (black) to 1 (white, bone), for each bit pattern of a
/// sample. A picture has many more pixels than a sample has bit patterns, so the arithmetic is done once for each pattern.
package struct DisplayTable: Sendable {
    /// `format.patterns` display values.
    package let values: [Float]

    /// - Parameters:
    ///   - attributes: What the header says.
    ///   - image: Its format gives the table's size; its pixels are looked at only where the header has no window.
    package init(_ attributes: DisplayAttributes, for image: GrayImage) {
        let format = image.format
        let x: [Double] = (0..<format.patterns).map { pattern in
            let stored = Double(format.value(of: pattern))
            switch attributes.modality {
            case .rescale(let slope, let intercept): return stored * slope + intercept
            case .table(let table): return table(stored)
            }
        }
        func isPadding(_ pattern: Int) -> Bool { attributes.padding?.contains(format.value(of: pattern)) ?? false }
        let y: (Double) -> Double
        switch attributes.voi {
        case .table(let table):
            let top = Double((1 << table.bits) - 1)
            y = { table($0) / top }
        case .window(let window):
            y = { window($0) }
        case .range:
            let seen = image.patternsPresent()
            var low = Double.infinity
            var high = -Double.infinity
            for pattern in 0..<format.patterns where seen[pattern] && !isPadding(pattern) {
                low = min(low, x[pattern])
                high = max(high, x[pattern])
            }
            y = low < high ? { ($0 - low) / (high - low) } : { _ in 0 }
        }
        values = (0..<format.patterns).map { pattern in
            if isPadding(pattern) { return 0 }
            return Float(attributes.isInverse ? 1 - y(x[pattern]) : y(x[pattern]))
        }
    }
}

extension GrayImage {
    /// For each bit pattern, whether a pixel has it.
    func patternsPresent() -> [Bool] {
        var seen = [Bool](repeating: false, count: format.patterns)
        // Unsafe buffers: one store for each of millions of pixels. A masked index is below `patterns`, the array's size.
        let mask = format.patterns - 1
        seen.withUnsafeMutableBufferPointer { seen in
            switch storage {
            case .bytes(let bytes): bytes.withUnsafeBufferPointer { for byte in $0 { seen[Int(byte) & mask] = true } }
            case .words(let words): words.withUnsafeBufferPointer { for word in $0 { seen[Int(word) & mask] = true } }
            }
        }
        return seen
    }
}
