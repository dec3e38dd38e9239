import DCMTKBridge
import DICOMCore

/// Looks at one image with one model: scope, decode, prepare, run, findings.
///
/// Safe to call from several threads; the engine does one run at a time.
package final class Detector: Sendable {
    /// What is run.
    package let manifest: ModelManifest
    /// The model as results name it.
    package let model: ModelIdentity

    private let engine: any InferenceEngine
    private let scope: Scope
    private let preparation: Preparation

    /// A detector over an engine that holds the manifest's model.
    package init(manifest: ModelManifest, engine: any InferenceEngine) {
        self.manifest = manifest
        self.engine = engine
        model = ModelIdentity(
            name: manifest.name, version: manifest.version, manufacturer: manifest.manufacturer,
            deviceUID: manifest.deviceUID.value, sha256: manifest.sha256, engine: engine.version)
        scope = Scope(manifest.input)
        preparation = Preparation(manifest.input)
    }

    /// Loads a model folder into OpenVINO. Blocks for a second or so.
    ///
    /// - Parameters:
    ///   - modelFolder: Folder with model.yaml and model.onnx.
    ///   - threads: Threads for a run; nil for one for each physical core.
    /// - Throws: ``ModelError``.
    @available(*, noasync)
    package convenience init(modelFolder: String, threads: Int? = nil) throws(ModelError) {
        let folder = try ModelFolder.load(modelFolder)
        self.init(manifest: folder.manifest, engine: try OpenVINOEngine(folder, threads: threads))
    }

    /// Analyses a DICOM file. ``DCMTKRuntime/initialize(adding:)`` must have been called. Blocks for as long as the model
    /// takes.
    ///
    /// - Parameter file: A Part 10 file.
    /// - Returns: Always an answer for what the image is or is not: unreadable, without pixels, out of scope.
    /// - Throws: ``FileReadError`` when the file cannot be read, ``ModelError`` when the engine fails: nothing that the image
    ///   is to blame for, so trying again makes sense.
    @available(*, noasync)
    package func analyse(file: String) throws -> ImageAnalysis {
        do {
            let image = try SourceImage(file: file) { attributes throws(ImageReason) in try scope.check(attributes) }
            return try analyse(image)
        } catch let reason as ImageReason {
            return answer(.init(reason))
        }
    }

    /// Analyses an image that has been read, without asking for its scope. Blocks.
    ///
    /// - Throws: ``ModelError`` when the engine fails.
    @available(*, noasync)
    package func analyse(_ image: SourceImage) throws(ModelError) -> ImageAnalysis {
        let input = preparation(image.pixels, image.display)
        let record = PreparationRecord(
            revision: Preparation.revision, placement: input.placement, digest: input.digest)
        // A model can turn infinity into a plausible number, so it is not asked.
        guard input.values.allSatisfy(\.isFinite) else {
            return answer(.failed(.nonFiniteInput), preparation: record, orientation: image.orientation)
        }
        let outputs = try engine.run(input.values)
        guard outputs.isFinite else {
            return answer(.failed(.nonFiniteOutput), preparation: record, orientation: image.orientation)
        }
        return answer(
            .analysed, findings: findings(outputs, input.placement, image.orientation), preparation: record,
            orientation: image.orientation)
    }

    private func answer(
        _ outcome: ImageAnalysis.Outcome, findings: [Finding] = [], preparation: PreparationRecord? = nil,
        orientation: ImageOrientation? = nil
    ) -> ImageAnalysis {
        ImageAnalysis(
            outcome: outcome, findings: findings, model: model, preparation: preparation, orientation: orientation)
    }

    private func findings(
        _ outputs: ModelOutputs, _ placement: Placement, _ orientation: ImageOrientation
    ) -> [Finding] {
        let geometry = manifest.outputs.patchLogits.map { PatchGeometry($0, placement) }
        return manifest.classes.enumerated().map { index, entry in
            let probability = sigmoid(Double(outputs.imageLogits[index]) / entry.temperature + entry.bias)
            let isPresent = probability >= entry.threshold
            var heat: HeatGrid?
            if let geometry, let logits = outputs.patchLogits, let temperature = entry.patchTemperature,
                let level = entry.patchThreshold
            {
                heat = geometry.grid(
                    logits, class: index, of: manifest.classes.count, temperature: temperature, level: level)
            }
            let regions =
                isPresent
                ? heat.map {
                    RegionSearch(
                        grid: $0, sourceRows: placement.sourceHeight, sourceColumns: placement.sourceWidth,
                        orientation: orientation
                    ).regions()
                } ?? [] : []
            return Finding(
                key: entry.key, code: entry.code, findingSite: entry.findingSite, probability: probability,
                threshold: entry.threshold, isPresent: isPresent,
                confidence: Confidence(
                    probability: probability, threshold: entry.threshold,
                    lacksRegion: isPresent && heat != nil && regions.isEmpty),
                laterality: Detector.laterality(regions, site: entry.findingSite), regions: regions, heat: heat)
        }
    }

    /// Lung and pleura, in SNOMED CT: organs of two sides.
    private static let pairedSites: Set<String> = ["39607008", "3120008"]

    /// The side of a finding in a paired organ; nil where a region's own side is not known.
    private static func laterality(_ regions: [Region], site: CodedConcept) -> Laterality? {
        guard pairedSites.contains(site.value), !regions.isEmpty else { return nil }
        let sides = regions.compactMap(\.laterality)
        guard sides.count == regions.count, let first = sides.first else { return nil }
        return sides.allSatisfy { $0 == first } ? first : .bilateral
    }
}
