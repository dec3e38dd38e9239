import Foundation
import NodeTestSupport

/// Copies of the shipped models with something changed: for what the shipped one does not do on a synthetic image.
enum AlteredModel {
    /// Every class is called present, whatever its probability.
    static func flagsEverything(in folder: String) throws -> String {
        try copy(to: folder) { manifest in
            manifest.replacing(/(\n *(?:patch_)?threshold:) [0-9.e-]+/) { "\($0.output.1) 0.000001" }
        }
    }

    /// No class is ever called present.
    static func flagsNothing(in folder: String) throws -> String {
        try copy(to: folder) { manifest in
            manifest.replacing(/(\n *(?:patch_)?threshold:) [0-9.e-]+/) { "\($0.output.1) 0.999999" }
        }
    }

    /// The input is divided by next to nothing, overflows inside, and every output is not a number.
    static func givesNaN(in folder: String) throws -> String {
        try copy(to: folder) { manifest in
            manifest.replacing(/(\n *std:) [0-9.]+/) { "\($0.output.1) 1.0e-38" }
        }
    }

    /// The network's file ends in the middle.
    static func corrupt(in folder: String) throws -> String {
        let models = try copy(to: folder) { $0 }
        for name in try FileManager.default.contentsOfDirectory(atPath: models) {
            let file = "\(models)/\(name)/model.onnx"
            guard let network = FileManager.default.contents(atPath: file) else { continue }
            try network.prefix(network.count / 2).write(to: URL(filePath: file))
        }
        return models
    }

    private static func copy(to folder: String, _ change: (String) -> String) throws -> String {
        let shipped = Checkout.path("Models")
        for name in try FileManager.default.contentsOfDirectory(atPath: shipped) {
            let manifest = "\(shipped)/\(name)/model.yaml"
            guard let text = try? String(contentsOfFile: manifest, encoding: .utf8) else { continue }
            let target = "\(folder)/\(name)"
            try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: "\(shipped)/\(name)/model.onnx", toPath: "\(target)/model.onnx")
            try change(text).write(toFile: "\(target)/model.yaml", atomically: true, encoding: .utf8)
        }
        return folder
    }
}
