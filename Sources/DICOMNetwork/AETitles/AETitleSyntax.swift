/// AETitles.conf as sections of keys and values, before anything is known of their meaning: `[NAME]` lines, `key = value`
/// lines, and comments from a `#` that begins a line or follows a blank.
struct AETitleSyntax {
    /// Some characters of the file.
    struct Token: Hashable {
        let text: String
        let line: Int
        /// Of the first character, from 1.
        let column: Int

        /// The parts between commas, trimmed. An empty part stays, for it is a mistake.
        var list: [Token] { parts(between: ",") }

        /// The parts between separators, trimmed.
        func parts(between separator: Character) -> [Token] {
            var parts: [Token] = []
            var start = text.startIndex
            while true {
                let end = text[start...].firstIndex(of: separator) ?? text.endIndex
                parts.append(Token(of: text, start..<end, line: line, column: column))
                guard end < text.endIndex else { return parts }
                start = text.index(after: end)
            }
        }
    }

    struct Entry {
        let key: Token
        let value: Token
    }

    struct Section {
        let name: Token
        var entries: [Entry] = []

        func value(_ key: String) -> Token? { entries.first { $0.key.text == key }?.value }
    }

    private(set) var sections: [Section] = []
    private(set) var problems: [(at: Token, message: String, suggestion: String?)] = []

    /// Takes a whole file. Lines end with LF or CR LF.
    init(_ text: String) {
        let body = text.first == "\u{FEFF}" ? text.dropFirst() : text[...]
        let lines = body.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
        for (index, line) in lines.enumerated() {
            read(String(line), number: index + 1)
        }
    }

    private mutating func read(_ line: String, number: Int) {
        let content = AETitleSyntax.withoutComment(line)
        let whole = Token(of: line, line.startIndex..<content, line: number, column: 1)
        guard !whole.text.isEmpty else { return }
        if whole.text.hasPrefix("[") {
            readSection(whole)
        } else if let equals = line[..<content].firstIndex(of: "=") {
            let key = Token(of: line, line.startIndex..<equals, line: number, column: 1)
            let value = Token(of: line, line.index(after: equals)..<content, line: number, column: 1)
            readEntry(Entry(key: key, value: value))
        } else {
            problems.append(
                (whole, "This line is neither a section nor a setting.", "Write \"[NAME]\" or \"key = value\"."))
        }
    }

    private mutating func readSection(_ line: Token) {
        guard line.text.hasSuffix("]"), line.text.count > 1 else {
            problems.append(
                (line, "The section's name has no closing bracket.", "Write \"[NAME]\" on a line of its own."))
            return
        }
        let inside = line.text.index(after: line.text.startIndex)..<line.text.index(before: line.text.endIndex)
        let name = Token(of: line.text, inside, line: line.line, column: line.column)
        if let first = sections.first(where: { $0.name.text == name.text }) {
            problems.append(
                (
                    name, "The section [\(name.text)] is there twice.",
                    "The first one is on line \(first.name.line); join them."
                ))
        }
        sections.append(Section(name: name))
    }

    private mutating func readEntry(_ entry: Entry) {
        guard !entry.key.text.isEmpty else {
            problems.append((entry.key, "There is no key before the equals sign.", "Write \"key = value\"."))
            return
        }
        guard let last = sections.indices.last else {
            problems.append(
                (entry.key, "This setting is in no section.", "Write the section's name, as \"[NAME]\", above it."))
            return
        }
        if let first = sections[last].entries.first(where: { $0.key.text == entry.key.text }) {
            problems.append(
                (
                    entry.key, "\"\(entry.key.text)\" is set twice in this section.",
                    "The first one is on line \(first.key.line)."
                ))
            return
        }
        if entry.value.text.isEmpty {
            problems.append((entry.value, "\"\(entry.key.text)\" has no value.", "Write one, or take the line out."))
        }
        sections[last].entries.append(entry)
    }

    private static func withoutComment(_ line: String) -> String.Index {
        var isAfterBlank = true
        for index in line.indices {
            if line[index] == "#", isAfterBlank { return index }
            isAfterBlank = line[index].isWhitespace
        }
        return line.endIndex
    }
}

extension AETitleSyntax.Token {
    /// The trimmed characters of a range. `column` is that of the text's first character.
    fileprivate init(of text: String, _ range: Range<String.Index>, line: Int, column: Int) {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, text[start].isWhitespace { start = text.index(after: start) }
        while start < end, text[text.index(before: end)].isWhitespace { end = text.index(before: end) }
        self.init(
            text: String(text[start..<end]), line: line,
            column: column + text.distance(from: text.startIndex, to: start))
    }
}
