import Crypto

/// From stored pixel values to the model's input. The definition is that of
/// `Training/overread_training/preparation.py`, steps 1 to 10; a test compares the two pixel by pixel.
package struct Preparation: Sendable {
    /// Changed with each change that can move a number of the input.
    package static let revision = 1

    private let input: ModelManifest.Input

    /// The preparation that a manifest asks for.
    package init(_ input: ModelManifest.Input) { self.input = input }

    /// Steps 2 to 10. Takes about 10 ms for a 2500 x 2048 picture in a release build, on the calling thread.
    package func callAsFunction(_ image: GrayImage, _ attributes: DisplayAttributes) -> PreparedInput {
        let placement = Placement(
            sourceWidth: image.columns, sourceHeight: image.rows, canvasWidth: input.width, canvasHeight: input.height)
        let enlarge = placement.enlarges
        let picture = image.resized(
            DisplayTable(attributes, for: image),
            across: AxisWeights(source: image.columns, target: placement.width, enlarge: enlarge),
            down: AxisWeights(source: image.rows, target: placement.height, enlarge: enlarge))
        var values: [Float] = []
        values.reserveCapacity(input.channels * input.width * input.height)
        for channel in 0..<input.channels { appendPlane(channel, picture, placement, to: &values) }
        return PreparedInput(values: values, placement: placement)
    }

    /// Steps 9 and 10 for one channel.
    private func appendPlane(_ channel: Int, _ picture: [Float], _ placement: Placement, to values: inout [Float]) {
        let mean = input.mean[channel]
        let std = input.std[channel]
        let low = input.low
        let span = input.high - input.low
        let pad = (input.pad - mean) / std
        func appendPad(_ count: Int) { values.append(contentsOf: repeatElement(pad, count: count)) }
        appendPad(placement.top * placement.canvasWidth)
        for row in 0..<placement.height {
            appendPad(placement.left)
            for value in picture[row * placement.width..<(row + 1) * placement.width] {
                values.append((low + value * span - mean) / std)
            }
            appendPad(placement.canvasWidth - placement.left - placement.width)
        }
        appendPad((placement.canvasHeight - placement.top - placement.height) * placement.canvasWidth)
    }
}

/// What the model is given.
package struct PreparedInput: Sendable, Equatable {
    /// [channels, height, width], row by row.
    package let values: [Float]
    /// Where the picture is in it.
    package let placement: Placement

    /// SHA-256 over the values (f32, little endian), in hexadecimal: two nodes with the same digest gave their model the
    /// same numbers.
    package var digest: String {
        values.withUnsafeBytes { hexadecimal(SHA256.hash(data: $0)) }
    }
}

/// Lower-case hexadecimal digits of bytes.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    var text = ""
    for byte in bytes { text += (byte < 16 ? "0" : "") + String(byte, radix: 16) }
    return text
}
