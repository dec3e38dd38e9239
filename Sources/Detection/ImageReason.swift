/// Why an image was not analysed: a code for reports and logs, never text of the image.
package enum ImageReason: String, Codable, Equatable, Sendable, Error, CaseIterable {
    // Out of scope: a sound image that this model is not for.

    /// Modality (0008,0060) is not one the model takes.
    case modality
    /// Body Part Examined (0018,0015) is not one the model takes.
    case bodyPart = "body-part"
    /// View Position (0018,5101) is not one the model takes, or the image is a lateral by other attributes.
    case view
    /// Photometric Interpretation (0028,0004) is not one the model takes.
    case photometric
    /// More than one sample per pixel.
    case colour
    /// More than one frame.
    case multiFrame = "multi-frame"
    /// Presentation Intent Type (0008,0068) is FOR PROCESSING: raw detector values.
    case forProcessing = "for-processing"
    /// Bits Allocated is neither 8 nor 16, or the pixels are floating point.
    case pixelFormat = "pixel-format"
    /// More pixels than this version reads (``GrayImage/mostPixels``).
    case tooLarge = "too-large"
    /// No decoder for the transfer syntax.
    case transferSyntax = "transfer-syntax"

    // Failed: it should have been possible.

    /// There is no (7FE0,0010), or it is empty.
    case noPixelData = "no-pixel-data"
    /// The file or its header cannot be parsed, or an attribute that the preparation needs is missing or makes no sense.
    case unreadableHeader = "unreadable-header"
    /// Fewer bytes of pixels than Rows and Columns ask for.
    case truncatedPixelData = "truncated-pixel-data"
    /// A codestream that is damaged or differs from what the data set says of it.
    case undecodablePixelData = "undecodable-pixel-data"
    /// The prepared picture holds NaN or infinity: the manifest's normalisation does not suit the pixels.
    case nonFiniteInput = "non-finite-input"
    /// The model gave NaN or infinity.
    case nonFiniteOutput = "non-finite-output"

    /// Whether this is a failure; out of scope otherwise.
    package var isFailure: Bool {
        switch self {
        case .noPixelData, .unreadableHeader, .truncatedPixelData, .undecodablePixelData,
            .nonFiniteInput, .nonFiniteOutput:
            true
        default: false
        }
    }

    /// One sentence for people.
    package var sentence: String {
        switch self {
        case .modality: "The modality is not one that the model was made for."
        case .bodyPart: "The body part is not one that the model was made for."
        case .view: "The view is not one that the model was made for."
        case .photometric: "The photometric interpretation is not one that the model was made for."
        case .colour: "The image is in colour."
        case .multiFrame: "The image has more than one frame."
        case .forProcessing: "The image holds raw detector values (FOR PROCESSING)."
        case .pixelFormat: "The pixels are neither 8 nor 16 bit integers."
        case .tooLarge: "The image is larger than this version reads."
        case .transferSyntax: "There is no decoder for the transfer syntax."
        case .noPixelData: "The object holds no pixels."
        case .unreadableHeader: "The header cannot be read, or lacks what the preparation needs."
        case .truncatedPixelData: "There are fewer pixels than the header announces."
        case .undecodablePixelData: "The compressed pixels cannot be decoded."
        case .nonFiniteInput: "The prepared picture holds a number that is not finite."
        case .nonFiniteOutput: "The model gave a number that is not finite."
        }
    }
}
