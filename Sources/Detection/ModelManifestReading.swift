import DICOMCore
import Yams

extension ModelManifest {
    /// Reads and checks a manifest. Unknown keys, missing keys and wrong types are errors.
    ///
    /// - Parameters:
    ///   - yaml: The text of `model.yaml`.
    ///   - file: What to call the file in errors.
    package init(yaml: String, file: String) throws(ModelError) {
        var root = try ManifestMapping(try ModelManifest.compose(yaml, file: file), file: file)
        guard try root.integer("schema", in: 0...Int.max) == ModelManifest.schema else {
            throw root.failure("schema", "is not \(ModelManifest.schema), the only one that this version reads")
        }
        // 64 characters: Manufacturer, Manufacturer's Model Name and Software Versions are LO.
        name = try root.text("name", limit: 64)
        version = try root.text("version", limit: 64)
        manufacturer = try root.text("manufacturer", limit: 64)
        guard let uid = UID(try root.text("device_uid")) else { throw root.failure("device_uid", "is not a UID") }
        deviceUID = uid
        sha256 = try root.text("sha256")
        guard sha256.utf8.count == 64, sha256.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
        else {
            throw root.failure("sha256", "is not 64 lower-case hexadecimal digits")
        }
        intendedUse = try root.text("intended_use", limit: 10_000)
        limits = try root.texts("limits")
        licence = try root.text("licence", limit: 10_000)
        var sources: [TrainingData] = []
        for var item in try root.mappings("training_data") { sources.append(try TrainingData(&item)) }
        trainingData = sources
        var input = try root.mapping("input")
        self.input = try Input(&input)
        var outputs = try root.mapping("outputs")
        self.outputs = try Outputs(&outputs)
        classes = try ModelManifest.classes(&root, patches: self.outputs.patchLogits != nil)
        metrics = ManifestValue(try root.node("metrics"))
        try root.finish()
        try checkCounts(root)
    }

    private static func compose(_ yaml: String, file: String) throws(ModelError) -> Node {
        do {
            guard let node = try Yams.compose(yaml: yaml) else { throw ModelError(.manifest, file: file, "is empty") }
            return node
        } catch let error as ModelError {
            throw error
        } catch let error as YamlError {
            throw ModelError(.manifest, file: file, line: error.line, "is not YAML: \(error.problem)")
        } catch {
            throw ModelError(.manifest, file: file, "is not YAML")
        }
    }

    private static func classes(_ root: inout ManifestMapping, patches: Bool) throws(ModelError) -> [FindingClass] {
        var classes: [FindingClass] = []
        for var item in try root.mappings("classes") {
            let entry = try FindingClass(&item, patches: patches)
            guard !classes.contains(where: { $0.key == entry.key }) else { throw item.failure("key", "is there twice") }
            classes.append(entry)
        }
        guard !classes.isEmpty else { throw root.failure("classes", "is an empty list") }
        return classes
    }

    private func checkCounts(_ root: ManifestMapping) throws(ModelError) {
        guard outputs.imageLogits.classes == classes.count else {
            throw root.failure("classes", "holds \(classes.count), image_logits \(outputs.imageLogits.classes)")
        }
        if let patch = outputs.patchLogits, patch.classes != classes.count {
            throw root.failure("classes", "holds \(classes.count), patch_logits \(patch.classes)")
        }
    }
}

extension ModelManifest.TrainingData {
    fileprivate init(_ map: inout ManifestMapping) throws(ModelError) {
        name = try map.text("name")
        licence = try map.text("licence")
        attribution = try map.text("attribution")
        images = try map.integer("images", in: 0...Int.max)
        usedFor = try map.text("used_for")
        try map.finish()
    }
}

extension ModelManifest.Input {
    fileprivate init(_ map: inout ManifestMapping) throws(ModelError) {
        name = try map.text("name")
        width = try map.integer("width", in: 8...8192)
        height = try map.integer("height", in: 8...8192)
        channels = try map.integer("channels", in: 1...3)
        guard channels != 2 else { throw map.failure("channels", "is neither 1 nor 3") }
        guard try map.text("layout") == "NCHW" else {
            throw map.failure("layout", "is not NCHW, the only one there is")
        }
        var range = try map.mapping("value_range")
        low = Float(try range.number("low"))
        high = Float(try range.number("high"))
        guard low < high else { throw range.failure("high", "is not above low") }
        try range.finish()
        var normalise = try map.mapping("normalise")
        mean = try normalise.numbers("mean", count: channels).map { Float($0) }
        std = try normalise.numbers("std", count: channels).map { Float($0) }
        guard std.allSatisfy({ $0 > 0 && $0.isFinite }) else { throw normalise.failure("std", "is not above 0") }
        try normalise.finish()
        var resize = try map.mapping("resize")
        guard try resize.text("policy") == "fit-pad" else {
            throw resize.failure("policy", "is not fit-pad, the only one there is")
        }
        guard try resize.text("interpolation") == "area" else {
            throw resize.failure("interpolation", "is not area, the only one there is")
        }
        pad = Float(try resize.number("pad"))
        try resize.finish()
        var accepts: [ModelManifest.Acceptance] = []
        for var item in try map.mappings("accepts") { accepts.append(try ModelManifest.Acceptance(&item)) }
        guard !accepts.isEmpty else { throw map.failure("accepts", "is an empty list") }
        self.accepts = accepts
        try map.finish()
    }
}

extension ModelManifest.Acceptance {
    fileprivate init(_ map: inout ManifestMapping) throws(ModelError) {
        modality = try map.texts("modality", allowsEmpty: true).map { $0.uppercased() }
        bodyPart = try map.texts("body_part", allowsEmpty: true).map { $0.uppercased() }
        view = try map.texts("view", allowsEmpty: true).map { $0.uppercased() }
        photometric = try map.texts("photometric").map { $0.uppercased() }
        guard photometric.allSatisfy({ $0 == "MONOCHROME1" || $0 == "MONOCHROME2" }) else {
            throw map.failure(
                "photometric", "names what the preparation cannot do (MONOCHROME1 and MONOCHROME2 it can)")
        }
        try map.finish()
    }
}

extension ModelManifest.Outputs {
    fileprivate init(_ map: inout ManifestMapping) throws(ModelError) {
        var image = try map.mapping("image_logits")
        imageLogits = .init(name: try image.text("name"), classes: try image.integer("classes", in: 1...1000))
        try image.finish()
        if var patch = try map.optionalMapping("patch_logits") {
            let name = try patch.text("name")
            var grid = try patch.mapping("grid")
            let rows = try grid.integer("rows", in: 1...1024)
            let columns = try grid.integer("columns", in: 1...1024)
            try grid.finish()
            patchLogits = .init(
                name: name, rows: rows, columns: columns, classes: try patch.integer("classes", in: 1...1000))
            try patch.finish()
        } else {
            patchLogits = nil
        }
        if var item = try map.optionalMapping("embedding") {
            embedding = .init(name: try item.text("name"), size: try item.integer("size", in: 1...65536))
            try item.finish()
        } else {
            embedding = nil
        }
        relevance = try ModelManifest.Outputs.nameOnly(&map, "relevance")
        boxes = try ModelManifest.Outputs.nameOnly(&map, "boxes")
        try map.finish()
    }

    private static func nameOnly(_ map: inout ManifestMapping, _ key: String) throws(ModelError) -> String? {
        guard var item = try map.optionalMapping(key) else { return nil }
        let name = try item.text("name")
        try item.finish()
        return name
    }
}

extension ModelManifest.FindingClass {
    fileprivate init(_ map: inout ManifestMapping, patches: Bool) throws(ModelError) {
        key = try map.text("key", limit: 64)
        var code = try map.mapping("code")
        self.code = try CodedConcept(&code)
        var site = try map.mapping("finding_site")
        findingSite = try CodedConcept(&site)
        temperature = try ModelManifest.FindingClass.temperature(&map, "temperature")
        bias = try map.number("bias")
        threshold = try ModelManifest.FindingClass.probability(&map, "threshold")
        if patches {
            patchTemperature = try ModelManifest.FindingClass.temperature(&map, "patch_temperature")
            patchThreshold = try ModelManifest.FindingClass.probability(&map, "patch_threshold")
        } else {
            patchTemperature = nil
            patchThreshold = nil
        }
        try map.finish()
    }

    private static func temperature(_ map: inout ManifestMapping, _ key: String) throws(ModelError) -> Double {
        let value = try map.number(key)
        guard value > 0 else { throw map.failure(key, "is not above 0") }
        return value
    }

    private static func probability(_ map: inout ManifestMapping, _ key: String) throws(ModelError) -> Double {
        let value = try map.number(key)
        guard value > 0, value < 1 else { throw map.failure(key, "is not between 0 and 1") }
        return value
    }
}

extension CodedConcept {
    fileprivate init(_ map: inout ManifestMapping) throws(ModelError) {
        scheme = try map.text("scheme", limit: 16)
        value = try map.text("value", limit: 16)
        meaning = try map.text("meaning", limit: 64)
        try map.finish()
    }
}

extension ManifestValue {
    init(_ node: Node) {
        switch node {
        case .mapping(let mapping):
            self = .table(mapping.map { .init(key: $0.key.scalar?.string ?? "", value: ManifestValue($0.value)) })
        case .sequence(let sequence):
            self = .list(sequence.map { ManifestValue($0) })
        case .scalar(let scalar) where scalar.style == .plain && node.null != nil:
            self = .nothing
        case .scalar(let scalar) where scalar.style == .plain && node.bool != nil:
            self = .truth(node.bool == true)
        case .scalar(let scalar) where scalar.style == .plain && node.float != nil:
            self = .number(node.float ?? 0)
        case .scalar(let scalar):
            self = .text(scalar.string)
        case .alias:
            self = .nothing
        }
    }
}

extension YamlError {
    fileprivate var line: Int? {
        switch self {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): mark.line
        default: nil
        }
    }

    fileprivate var problem: String {
        switch self {
        case .scanner(_, let problem, _, _), .parser(_, let problem, _, _), .composer(_, let problem, _, _): problem
        case .duplicatedKeysInMapping: "a key is there twice"
        default: "it cannot be read"
        }
    }
}
