import CPangoCairo

/// A heatmap's picture as a PNG file.
package enum HeatmapPNG {
    /// Writes the picture. Blocking. The path is the caller's own choice, never a peer's.
    ///
    /// - Throws: ``ResultError/rendering(_:)`` when the file cannot be written.
    package static func write(_ image: RGBImage, to path: String) throws(ResultError) {
        let canvas = try Canvas(width: image.width, height: image.height)
        try canvas.withPixels { pixels, pixelsPerRow in
            image.pixels.withUnsafeBufferPointer { source in
                for y in 0..<image.height {
                    for x in 0..<image.width {
                        let at = (y * image.width + x) * 3
                        pixels[y * pixelsPerRow + x] =
                            UInt32(source[at]) << 16 | UInt32(source[at + 1]) << 8 | UInt32(source[at + 2])
                    }
                }
            }
        }
        try canvas.writePNG(to: path)
    }
}
