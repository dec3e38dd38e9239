import DICOMCore

/// What `model.yaml` says of a model (DESIGN.md, "The manifest"): its card, its tensors, and how numbers become findings.
package struct ModelManifest: Equatable, Sendable {
    /// The only schema there is.
    package static let schema = 1

    /// Short name, as it stands in results (Manufacturer's Model Name, LO).
    package let name: String
    /// Version, as it stands in results (Software Versions, LO).
    package let version: String
    /// Device UID (0018,1002): another one for each build of the model (IHE RAD AIR 6.5.3.1).
    package let deviceUID: UID
    /// Manufacturer (LO).
    package let manufacturer: String
    /// SHA-256 of model.onnx, 64 lower-case hexadecimal digits.
    package let sha256: String
    /// What it is for, in a sentence.
    package let intendedUse: String
    /// What it is not for and cannot do.
    package let limits: [String]
    /// Licence of the weights.
    package let licence: String
    /// Where the training data came from.
    package let trainingData: [TrainingData]
    /// The input tensor and which images it takes.
    package let input: Input
    /// The output tensors by role.
    package let outputs: Outputs
    /// The classes in the order of the logits.
    package let classes: [FindingClass]
    /// Metrics as measured, free in form.
    package let metrics: ManifestValue

    /// One source of training or test data.
    package struct TrainingData: Equatable, Sendable {
        /// What it is.
        package let name: String
        /// On which terms it was had.
        package let licence: String
        /// Whom to name.
        package let attribution: String
        /// How many images.
        package let images: Int
        /// For what, with the numbers of each part.
        package let usedFor: String
    }

    /// The input tensor: one picture, [1, channels, height, width], f32.
    package struct Input: Equatable, Sendable {
        /// The tensor's name in the model.
        package let name: String
        /// Columns of the canvas.
        package let width: Int
        /// Rows of the canvas.
        package let height: Int
        /// 1, or 3 for a model of colour pictures: the grey value is repeated.
        package let channels: Int
        /// What display value 0 (black) becomes before `mean` and `std`.
        package let low: Float
        /// What display value 1 (white) becomes.
        package let high: Float
        /// Subtracted, one for each channel.
        package let mean: [Float]
        /// Divided by, one for each channel.
        package let std: [Float]
        /// Value of the canvas where there is no picture, in the units of low and high.
        package let pad: Float
        /// The kinds of image that the model takes; any one is enough.
        package let accepts: [Acceptance]
    }

    /// A kind of image. Each list holds the values allowed, upper case; "" stands for absent or empty.
    package struct Acceptance: Equatable, Sendable {
        /// Modality (0008,0060).
        package let modality: [String]
        /// Body Part Examined (0018,0015).
        package let bodyPart: [String]
        /// View Position (0018,5101).
        package let view: [String]
        /// Photometric Interpretation (0028,0004).
        package let photometric: [String]
    }

    /// The output tensors. Only `imageLogits` must be there: a plain classifier has no more.
    package struct Outputs: Equatable, Sendable {
        /// [1, C].
        package let imageLogits: Logits
        /// [1, N, C], N = rows * columns of the grid, row by row.
        package let patchLogits: PatchLogits?
        /// [1, D].
        package let embedding: Embedding?
        /// Name of a relevance output; not used by this version.
        package let relevance: String?
        /// Name of a boxes output; not used by this version.
        package let boxes: String?
    }

    /// Name and number of classes of the image-level output.
    package struct Logits: Equatable, Sendable {
        /// The tensor's name.
        package let name: String
        /// C.
        package let classes: Int
    }

    /// Name and shape of the per-patch output.
    package struct PatchLogits: Equatable, Sendable {
        /// The tensor's name.
        package let name: String
        /// Patches down the canvas.
        package let rows: Int
        /// Patches across the canvas.
        package let columns: Int
        /// C.
        package let classes: Int
    }

    /// Name and size of the embedding.
    package struct Embedding: Equatable, Sendable {
        /// The tensor's name.
        package let name: String
        /// D.
        package let size: Int
    }

    /// One class: what it is called, and how its logits become probabilities and a decision.
    package struct FindingClass: Equatable, Sendable {
        /// Short name for programs, as in JSON.
        package let key: String
        /// The finding.
        package let code: CodedConcept
        /// Where it is found.
        package let findingSite: CodedConcept
        /// Probability = sigmoid(logit / temperature + bias).
        package let temperature: Double
        /// See `temperature`.
        package let bias: Double
        /// Present when the probability is at least this.
        package let threshold: Double
        /// Probability of a patch = sigmoid(patch logit / patchTemperature). Nil without a patch output.
        package let patchTemperature: Double?
        /// Where contour and regions are drawn, on patch probabilities. Nil without a patch output.
        package let patchThreshold: Double?
    }
}

/// A value of the manifest's free part, kept for printing.
package indirect enum ManifestValue: Equatable, Sendable {
    /// Null.
    case nothing
    /// True or false.
    case truth(Bool)
    /// Any number.
    case number(Double)
    /// Text.
    case text(String)
    /// A sequence.
    case list([ManifestValue])
    /// A mapping in the file's order.
    case table([Entry])

    /// A key and its value.
    package struct Entry: Equatable, Sendable {
        /// The key.
        package let key: String
        /// The value.
        package let value: ManifestValue
    }
}
