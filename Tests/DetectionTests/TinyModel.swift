import Crypto
import Foundation
import NodeTestSupport

/// A small real model, made here byte by byte (ONNX is protobuf), so that no test needs a trained one: each patch's logit
/// is `gain` times its mean grey value plus `bias`; a class's image logit is its highest patch.
struct TinyModel {
    /// Columns and rows of the canvas.
    var size = 512
    /// Side of a patch.
    var patch = 16
    /// One for each class.
    var gains: [Float] = [20, -20]
    /// One for each class.
    var biases: [Float] = [-10, 8]
    /// Leaves the batch open.
    var hasDynamicBatch = false
    var imageName = "image_logits"
    var patchName = "patch_logits"

    /// The manifest, as the shipped one is written.
    var manifest: String {
        let grid = size / patch
        let classes = ["bright", "dark"].prefix(gains.count).map { key in
            """
            - key: \(key)
              code: {scheme: SCT, value: '4147007', meaning: Mass}
              finding_site: {scheme: SCT, value: '39607008', meaning: Lung}
              temperature: 1.0
              bias: 0.0
              threshold: 0.5
              patch_temperature: 1.0
              patch_threshold: 0.5
            """
        }
        return """
            schema: 1
            name: tiny
            version: '1.0'
            device_uid: '2.25.7'
            manufacturer: Test
            sha256: \(sha256)
            intended_use: Tests.
            limits: [None of it means anything.]
            licence: As the source.
            training_data:
            - {name: None, licence: None, attribution: Nobody, images: 0, used_for: nothing}
            input:
              name: image
              width: \(size)
              height: \(size)
              channels: 1
              layout: NCHW
              value_range: {low: 0.0, high: 1.0}
              normalise: {mean: 0.0, std: 1.0}
              resize: {policy: fit-pad, interpolation: area, pad: 0.0}
              accepts:
              - modality: [CR, DX]
                body_part: [CHEST, '']
                view: [PA, AP, '']
                photometric: [MONOCHROME1, MONOCHROME2]
            outputs:
              image_logits: {name: \(imageName), classes: \(gains.count)}
              patch_logits: {name: \(patchName), grid: {rows: \(grid), columns: \(grid)}, classes: \(gains.count)}
            classes:
            \(classes.joined(separator: "\n"))
            metrics: {note: none}
            """
    }

    private var sha256: String { Data(SHA256.hash(data: onnx)).map { String(format: "%02x", $0) }.joined() }

    /// A model folder with both files.
    func write(in folder: TemporaryFolder, _ name: String = "model") throws -> String {
        try write(in: folder, name, manifest: manifest, onnx: onnx)
    }

    /// A model folder with files that may not belong together.
    func write(in folder: TemporaryFolder, _ name: String, manifest: String, onnx: Data?) throws -> String {
        let path = folder.path(name)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Data(manifest.utf8).write(to: URL(filePath: "\(path)/model.yaml"))
        if let onnx { try onnx.write(to: URL(filePath: "\(path)/model.onnx")) }
        return path
    }

    /// The model file.
    var onnx: Data {
        let count = gains.count
        let grid = size / patch
        let weights = gains.flatMap { Array(repeating: $0 / Float(patch * patch), count: patch * patch) }
        let strides = Protobuf.attribute("strides", ints: [patch, patch])
        let nodes = [
            Protobuf.node("Conv", ["image", "w", "b"], ["patches"], [strides]),
            Protobuf.node("Reshape", ["patches", "shape"], ["flat"], []),
            Protobuf.node("Transpose", ["flat"], [patchName], [Protobuf.attribute("perm", ints: [0, 2, 1])]),
            Protobuf.node(
                "ReduceMax", [patchName], [imageName],
                [Protobuf.attribute("axes", ints: [1]), Protobuf.attribute("keepdims", int: 0)]),
        ]
        let initializers = [
            Protobuf.tensor("w", [count, 1, patch, patch], floats: weights),
            Protobuf.tensor("b", [count], floats: biases),
            Protobuf.tensor("shape", [3], integers: [0, Int64(count), Int64(grid * grid)]),
        ]
        let batch: Int? = hasDynamicBatch ? nil : 1
        var graph: [UInt8] = []
        for node in nodes { graph += Protobuf.field(1, node) }
        graph += Protobuf.field(2, "tiny")
        for initializer in initializers { graph += Protobuf.field(5, initializer) }
        graph += Protobuf.field(11, Protobuf.value("image", [batch, 1, size, size]))
        graph += Protobuf.field(12, Protobuf.value(patchName, [batch, grid * grid, count]))
        graph += Protobuf.field(12, Protobuf.value(imageName, [batch, count]))
        let opset = Protobuf.field(1, "") + Protobuf.field(2, varint: 13)
        return Data(Protobuf.field(1, varint: 8) + Protobuf.field(7, graph) + Protobuf.field(8, opset))
    }
}

/// As much of protobuf's encoding and of ONNX's messages (onnx.proto3) as a small model needs.
private enum Protobuf {
    static func varint(_ number: Int) -> [UInt8] {
        var rest = UInt64(bitPattern: Int64(number))
        var bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    static func field(_ number: Int, varint value: Int) -> [UInt8] { varint(number << 3) + varint(value) }
    static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(bytes.count) + bytes
    }
    static func field(_ number: Int, _ text: String) -> [UInt8] { field(number, Array(text.utf8)) }

    static func attribute(_ name: String, ints: [Int]) -> [UInt8] {
        field(1, name) + ints.flatMap { field(8, varint: $0) } + field(20, varint: 7)
    }

    static func attribute(_ name: String, int: Int) -> [UInt8] {
        field(1, name) + field(3, varint: int) + field(20, varint: 2)
    }

    static func node(_ type: String, _ inputs: [String], _ outputs: [String], _ attributes: [[UInt8]]) -> [UInt8] {
        inputs.flatMap { field(1, $0) } + outputs.flatMap { field(2, $0) } + field(4, type)
            + attributes.flatMap { field(5, $0) }
    }

    static func tensor(_ name: String, _ dims: [Int], floats: [Float]) -> [UInt8] {
        dims.flatMap { field(1, varint: $0) } + field(2, varint: 1) + field(8, name)
            + field(9, floats.withUnsafeBytes { Array($0) })
    }

    static func tensor(_ name: String, _ dims: [Int], integers: [Int64]) -> [UInt8] {
        dims.flatMap { field(1, varint: $0) } + field(2, varint: 7) + field(8, name)
            + field(9, integers.withUnsafeBytes { Array($0) })
    }

    /// A name with a type of f32; nil is an open dimension.
    static func value(_ name: String, _ dims: [Int?]) -> [UInt8] {
        let shape = dims.flatMap { dim in field(1, dim.map { field(1, varint: $0) } ?? field(2, "N")) }
        return field(1, name) + field(2, field(1, field(1, varint: 1) + field(2, shape)))
    }
}
