import Crypto
import Foundation
import NodeTestSupport
import Testing

@testable import Detection

/// Loads and runs on the test's own thread.
private func engine(_ model: TinyModel, threads: Int? = 1) throws -> OpenVINOEngine {
    let folder = try TemporaryFolder()
    return try OpenVINOEngine(try ModelFolder.load(try model.write(in: folder)), threads: threads)
}

private func outputs(_ engine: OpenVINOEngine, _ input: [Float]) throws -> ModelOutputs { try engine.run(input) }

@Suite struct EngineTests {
    @Test("OpenVINO computes what the model says", arguments: [false, true])
    func theModelIsComputed(hasDynamicBatch: Bool) throws {
        var model = TinyModel(size: 64)
        model.hasDynamicBatch = hasDynamicBatch
        let engine = try engine(model)
        // One patch of 16: row 1, column 2, at grey 0.75.
        var input = [Float](repeating: 0, count: 64 * 64)
        for y in 16..<32 { for x in 32..<48 { input[y * 64 + x] = 0.75 } }
        let result = try outputs(engine, input)
        let patch = try #require(result.patchLogits)
        #expect(patch.count == 16 * 2)
        for index in 0..<16 {
            #expect(abs(patch[index * 2] - (index == 6 ? 5 : -10)) < 1e-4)
            #expect(abs(patch[index * 2 + 1] - (index == 6 ? -7 : 8)) < 1e-4)
        }
        #expect(abs(result.imageLogits[0] - 5) < 1e-4 && abs(result.imageLogits[1] - 8) < 1e-4)
        #expect(engine.version.hasPrefix("OpenVINO 20") && engine.loadTime > .zero)
    }

    @Test("A file that is no model is refused, though its checksum is right")
    func garbageIsRefused() throws {
        let folder = try TemporaryFolder()
        let garbage = Data((0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 37) })
        let sum = Data(SHA256.hash(data: garbage)).map { String(format: "%02x", $0) }.joined()
        let yaml = TinyModel().manifest.replacing(/sha256: [0-9a-f]{64}/, with: "sha256: \(sum)")
        let path = try TinyModel().write(in: folder, "garbage", manifest: yaml, onnx: garbage)
        let error = try #require(throws: ModelError.self) { _ = try OpenVINOEngine(try ModelFolder.load(path)) }
        #expect(error.code == .corrupt && error.file.hasSuffix("/model.onnx"))
    }

    @Test(
        "Tensors that are not as the manifest says are refused, by name",
        arguments: [
            ("name: image_logits", "name: logits", "has no tensor named logits"),
            ("name: image\n", "name: picture\n", "has no tensor named picture"),
            ("rows: 32, columns: 32", "rows: 16, columns: 32", "patch_logits has the shape [1, 1024, 2]"),
            ("width: 512", "width: 256", "image has the shape [1, 1, 512, 512]"),
            (
                "  image_logits:", "  embedding: {name: image_logits, size: 9}\n  image_logits:",
                "the manifest says [1, 9]"
            ),
        ])
    func otherTensorsAreRefused(good: String, bad: String, words: String) throws {
        let folder = try TemporaryFolder()
        let model = TinyModel()
        let place = try #require(model.manifest.range(of: good))
        let yaml = model.manifest.replacingCharacters(in: place, with: bad)
        let path = try model.write(in: folder, "other", manifest: yaml, onnx: model.onnx)
        let error = try #require(throws: ModelError.self) { _ = try OpenVINOEngine(try ModelFolder.load(path)) }
        #expect(error.code == .tensors && error.description.contains(words), "\(error)")
    }

    @Test("An input of the wrong size is refused, not read beyond its end")
    func aShortInputIsRefused() throws {
        let engine = try engine(TinyModel(size: 64))
        let error = try #require(throws: ModelError.self) { _ = try outputs(engine, [0, 1, 2]) }
        #expect(error.code == .engine)
    }
}
