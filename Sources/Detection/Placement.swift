/// Where a source picture lies in the model's canvas: step 7 of the preparation. All in pixels.
package struct Placement: Codable, Equatable, Sendable {
    /// Columns of the source.
    package let sourceWidth: Int
    /// Rows of the source.
    package let sourceHeight: Int
    /// Columns of the canvas.
    package let canvasWidth: Int
    /// Rows of the canvas.
    package let canvasHeight: Int
    /// First column of the picture in the canvas.
    package let left: Int
    /// First row of the picture in the canvas.
    package let top: Int
    /// Columns of the picture in the canvas.
    package let width: Int
    /// Rows of the picture in the canvas.
    package let height: Int

    /// Fit-pad: aspect kept, centred; the odd pixel of padding goes right and below. All sizes are at least 1 and at most
    /// 65535.
    package init(sourceWidth: Int, sourceHeight: Int, canvasWidth: Int, canvasHeight: Int) {
        self.sourceWidth = sourceWidth
        self.sourceHeight = sourceHeight
        self.canvasWidth = canvasWidth
        self.canvasHeight = canvasHeight
        if sourceWidth * canvasHeight >= sourceHeight * canvasWidth {
            width = canvasWidth
            height = max(1, (2 * sourceHeight * canvasWidth + sourceWidth) / (2 * sourceWidth))
        } else {
            height = canvasHeight
            width = max(1, (2 * sourceWidth * canvasHeight + sourceHeight) / (2 * sourceHeight))
        }
        left = (canvasWidth - width) / 2
        top = (canvasHeight - height) / 2
    }

    /// Whether the picture grows: then it is interpolated, otherwise averaged. The limiting side decides for both.
    package var enlarges: Bool {
        sourceWidth * canvasHeight >= sourceHeight * canvasWidth ? width > sourceWidth : height > sourceHeight
    }

    /// The source point under a canvas point: column and row from the top left corner of the top left pixel, as in SCOORD
    /// (PS3.3 C.18.6.1.1).
    package func toSource(x: Double, y: Double) -> (x: Double, y: Double) {
        (
            (x - Double(left)) * Double(sourceWidth) / Double(width),
            (y - Double(top)) * Double(sourceHeight) / Double(height)
        )
    }

    /// The canvas point over a source point.
    package func toCanvas(x: Double, y: Double) -> (x: Double, y: Double) {
        (
            x * Double(width) / Double(sourceWidth) + Double(left),
            y * Double(height) / Double(sourceHeight) + Double(top)
        )
    }
}
