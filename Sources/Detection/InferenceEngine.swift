/// Runs a model on one prepared picture at a time.
package protocol InferenceEngine: Sendable {
    /// Name and version of the engine, as it stands in results.
    var version: String { get }

    /// Gives the outputs for one picture. Blocks for as long as the model takes: never call it on Swift's cooperative pool.
    /// Callers on several threads wait for one another.
    ///
    /// - Parameter input: [channels, height, width] of the manifest.
    /// - Throws: ``ModelError`` of code `engine`.
    @available(*, noasync)
    func run(_ input: [Float]) throws(ModelError) -> ModelOutputs
}

/// The outputs by role, batch 1. Numbers as the model gave them: they may not be finite.
package struct ModelOutputs: Equatable, Sendable {
    /// [C].
    package let imageLogits: [Float]
    /// [N, C], or nil if the model has none.
    package let patchLogits: [Float]?

    /// As given.
    package init(imageLogits: [Float], patchLogits: [Float]?) {
        self.imageLogits = imageLogits
        self.patchLogits = patchLogits
    }

    /// Whether each number can be turned into a probability.
    package var isFinite: Bool {
        imageLogits.allSatisfy(\.isFinite) && (patchLogits?.allSatisfy(\.isFinite) ?? true)
    }
}
