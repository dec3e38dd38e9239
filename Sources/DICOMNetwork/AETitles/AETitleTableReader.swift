import DICOMCore
import Foundation

extension AETitleTable {
    /// Files above this are not read: a table of a thousand peers has a tenth of it.
    package static let maximumFileSize = 1 << 20

    /// Reads and checks a file. Names are resolved by `resolver`, which may block. Throws ``AETitleTableError`` with all
    /// that is wrong.
    package init(contentsOf path: String, resolver: HostResolver = .system()) throws {
        let data: Data
        do {
            let handle = try FileHandle(forReadingFrom: URL(filePath: path))
            defer { try? handle.close() }
            data = try handle.read(upToCount: AETitleTable.maximumFileSize + 1) ?? Data()
        } catch {
            throw AETitleTableError(
                file: path, "The file cannot be read.", "See that it is there and that this user may read it.")
        }
        guard data.count <= AETitleTable.maximumFileSize else {
            throw AETitleTableError(file: path, "The file is larger than 1 MiB.", "See that it is the right one.")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw AETitleTableError(file: path, "The file is not UTF-8.", "Save it as UTF-8 or plain ASCII.")
        }
        try self.init(parsing: text, file: path, resolver: resolver)
    }

    /// Checks the text of a file; `file` is its name in messages. Throws ``AETitleTableError`` with all that is wrong.
    package init(parsing text: String, file: String, resolver: HostResolver = .system()) throws {
        var reader = AETitleTableReader(syntax: AETitleSyntax(text), file: file)
        self = try reader.table(resolver: resolver)
    }
}

extension AETitleTableError {
    fileprivate init(file: String, _ message: String, _ suggestion: String) {
        self.init(diagnostics: [
            AETitleDiagnostic(file: file, line: 1, column: 1, message: message, suggestion: suggestion)
        ])
    }
}

/// Gives the sections of AETitles.conf their meaning, and collects what is wrong.
struct AETitleTableReader {
    typealias Token = AETitleSyntax.Token
    typealias Section = AETitleSyntax.Section
    typealias Role = ApplicationEntity.Role

    let syntax: AETitleSyntax
    let file: String
    var diagnostics: [AETitleDiagnostic] = []
    /// Addresses of the names in the file, once asked for.
    var resolved: [String: [String]] = [:]

    init(syntax: AETitleSyntax, file: String) {
        self.syntax = syntax
        self.file = file
    }

    mutating func report(_ token: Token, _ message: String, _ suggestion: String? = nil) {
        diagnostics.append(
            AETitleDiagnostic(
                file: file, line: token.line, column: token.column, message: message, suggestion: suggestion))
    }

    /// The table, if nothing is wrong.
    mutating func table(resolver: HostResolver) throws -> AETitleTable {
        for problem in syntax.problems { report(problem.at, problem.message, problem.suggestion) }
        let names = hostNames()
        if !names.isEmpty { resolved = resolver.resolve(names) }

        var nodes: [(section: Section, entity: NodeEntity?)] = []
        var entities: [ApplicationEntity] = []
        for section in syntax.sections {
            let title = checkedTitle(of: section)
            guard let roles = checkedRoles(of: section) else { continue }
            checkKeys(of: section, roles)
            if roles == [.node] {
                nodes.append((section, title.flatMap { node(section, $0) }))
            } else if let entity = entity(section, title, roles) {
                entities.append(entity)
            }
        }
        checkNodes(nodes.map(\.section))
        checkResults()
        guard diagnostics.isEmpty, let node = nodes.first?.entity else {
            throw AETitleTableError(
                diagnostics: diagnostics.sorted { ($0.line, $0.column) < ($1.line, $1.column) })
        }
        return AETitleTable(node: node, entities: entities)
    }

    // MARK: Sections

    private mutating func checkedTitle(of section: Section) -> AETitle? {
        let name = section.name.text
        if name == "*" { return nil }
        if let title = AETitle(name) { return title }
        if name.isEmpty {
            report(section.name, "The section has no name.", "Write the AE title between the brackets.")
        } else if name.utf8.count > 16 {
            report(
                section.name, "An AE title has at most 16 characters; this one has \(name.utf8.count).",
                "Shorten it here and in the peer.")
        } else {
            report(
                section.name, "An AE title is of printable ASCII characters without backslash.",
                "Write it as the peer sends it.")
        }
        return nil
    }

    /// Nil where the role is missing or unknown: then no more is said of the section.
    private mutating func checkedRoles(of section: Section) -> Set<Role>? {
        guard let value = section.value("role") else {
            report(
                section.name, "The section [\(section.name.text)] has no role.",
                "Write \"role = source\", \"role = destination\", both with a comma, or \"role = self\".")
            return nil
        }
        var roles: Set<Role> = []
        for word in value.list where !value.text.isEmpty {
            guard let role = Role(rawValue: word.text) else {
                reportUnknown(word, "role", among: Role.allCases.map(\.rawValue))
                return nil
            }
            if !roles.insert(role).inserted {
                report(word, "The role \"\(word.text)\" is there twice.", "Take one out.")
            }
        }
        if roles.contains(.node), roles.count > 1 {
            report(value, "This node cannot be a source or a destination of its own.", "Write \"role = self\" alone.")
            return nil
        }
        if section.name.text == "*", roles != [.source] {
            report(value, "[*] can only be a source.", "Give a destination a section with its AE title.")
            return nil
        }
        return roles.isEmpty ? nil : roles
    }

    private mutating func checkKeys(of section: Section, _ roles: Set<Role>) {
        for entry in section.entries {
            guard let key = AETitleKey.named(entry.key.text) else {
                let known = AETitleKey.all.filter { !roles.isDisjoint(with: $0.roles) }.map(\.name)
                let near = nearest(to: entry.key.text, among: known)
                report(
                    entry.key, "There is no key \"\(entry.key.text)\".",
                    near.map { "Did you mean \"\($0)\"?" } ?? "Keys here are \(known.joined(separator: ", ")).")
                continue
            }
            guard !roles.isDisjoint(with: key.roles) else {
                let role = key.roles.map(\.rawValue).joined(separator: " or ")
                report(
                    entry.key, "\"\(key.name)\" is not a key of this section's role.", "It belongs to role = \(role).")
                continue
            }
            guard let only = key.onlyValue, entry.value.text != only, !entry.value.text.isEmpty else { continue }
            report(
                entry.value, "\"\(key.name) = \(entry.value.text)\" is not yet supported in this version.",
                "Write \"\(key.name) = \(only)\", or take the line out.")
        }
    }

    private mutating func checkNodes(_ sections: [Section]) {
        guard let first = sections.first else {
            // A section that is damaged may have been meant; its own message is enough then.
            guard diagnostics.isEmpty else { return }
            let start = Token(text: "", line: 1, column: 1)
            report(
                start, "No section has role = self.", "Add \"[OVERREAD]\" with \"role = self\" and \"port = 11112\".")
            return
        }
        for section in sections.dropFirst() {
            report(
                section.name, "A second section has role = self.",
                "The first is [\(first.name.text)] on line \(first.name.line); this node has one title.")
        }
    }

    private mutating func checkResults() {
        let destinations = syntax.sections.filter { section in
            section.value("role")?.list.contains { $0.text == Role.destination.rawValue } ?? false
        }.map(\.name.text)
        for section in syntax.sections {
            for name in (section.value("results")?.list ?? []) + [section.value("archive")].compactMap({ $0 })
            where !name.text.isEmpty && !destinations.contains(name.text) {
                if syntax.sections.contains(where: { $0.name.text == name.text }) {
                    report(
                        name, "[\(name.text)] does not take results.",
                        "Add \"destination\" to its role, or name another.")
                } else {
                    let near = nearest(to: name.text, among: destinations)
                    report(
                        name, "There is no destination [\(name.text)].",
                        near.map { "Did you mean \"\($0)\"?" } ?? "Add its section, with role = destination.")
                }
            }
        }
    }
}
