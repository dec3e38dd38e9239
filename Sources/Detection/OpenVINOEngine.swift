import COpenVINO
import Synchronization

/// A model in OpenVINO on the CPU: f32 pinned, batch 1, one request.
///
/// Calls on several threads wait for one another: a request holds one input and one set of outputs.
package final class OpenVINOEngine: InferenceEngine {
    /// "OpenVINO" and the build.
    package let version: String
    /// How long reading and compiling took.
    package let loadTime: Duration

    private let session: Mutex<OpenVINOSession>
    private let inputCount: Int

    /// Reads and compiles the model, and checks its tensors against the manifest. Takes from a fraction of a second to some
    /// seconds; blocks.
    ///
    /// - Parameters:
    ///   - folder: Model file and manifest. Its checksum has been checked by ``ModelFolder``.
    ///   - threads: Threads for a run; nil for one for each physical core.
    /// - Throws: ``ModelError`` of code `corrupt`, `tensors` or `engine`.
    @available(*, noasync)
    package init(_ folder: ModelFolder, threads: Int? = nil) throws(ModelError) {
        let start = ContinuousClock.now
        version = try OpenVINOEngine.installed(for: folder)
        session = Mutex(try OpenVINOSession(folder, threads: threads))
        let input = folder.manifest.input
        inputCount = input.channels * input.height * input.width
        openvino_return_free_memory()
        loadTime = ContinuousClock.now - start
    }

    /// "OpenVINO" and the build that would run the model, without loading the model.
    ///
    /// - Throws: ``ModelError`` of code `engine`.
    package static func installed(for folder: ModelFolder) throws(ModelError) -> String {
        try OpenVINOLibrary(for: folder.modelPath).version
    }

    @available(*, noasync)
    package func run(_ input: [Float]) throws(ModelError) -> ModelOutputs {
        try session.withLock { session throws(ModelError) in
            guard input.count == inputCount else { throw session.failure(.engine, "the input has the wrong size") }
            return try session.run(input)
        }
    }
}

/// OpenVINO's objects of one model. Owns them: they are freed in the reverse order of their making.
///
/// Used by one thread at a time, which the engine's lock sees to.
private struct OpenVINOSession {
    private let library: OpenVINOLibrary
    private let compiled: OpenVINOHandle
    private let request: OpenVINOHandle
    private let outputs: ModelManifest.Outputs
    private let inputName: String
    private let file: String

    init(_ folder: ModelFolder, threads: Int?) throws(ModelError) {
        let library = try OpenVINOLibrary(for: folder.modelPath)
        self.library = library
        file = folder.modelPath
        outputs = folder.manifest.outputs
        inputName = folder.manifest.input.name
        let functions = library.functions
        let core = try OpenVINOHandle(
            library, file, .engine, "OpenVINO cannot be started", free: functions.ov_core_free
        ) { functions.ov_core_create(&$0) }
        let model = try OpenVINOHandle(
            library, file, .corrupt, "OpenVINO cannot read it", free: functions.ov_model_free
        ) { [file] out in functions.ov_core_read_model(core.pointer, file, nil, &out) }
        let input = folder.manifest.input
        try OpenVINOSession.fixShape(library, model, input, file: file)
        compiled = try OpenVINOHandle(
            library, file, .corrupt, "OpenVINO cannot compile it", free: functions.ov_compiled_model_free
        ) { out in
            withUnsafePointer(to: functions) { functions in
                guard let threads else {
                    return openvino_compile_for_cpu(functions, core.pointer, model.pointer, nil, &out)
                }
                return openvino_compile_for_cpu(
                    functions, core.pointer, model.pointer, String(max(1, threads)), &out)
            }
        }
        request = try OpenVINOHandle(
            library, file, .engine, "OpenVINO gives no inference request", free: functions.ov_infer_request_free
        ) { [compiled] out in functions.ov_compiled_model_create_infer_request(compiled.pointer, &out) }
        try checkTensors(input)
    }

    func failure(_ code: ModelError.Code, _ problem: String) -> ModelError { ModelError(code, file: file, problem) }

    /// Gives a model with a dynamic batch (or size) the manifest's shape.
    private static func fixShape(
        _ library: OpenVINOLibrary, _ model: OpenVINOHandle, _ input: ModelManifest.Input, file: String
    ) throws(ModelError) {
        let functions = library.functions
        let wrong = ModelError(.tensors, file: file, "has no input \(input.name) of the manifest's shape")
        guard functions.ov_model_is_dynamic(model.pointer) else { return }
        var shape = ov_partial_shape_t()
        let dims = [1, Int64(input.channels), Int64(input.height), Int64(input.width)]
        guard functions.ov_partial_shape_create_static(4, dims, &shape) == OK else { throw wrong }
        defer { functions.ov_partial_shape_free(&shape) }
        guard functions.ov_model_reshape_input_by_name(model.pointer, input.name, shape) == OK else { throw wrong }
    }

    private func checkTensors(_ input: ModelManifest.Input) throws(ModelError) {
        let (inputs, results) = (
            library.functions.ov_compiled_model_input_by_name, library.functions.ov_compiled_model_output_by_name
        )
        try check(input.name, [1, input.channels, input.height, input.width], of: inputs)
        try check(outputs.imageLogits.name, [1, outputs.imageLogits.classes], of: results)
        if let patch = outputs.patchLogits {
            try check(patch.name, [1, patch.rows * patch.columns, patch.classes], of: results)
        }
        if let embedding = outputs.embedding { try check(embedding.name, [1, embedding.size], of: results) }
    }

    private typealias PortByName =
        (OpaquePointer?, UnsafePointer<CChar>?, UnsafeMutablePointer<OpaquePointer?>?) -> ov_status_e

    private func check(_ name: String, _ expected: [Int], of port: PortByName) throws(ModelError) {
        let functions = library.functions
        var found: OpaquePointer?
        guard port(compiled.pointer, name, &found) == OK, let found else {
            throw failure(.tensors, "has no tensor named \(name)")
        }
        defer { functions.ov_output_const_port_free(found) }
        var type = DYNAMIC
        var shape = ov_shape_t(rank: 0, dims: nil)
        guard functions.ov_port_get_element_type(found, &type) == OK,
            functions.ov_const_port_get_shape(found, &shape) == OK
        else {
            throw failure(.tensors, "the shape of \(name) is not fixed")
        }
        defer { _ = functions.ov_shape_free(&shape) }
        let dims = (0..<Int(shape.rank)).map { Int(shape.dims?[$0] ?? 0) }
        guard type == F32 else { throw failure(.tensors, "\(name) is not of type f32") }
        guard dims == expected else {
            throw failure(.tensors, "\(name) has the shape \(dims), the manifest says \(expected)")
        }
    }

    func run(_ input: [Float]) throws(ModelError) -> ModelOutputs {
        try withTensor(inputName) { tensor, count throws(ModelError) in
            guard count == input.count else { throw failure(.engine, "the input has the wrong size") }
            input.withUnsafeBufferPointer { source in
                if let base = source.baseAddress { tensor.update(from: base, count: count) }
            }
        }
        guard library.functions.ov_infer_request_infer(request.pointer) == OK else {
            throw failure(.engine, "the run failed: \(library.lastMessage)")
        }
        let image = try read(outputs.imageLogits.name)
        guard let patch = outputs.patchLogits else { return ModelOutputs(imageLogits: image, patchLogits: nil) }
        return ModelOutputs(imageLogits: image, patchLogits: try read(patch.name))
    }

    private func read(_ name: String) throws(ModelError) -> [Float] {
        try withTensor(name) { pointer, count in Array(UnsafeBufferPointer(start: pointer, count: count)) }
    }

    /// The memory of a tensor of the request: valid during the body, since the request owns it.
    private func withTensor<Result>(
        _ name: String, _ body: (UnsafeMutablePointer<Float>, Int) throws(ModelError) -> Result
    ) throws(ModelError) -> Result {
        let functions = library.functions
        var tensor: OpaquePointer?
        guard functions.ov_infer_request_get_tensor(request.pointer, name, &tensor) == OK, let tensor else {
            throw failure(.engine, "there is no tensor named \(name)")
        }
        defer { functions.ov_tensor_free(tensor) }
        var data: UnsafeMutableRawPointer?
        var count = 0
        var type = DYNAMIC
        guard functions.ov_tensor_data(tensor, &data) == OK, functions.ov_tensor_get_size(tensor, &count) == OK,
            functions.ov_tensor_get_element_type(tensor, &type) == OK, type == F32, let data
        else { throw failure(.engine, "the tensor \(name) cannot be read") }
        return try body(data.assumingMemoryBound(to: Float.self), count)
    }
}

/// One object of OpenVINO's C API, freed when the last reference goes. A class, so that the session can share it with
/// closures while it is being made; it never leaves the session.
private final class OpenVINOHandle {
    let pointer: OpaquePointer
    private let free: (OpaquePointer?) -> Void

    init(
        _ library: OpenVINOLibrary, _ file: String, _ code: ModelError.Code, _ problem: String,
        free: @escaping (OpaquePointer?) -> Void,
        make: (inout OpaquePointer?) -> ov_status_e
    ) throws(ModelError) {
        var made: OpaquePointer?
        guard make(&made) == OK, let made else {
            throw ModelError(code, file: file, "\(problem): \(library.lastMessage)")
        }
        pointer = made
        self.free = free
    }

    deinit { free(pointer) }
}
