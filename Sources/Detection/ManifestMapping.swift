import Yams

/// A mapping of the manifest while it is read: takes keys by name and type, and finds those that nobody took.
///
/// Every failure is a ``ModelError`` of code `manifest` with file, key path and line.
struct ManifestMapping {
    private let entries: [String: Node]
    private let order: [(key: String, line: Int?)]
    private let file: String
    private let path: String
    private let line: Int?
    private var taken: Set<String> = []

    init(_ node: Node, file: String, path: String = "") throws(ModelError) {
        guard let mapping = node.mapping else {
            throw ModelError(
                .manifest, file: file, key: path.isEmpty ? nil : path, line: node.mark?.line, "is not a mapping")
        }
        var entries: [String: Node] = [:]
        var order: [(key: String, line: Int?)] = []
        for (key, value) in mapping {
            guard let name = key.scalar?.string else {
                throw ModelError(.manifest, file: file, key: path, line: key.mark?.line, "a key is not a text")
            }
            entries[name] = value
            order.append((name, key.mark?.line))
        }
        self.entries = entries
        self.order = order
        self.file = file
        self.path = path
        self.line = node.mark?.line
    }

    func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    func failure(_ key: String, _ problem: String) -> ModelError {
        ModelError(.manifest, file: file, key: path(of: key), line: entries[key]?.mark?.line ?? line, problem)
    }

    /// Throws for the first key that was not taken.
    func finish() throws(ModelError) {
        if let unknown = order.first(where: { !taken.contains($0.key) }) {
            throw ModelError(
                .manifest, file: file, key: path(of: unknown.key), line: unknown.line, "is not a known key")
        }
    }

    mutating func optionalNode(_ key: String) -> Node? {
        taken.insert(key)
        guard let node = entries[key], node.null == nil || node.scalar?.style != .plain else { return nil }
        return node
    }

    mutating func node(_ key: String) throws(ModelError) -> Node {
        guard let node = optionalNode(key) else { throw failure(key, "is missing") }
        return node
    }

    mutating func mapping(_ key: String) throws(ModelError) -> ManifestMapping {
        try ManifestMapping(try node(key), file: file, path: path(of: key))
    }

    mutating func optionalMapping(_ key: String) throws(ModelError) -> ManifestMapping? {
        guard let node = optionalNode(key) else { return nil }
        return try ManifestMapping(node, file: file, path: path(of: key))
    }

    mutating func mappings(_ key: String) throws(ModelError) -> [ManifestMapping] {
        let items = try sequence(key)
        var result: [ManifestMapping] = []
        for (index, item) in items.enumerated() {
            result.append(try ManifestMapping(item, file: file, path: "\(path(of: key))[\(index)]"))
        }
        return result
    }

    /// A text that is not empty, at most `limit` characters. A number or truth value written without quotes is refused, so
    /// that a version 1.10 is not read as 1.1.
    mutating func text(_ key: String, limit: Int = 1024) throws(ModelError) -> String {
        guard let text = plainText(try node(key)) else { throw failure(key, "is not a text (put it in quotes)") }
        guard !text.isEmpty, text.count <= limit else {
            throw failure(key, "is empty or longer than \(limit) characters")
        }
        return text
    }

    mutating func optionalText(_ key: String) throws(ModelError) -> String? {
        optionalNode(key) == nil ? nil : try text(key)
    }

    /// Texts, which may be empty if `allowsEmpty`; at least one.
    mutating func texts(_ key: String, allowsEmpty: Bool = false) throws(ModelError) -> [String] {
        var result: [String] = []
        for item in try sequence(key) {
            guard let text = plainText(item), allowsEmpty || !text.isEmpty else {
                throw failure(key, "holds what is not a text")
            }
            result.append(text)
        }
        guard !result.isEmpty else { throw failure(key, "is an empty list") }
        return result
    }

    mutating func integer(_ key: String, in range: ClosedRange<Int>) throws(ModelError) -> Int {
        guard let value = try node(key).int else { throw failure(key, "is not a whole number") }
        guard range.contains(value) else {
            throw failure(key, "is not between \(range.lowerBound) and \(range.upperBound)")
        }
        return value
    }

    mutating func number(_ key: String) throws(ModelError) -> Double {
        guard let value = number(try node(key)) else { throw failure(key, "is not a finite number") }
        return value
    }

    /// A number, or a list of exactly `count` numbers; a single one is repeated.
    mutating func numbers(_ key: String, count: Int) throws(ModelError) -> [Double] {
        let node = try node(key)
        if let value = number(node) { return Array(repeating: value, count: count) }
        let values = node.sequence.map { $0.compactMap(number) } ?? []
        guard values.count == count, values.count == node.sequence?.count else {
            throw failure(key, "is not a number or a list of \(count) numbers")
        }
        return values
    }

    private mutating func sequence(_ key: String) throws(ModelError) -> [Node] {
        guard let sequence = try node(key).sequence else { throw failure(key, "is not a list") }
        return Array(sequence)
    }

    private func number(_ node: Node) -> Double? {
        guard let value = node.float, value.isFinite else { return nil }
        return value
    }

    private func plainText(_ node: Node) -> String? {
        guard let scalar = node.scalar else { return nil }
        if scalar.style == .plain, node.float != nil || node.bool != nil { return nil }
        return scalar.string
    }
}
