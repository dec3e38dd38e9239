import DICOMCore
import Foundation
import NodeTestSupport
import Testing

@testable import Detection

@Suite struct ManifestTests {
    private func manifest(_ yaml: String) throws(ModelError) -> ModelManifest {
        try ModelManifest(yaml: yaml, file: "model.yaml")
    }

    @Test("A manifest is read whole")
    func aManifestIsReadWhole() throws {
        let manifest = try manifest(TinyModel().manifest)
        #expect(manifest.name == "tiny" && manifest.version == "1.0" && manifest.deviceUID.value == "2.25.7")
        #expect(manifest.input.accepts.first?.view == ["PA", "AP", ""])
        #expect(manifest.outputs.patchLogits?.rows == 32 && manifest.outputs.embedding == nil)
        #expect(manifest.classes.map(\.key) == ["bright", "dark"])
        #expect(manifest.classes[0].findingSite == CodedConcept(scheme: "SCT", value: "39607008", meaning: "Lung"))
        #expect(manifest.metrics == .table([.init(key: "note", value: .text("none"))]))
        #expect(manifest.trainingData.first?.images == 0)
    }

    @Test(
        "The shipped manifests are valid, and belong to their model files",
        .enabled(if: FileManager.default.fileExists(atPath: Checkout.path("Models")), "no model is shipped yet"))
    func theShippedManifestsAreValid() throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: Checkout.path("Models")) {
            let folder = try ModelFolder.load(Checkout.path("Models/\(name)"))
            #expect(!folder.manifest.classes.isEmpty)
        }
    }

    /// What is written in the place of what, and the key and the words of the error.
    private static let faults: [(String, String, String?, String)] = [
        ("name: tiny", "nom: tiny", "name", "is missing"),
        ("manufacturer: Test", "manufacturer: Test\ncolour: red", "colour", "is not a known key"),
        ("width: 512", "width: wide", "input.width", "is not a whole number"),
        ("width: 512", "width: 0", "input.width", "is not between"),
        ("version: '1.0'", "version: 1.0", "version", "is not a text"),
        ("device_uid: '2.25.7'", "device_uid: '../7'", "device_uid", "is not a UID"),
        ("layout: NCHW", "layout: NHWC", "input.layout", "is not NCHW"),
        ("interpolation: area", "interpolation: nearest", "input.resize.interpolation", "is not area"),
        ("std: 1.0", "std: 0", "input.normalise.std", "is not above 0"),
        ("mean: 0.0", "mean: [0, 1]", "input.normalise.mean", "is not a number or a list of 1"),
        ("high: 1.0", "high: .nan", "input.value_range.high", "is not a finite number"),
        ("classes: 2}\n  patch", "classes: 3}\n  patch", "classes", "holds 2, image_logits 3"),
        ("columns: 32}, classes: 2", "columns: 32}, classes: 1", "classes", "holds 2, patch_logits 1"),
        (
            "threshold: 0.5\n  patch_temp", "threshold: 1.5\n  patch_temp", "classes[0].threshold",
            "is not between 0 and 1"
        ),
        ("  patch_threshold: 0.5\n- key", "- key", "classes[0].patch_threshold", "is missing"),
        ("temperature: 1.0\n  bias", "temperature: -1\n  bias", "classes[0].temperature", "is not above 0"),
        ("key: dark", "key: bright", "classes[1].key", "is there twice"),
        ("value: '4147007'", "value: 4147007", "classes[0].code.value", "is not a text"),
        ("meaning: Mass", "meaning: \(String(repeating: "m", count: 65))", "classes[0].code.meaning", "longer than 64"),
        ("photometric: [MONOCHROME1, ", "photometric: [RGB, ", "input.accepts[0].photometric", "cannot do"),
        ("modality: [CR, DX]", "modality: CR", "input.accepts[0].modality", "is not a list"),
        ("schema: 1", "schema: 2", "schema", "is not 1"),
        ("schema: 1", "schema: 1\nschema: 1", nil, "twice"),
        ("sha256: ", "sha256: 0", "sha256", "64 lower-case hexadecimal"),
        ("limits: [None of it means anything.]", "limits: [", nil, "is not YAML"),
    ]

    @Test("A fault is named with file, key and line", arguments: faults.indices)
    func aFaultIsNamed(index: Int) throws {
        let (good, bad, key, words) = ManifestTests.faults[index]
        let yaml = TinyModel().manifest
        let place = try #require(yaml.range(of: good))
        let error = try #require(throws: ModelError.self) {
            _ = try manifest(yaml.replacingCharacters(in: place, with: bad))
        }
        #expect(error.code == .manifest && error.key == key)
        #expect(error.description.contains(words) && error.description.hasPrefix("model.yaml"), "\(error)")
        if key == "input.width" {
            #expect(error.line == 14 && error.description.hasPrefix("model.yaml:14: input.width: "))
        }
        if key == "colour" { #expect(error.line == 6) }
    }

    @Test(
        "A manifest that is no mapping, or empty, or nothing but text is refused",
        arguments: ["", "- 1", "text", "\t:"])
    func nonsenseIsRefused(yaml: String) {
        #expect(throws: ModelError.self) { _ = try manifest(yaml) }
    }
}

@Suite struct ModelFolderTests {
    private func load(_ path: String) throws -> ModelFolder { try ModelFolder.load(path) }

    @Test("What is missing is named")
    func whatIsMissingIsNamed() throws {
        let folder = try TemporaryFolder()
        let nowhere = try #require(throws: ModelError.self) { _ = try load(folder.path("nowhere")) }
        #expect(nowhere.code == .missing && nowhere.file == folder.path("nowhere"))
        let empty = try #require(throws: ModelError.self) { _ = try load(folder.url.path) }
        #expect(empty.code == .missing && empty.file.hasSuffix("/model.yaml"))
        let path = try TinyModel().write(in: folder, "half", manifest: TinyModel().manifest, onnx: nil)
        let half = try #require(throws: ModelError.self) { _ = try load(path) }
        #expect(half.code == .missing && half.file.hasSuffix("/model.onnx"))
    }

    @Test("A model file that is not the manifest's is refused")
    func anotherModelFileIsRefused() throws {
        let folder = try TemporaryFolder()
        var onnx = TinyModel().onnx
        onnx[onnx.count / 2] ^= 1
        let path = try TinyModel().write(in: folder, "other", manifest: TinyModel().manifest, onnx: onnx)
        let error = try #require(throws: ModelError.self) { _ = try load(path) }
        #expect(error.code == .checksum && error.file.hasSuffix("/model.onnx"))
        #expect(error.description.contains("sha256 differs"))
    }
}
